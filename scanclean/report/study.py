"""The report of the study: Markdown, and a picture of the curves beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from scanclean import __version__
from scanclean.atomic import replacing
from scanclean.config import CLASSICAL, TrainConfig
from scanclean.report.curves import Curve, draw_study
from scanclean.training import recipes
from scanclean.training.events import Evaluation
from scanclean.training.rundir import read_log
from scanclean.training.study import (
    ERRORS,
    FINDINGS,
    ONE_SEED,
    PREFIX,
    SYSTEMS,
    Result,
    finished,
    judge,
    spread,
)

GROUPS = {"systems": SYSTEMS, "SRResNet": ("srresnet",), "KBNet": ("kbnet",)}
"""Pictures of curves: recipes by the beginnings of their names."""


def write(folder: Path, configs: Sequence[TrainConfig]) -> Path:
    """Write report.md and curves.png about the runs that are finished.

    Args:
        folder: the study's folder.
        configs: its runs.

    Returns:
        The report.
    """
    results = [result for config in configs if (result := finished(config))]
    groups = _curves([config for config in configs if finished(config)])
    drawn = bool(groups) and draw_study(folder / "curves.png", groups)
    parts = [
        _head(configs, results),
        _systems(results),
        "![Validation error over the steps](curves.png)\n" if drawn else "",
        _trials(results),
        _findings(results),
        _commands(configs),
    ]
    report = folder / "report.md"
    with replacing(report, force=True) as temporary:
        temporary.write_text("\n".join(part for part in parts if part), "utf-8")
    return report


def _head(configs: Sequence[TrainConfig], results: Sequence[Result]) -> str:
    one = next((c for c in configs if c.model != CLASSICAL), configs[0])
    seeds = sorted({config.seed for config in configs})
    minutes = sum(result.seconds for result in results) / 60
    return f"""# The study, run again

Data: `{Path(one.data).name}`. {one.steps} steps of {one.batch} patches of {one.patch} pixels for
each system, seeds {", ".join(map(str, seeds))}. {len(results)} of {len(configs)} runs are finished,
{minutes:.0f} minutes in all. scanclean {__version__}.

Errors are root mean squares over all pixels of the validation pages, the lowest of a run, as mean ±
standard deviation over the seeds; lower is better. The study's scores are on data of its own and
stand beside them to compare the order, not the values.
"""


def _systems(results: Sequence[Result]) -> str:
    return "## Six systems\n\n" + _table([PREFIX + name for name in SYSTEMS], results)


def _trials(results: Sequence[Result]) -> str:
    made = {PREFIX + result.recipe for result in results}
    rest = [n for n in recipes.RECIPES if n in made and n.removeprefix(PREFIX) not in SYSTEMS]
    return "## Trials\n\n" + _table(rest, results) if rest else ""


def _table(names: Sequence[str], results: Sequence[Result]) -> str:
    lines = ["| recipe | | RMSE, 0..255 | RMSE, 0..1 | study |", "|---|---|---|---|---|"]
    for name in names:
        recipe = recipes.find(name)
        found = [r for r in results if PREFIX + r.recipe == name]
        ours = f"{spread(found)} | {spread(found, 1, 4)}" if found else "not run | "
        lines.append(f"| `{name}` | {recipe.title} | {ours} | {recipe.score} |")
    return "\n".join(lines) + "\n"


def _findings(results: Sequence[Result]) -> str:
    lines = ["| finding | study | here | verdict |", "|---|---|---|---|"]
    for finding in FINDINGS:
        verdict = judge(finding, results)
        if verdict.word != "not run":
            said = f"| {finding.words} | {finding.theirs} | {verdict.figures} "
            lines.append(f"{said}| **{verdict.word}** |")
    left = len(FINDINGS) + 2 - len(lines)
    rule = f"""
A difference counts if it is more than {ERRORS:g} standard errors of the means; with one seed, if it
is more than {ONE_SEED:.0%}. "No help" is confirmed unless there is a gain that counts.
"""
    skipped = f"{left} findings were not run.\n" if left else ""
    return "## Findings\n\n" + "\n".join(lines) + "\n" + rule + skipped


def _commands(configs: Sequence[TrainConfig]) -> str:
    lines = []
    for config in configs:
        name = config.recipe
        if config.model == CLASSICAL:
            lines.append(f"scanclean study {config.data} --recipes {name} -o again")
            continue
        size = f"--steps {config.steps} --batch {config.batch} --patch {config.patch}"
        run = f"{name.removeprefix(PREFIX)}-{config.seed}"
        lines.append(
            f"scanclean train {config.data} --recipe {name} {size} "
            f"--evaluate-every {config.evaluate_every} --seed {config.seed} -o {run}"
        )
    unique = list(dict.fromkeys(lines))
    return "## To repeat a line\n\n```\n" + "\n".join(unique) + "\n```\n"


def _curves(configs: Sequence[TrainConfig]) -> list[tuple[str, list[Curve]]]:
    runs: dict[str, list[Path]] = defaultdict(list)
    for config in configs:
        if config.model != CLASSICAL:  # a point
            runs[config.recipe.removeprefix(PREFIX)].append(Path(config.run))
    groups = []
    for title, beginnings in GROUPS.items():
        names = [
            n for n in runs if (n in SYSTEMS if title == "systems" else n.startswith(beginnings))
        ]
        curves = [_mean_curve(name, runs[name]) for name in names]
        if any(curve.steps for curve in curves):
            groups.append((title, curves))
    return groups


def _mean_curve(name: str, runs: Sequence[Path]) -> Curve:
    """Validation error over the steps, where all seeds of a recipe have it."""
    values: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        for line in read_log(run):
            if line["event"] == Evaluation.__name__:
                values[line["step"]].append(line["rmse"])
    whole = {step: mean(v) for step, v in sorted(values.items()) if len(v) == len(runs)}
    return Curve(name, list(whole), list(whole.values()))
