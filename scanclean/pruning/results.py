"""What pruning came to: costs and errors of all that was made, and DSD against its control."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from scanclean.pruning import dsd, measure
from scanclean.pruning.work import Plan, Variant
from scanclean.training.metrics import psnr
from scanclean.training.pairs import Pair

STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57}
"""A gain counts when its mean is more than so many of its standard errors from 0, by the number of
seeds: Student's t, 95 %. More seeds are judged like the most that stand here."""
TITLES = {
    "dsd": "dense-sparse-dense",
    "control": "dense control",
    "sparse": "sparse",
    "tuned": "trained on",
}


@dataclass(frozen=True)
class Row:
    """One network, with some seeds."""

    name: str
    """What it is."""
    cost: measure.Cost
    """What it costs."""
    rmse: tuple[float, ...]
    """Validation error of each seed, 0..1; empty without pages to judge by."""


@dataclass(frozen=True)
class Gain:
    """What masks gave: DSD beside the dense control of the same seed, the same steps and rates."""

    name: str
    """Of which network; empty: the one that was given."""
    seeds: tuple[int, ...]
    """In the order of `db`."""
    db: tuple[float, ...]
    """PSNR of DSD less that of its control, for each seed."""

    @property
    def word(self) -> str:
        """helps, harms, no difference that counts, or one seed."""
        if len(self.db) < 2:
            return "one seed says nothing about the spread"
        error = stdev(self.db) / math.sqrt(len(self.db))
        if abs(mean(self.db)) <= STUDENT[min(len(self.db), max(STUDENT))] * error:
            return "no difference that counts"
        return "DSD helps" if mean(self.db) > 0 else "DSD harms"


def rows(plan: Plan, validation: Sequence[Pair]) -> tuple[list[Row], list[Gain]]:
    """Measure everything of a plan whose arms are made."""
    files: dict[str, list[Path]] = {"as given": [plan.source]}
    if plan.dense:
        files = {"dense": [plan.source]}
    for variant in plan.variants:
        files |= _files(variant)
    costs = measure.costs({name: paths[0] for name, paths in files.items()})
    found = []
    for name, paths in files.items():
        errors = [measure.rmse(path, validation) for path in paths]
        found.append(Row(name, costs[name], tuple(e for e in errors if e is not None)))
    return found, [gain for v in plan.variants if (gain := _gain(v, found))]


def _files(variant: Variant) -> dict[str, list[Path]]:
    """Weights by the name of a row, one for each seed; the first of sparse ones as delivered."""
    before = f"{variant.name}, " if variant.name else ""
    files: dict[str, list[Path]] = {}
    if variant.budget:
        files[f"{before}not trained on"] = [variant.start]
    if not variant.arms and not variant.budget:
        files["sparse, not trained on"] = [variant.product]
    for arm in variant.arms:
        first = arm.seed == variant.arms[0].seed
        compact = arm.kind == "sparse" and first and not variant.compared
        weights = variant.product if compact else arm.weights
        files.setdefault(f"{before}{TITLES[arm.kind]}", []).append(weights)
        if arm.kind == "dsd":
            title = f"{before}sparse, half way of DSD"
            files.setdefault(title, []).append(arm.phases[-2].weights)
    return files


def _gain(variant: Variant, found: Sequence[Row]) -> Gain | None:
    before = f"{variant.name}, " if variant.name else ""
    by_name = {row.name: row.rmse for row in found}
    ours, control = (by_name.get(before + TITLES[kind], ()) for kind in ("dsd", "control"))
    if not ours or not control:
        return None
    seeds = tuple(arm.seed for arm in variant.arms if arm.kind == "dsd")
    db = tuple(psnr(a) - psnr(b) for a, b in zip(ours, control, strict=True))
    return Gain(variant.name, seeds, db)


def minutes(plan: Plan) -> float:
    """How long training took."""
    arms = [arm for variant in plan.variants for arm in variant.arms]
    return sum(map(dsd.seconds, [*arms, *([plan.dense] if plan.dense else [])])) / 60
