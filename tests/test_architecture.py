"""Who may import whom: the table of the house, enforced."""

import ast
from pathlib import Path

import pytest

import scanclean

ROOT = Path(scanclean.__file__).parent
MODULES = {
    ".".join(("scanclean", *path.relative_to(ROOT).with_suffix("").parts)): path
    for path in sorted(ROOT.rglob("*.py"))
}

GROUND = {"errors", "progress", "plugins", "config", "page", "spec", "atomic", "parallel",
          "journal", "packing"}  # fmt: skip
PARTS = {"tiling", "fidelity", "classical", "paper", "ink", "grounds", "screens", "specks",
         "blocks", "shapes", "tones",
         "checkpoint", "_sparse", "models", "backends", "documents", "codecs"}  # fmt: skip
USE_CASES = {"restorer", "engine", "jobs", "restoration", "records", "resume", "unfinished",
             "weights", "_download", "_weightfile", "training", "evaluation", "report",
             "pruning"}  # fmt: skip
PARTS_MAY = {
    "backends": {"checkpoint", "models"},
    "checkpoint": {"models", "_sparse"},
    "documents": {"codecs", "tones"},
    "tones": {"blocks", "shapes"},
    "fidelity": {"paper", "blocks", "shapes"},
    "classical": {"paper", "blocks", "shapes"},
    "ink": {"paper", "blocks", "shapes"},
    "paper": {"grounds", "screens", "blocks", "shapes"},
    "screens": {"blocks", "shapes"},
    "specks": {"paper", "blocks", "shapes"},
    "grounds": {"shapes"},
    "tiling": {"shapes"},
}
THIRD_PARTY = {
    "typer": {"cli"},
    "rich": {"cli"},
    "torch": {"models", "training", "pruning", "checkpoint", "_sparse", "backends.pytorch"},
    "safetensors": {"checkpoint"},
    "onnx": {"checkpoint"},
    "onnxruntime": {"backends.ort"},
    "pymupdf": {"documents", "training"},
    "PIL": {"documents", "codecs", "training", "evaluation", "report"},
    "matplotlib": {"report"},
    "platformdirs": {"weights"},
    "urllib": {"_download"},
}
HEAVY = {"torch", "safetensors", "onnx", "onnxruntime", "pymupdf", "PIL"}


def imports(path: Path) -> list[tuple[str, bool]]:
    """(module, whether at the top of the file) for everything a file imports."""
    tree = ast.parse(path.read_text("utf-8"))
    top = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(f"{node.module}.{alias.name}", id(node) in top) for alias in node.names]
    return found


def family(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downward(module):
    here = family(module)
    for name, _ in imports(MODULES[module]):
        there = family(name)
        if not name.startswith("scanclean.") or there == here or name == "scanclean.__version__":
            continue
        if here in GROUND:
            assert there in GROUND, f"{module} imports {name}"
        elif here in PARTS:
            allowed = GROUND | PARTS_MAY.get(here, set())
            assert there in allowed, f"{module} imports {name}"
        elif here in USE_CASES:
            assert there in GROUND | PARTS | USE_CASES, f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_third_parties_live_where_the_table_says(module):
    where = module.removeprefix("scanclean.")
    for name, _ in imports(MODULES[module]):
        package = name.split(".")[0]
        if package in THIRD_PARTY:
            homes = THIRD_PARTY[package]
            assert any(where == h or where.startswith(h + ".") for h in homes), f"{module}: {name}"


@pytest.mark.parametrize("module", MODULES)
def test_heavy_imports_wait_until_they_are_needed(module):
    loaded_on_choice = ("models", "training", "pruning", "checkpoint", "_sparse", "evaluation")
    if family(module) in loaded_on_choice:
        return
    for name, at_top in imports(MODULES[module]):
        assert not (at_top and name.split(".")[0] in HEAVY), f"{module}: {name}"


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_line_prints(module):
    if family(module) == "cli":
        return
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{module}:{node.lineno}"


def test_every_module_of_the_table_exists():
    families = {family(module) for module in MODULES} - {"", "cli", "__init__", "__main__"}
    assert families == GROUND | PARTS | USE_CASES
