"""Families of plug-ins: every module in a family's folder is one, known by its file name."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType


def names(family: str) -> list[str]:
    """Names of a family's plug-ins, sorted, without importing any.

    >>> names("codecs")
    ['g4', 'jp2', 'jpeg', 'png']
    """
    folder = Path(__file__).parent / family
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def load(family: str, name: str) -> ModuleType:
    """Import one plug-in.

    Raises:
        KeyError: there is none of that name.
    """
    if name not in names(family):
        raise KeyError(f"no {name!r} in {family}; there are: {', '.join(names(family))}")
    return importlib.import_module(f"scanclean.{family}.{name}")
