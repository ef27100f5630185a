"""What a user asks of pruning; standard library only, so that `--help` is quick."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from scanclean.config import TrainConfig
from scanclean.errors import UsageError

DEFAULT_SPARSITY = 0.3
DEFAULT_STEPS = 1000
DEFAULT_SEEDS = (0, 1, 2)
TILE = 512
"""Side of the tile that budgets and reports are about, pixels."""

Unit: TypeAlias = Literal["each", "bases", "GMAC", "ms"]


@dataclass(frozen=True)
class Budget:
    """What a network with fewer kernel bases may cost."""

    amount: float
    """How much."""
    unit: Unit
    """each: bases of each block, all alike. bases: as much work as if each block had so many.
    GMAC: of the whole network for a tile. ms: the same, on one thread of this processor."""

    @property
    def name(self) -> str:
        """For folders and tables."""
        kind = {"each": "", "bases": "-mixed"}.get(self.unit, self.unit)
        unit = "bases-" if self.unit in ("each", "bases") else "budget-"
        return f"{unit}{self.amount:g}{kind}"


@dataclass(frozen=True)
class PruneConfig:
    """Everything that `prune` does."""

    train: TrainConfig
    """Settings of every phase; `train.steps` are those of one. `train.start_from` is the network
    that is pruned; empty: one is trained first, for as many steps."""
    run: str
    """Folder for everything."""
    dsd: bool = False
    """Dense-sparse-dense, beside a dense control."""
    sparsity: float | None = None
    """Share of zeros in each layer; None: no zeros."""
    cycles: int = 1
    """How often sparse and dense follow each other."""
    seeds: tuple[int, ...] = (0,)
    """All is done with each of these."""
    budgets: tuple[Budget, ...] = ()
    """A network with fewer kernel bases for each of them; empty: the network as it is."""
    light: bool = False
    """Depthwise 3x3 convolutions for the grouped 5x5 ones."""

    @property
    def smaller(self) -> bool:
        """Whether the networks that come out have another shape."""
        return self.light or bool(self.budgets)


def check(config: PruneConfig) -> None:
    """Look at settings before any work.

    Raises:
        UsageError: they make no sense.
    """
    if config.sparsity is not None and not 0 < config.sparsity < 1:
        raise UsageError(f"--sparsity {config.sparsity:g}: must be above 0 and below 1")
    if not config.seeds or min(config.seeds) < 0 or len(set(config.seeds)) < len(config.seeds):
        raise UsageError("--seeds: give different numbers, 0 or above")
    if not config.dsd and config.sparsity is None and not config.smaller:
        raise UsageError(
            "nothing to prune",
            hint="type --dsd, --sparsity 0.5 or --bases 1; --light is for networks that are not "
            "light yet, which the bundled one is",
        )
    if config.dsd and config.train.steps < 1:
        raise UsageError("--steps 0: dense-sparse-dense is training")


def parse_bases(text: str) -> tuple[Budget, ...]:
    """Read what follows `--bases`.

    Raises:
        UsageError: not numbers above 0.

    >>> [budget.name for budget in parse_bases("16,8")]
    ['bases-16', 'bases-8']
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(re.fullmatch(r"[1-9]\d{0,3}", word) for word in words):
        raise UsageError(f"--bases {text}: give numbers above 0, such as 1 or 8,4,2")
    return tuple(Budget(float(word), "each") for word in words)


def parse_budgets(text: str) -> tuple[Budget, ...]:
    """Read what follows `--budget`.

    Raises:
        UsageError: not amounts with a unit.

    >>> [budget.name for budget in parse_budgets("8bases, 4.5GMAC,90ms")]
    ['bases-8-mixed', 'budget-4.5GMAC', 'budget-90ms']
    """
    units = {unit.lower(): unit for unit in get_args(Unit) if unit != "each"}
    found = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([A-Za-z]+)", word)
        unit = units.get(match[2].lower()) if match else None
        if match is None or unit is None or float(match[1]) <= 0:
            raise UsageError(
                f"--budget {word}: give an amount and its unit: 2.4GMAC, 90ms, or 1.5bases"
            )
        found.append(Budget(float(match[1]), cast(Unit, unit)))
    return tuple(found)
