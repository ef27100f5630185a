"""All that `prune` does, in a folder that can be resumed.

RUN/prune.json             what all results in it share
RUN/dense-SEED/            the network trained first, where none was given
RUN/bases-8/ ...           a folder for each smaller network: number or budget of bases, or light:
    start.safetensors      the smaller network, before it is trained on
    bases.json             how many bases each block has, and from what
RUN/all-bases/             the network as it was, trained on as long, to compare with
RUN[/bases-8]/KIND-SEED/   an arm: its phases, each a folder of a training run
RUN[/bases-8]/pruned.safetensors    what comes out
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from torch import Tensor

from scanclean import checkpoint
from scanclean._weightfile import hash_file
from scanclean.atomic import output_error, replacing
from scanclean.errors import OutputError, UsageError
from scanclean.models import kbnet
from scanclean.models.kbnet import KBNet
from scanclean.pruning import bases, budget, dsd, masks, measure
from scanclean.pruning.dsd import Arm, Kind
from scanclean.pruning.light import lightened, require_wide
from scanclean.pruning.options import Budget, PruneConfig
from scanclean.spec import ModelSpec
from scanclean.training.feed import Patches, batches
from scanclean.training.material import Material

ALL, LIGHT = "all-bases", "light"
PURPOSE = "prune.json"
"""Settings that all results in a folder share."""
PRODUCT, START, BASES = "pruned.safetensors", "start.safetensors", "bases.json"
CALIBRATION = 16
"""Batches on which kernel bases are judged: 64 patches as they come."""
TRIED = 2
"""Batches of them on which the sensitivity of every block is measured, which runs the network once
for each."""


@dataclass(frozen=True)
class Variant:
    """A network of some shape, and how it is trained on."""

    name: str
    """For people; empty: the shape that was given."""
    folder: Path
    """For its arms and what comes out."""
    budget: Budget | None
    """What its bases may cost; None: they stay."""
    light: bool
    """Its wide convolutions become light."""
    start: Path
    """The network before it is trained on."""
    arms: tuple[Arm, ...]
    """How it is trained on; empty: not at all."""
    compared: bool = False
    """It is there to compare others with, and nothing is delivered."""

    @property
    def product(self) -> Path:
        """What comes out: of the first seed, and of the control never."""
        return self.folder / PRODUCT


@dataclass(frozen=True)
class Plan:
    """Everything that is to be made."""

    dense: Arm | None
    """Training of the network to prune; None where it was given."""
    source: Path
    """The network to prune."""
    variants: tuple[Variant, ...]
    """What is made of it."""


def refuse_other(config: PruneConfig) -> None:
    """Look before any work whether another command's results would be written over.

    Networks of other sizes, other seeds and another machine are no other purpose.

    Raises:
        OutputError: the folder holds what was made with other settings, a training run, or weights.
    """
    folder = Path(config.run)
    try:
        found = (folder / PURPOSE).read_text("utf-8")
    except FileNotFoundError:
        if (folder / "config.json").exists():
            raise OutputError(
                f"{folder}: is the folder of a training run", hint="name another one with -o"
            ) from None
        if (folder / PRODUCT).exists():
            raise OutputError(
                f"{folder / PRODUCT}: exists already", hint="name another folder with -o"
            ) from None
    except OSError as error:
        raise output_error(folder, error) from error
    else:
        if found != _purpose(config):
            raise OutputError(
                f"{folder}: holds what another prune command made",
                hint="name another folder with -o, or delete that one",
            )


def settle(config: PruneConfig) -> None:
    """Write down what a folder is for: see `refuse_other`."""
    with replacing(Path(config.run) / PURPOSE, force=True) as temporary:
        temporary.write_text(_purpose(config), "utf-8")


def _purpose(config: PruneConfig) -> str:
    free = {"run", "seed", "start_from", *dsd.MACHINE}
    purpose = {k: v for k, v in asdict(config.train).items() if k not in free}
    purpose |= {"dsd": config.dsd, "sparsity": config.sparsity, "cycles": config.cycles}
    start = Path(config.train.start_from)
    purpose["start"] = hash_file(start) if start.is_file() else ""
    return json.dumps(purpose, indent=1) + "\n"


def require_possible(config: PruneConfig) -> None:
    """Look before any work whether the smaller networks that are asked for can be made.

    Only a budget in milliseconds has to wait until the network was timed.

    Raises:
        UsageError: it has no more bases than that, is light already, or the budget cannot be met.
        WeightsError: the network has no bases.
    """
    if not config.smaller:
        return
    train = config.train
    if train.start_from:
        given = checkpoint.load(Path(train.start_from))[0]
    else:
        shape = {**dict(train.network), "channels": train.channels}
        given = checkpoint.build(ModelSpec(train.model, shape))
    net = bases.require_bases(given, train.start_from or f"--model {train.model}")
    if config.light:
        require_wide(net)
        net = kbnet.build(replace(net.config, lightweight=True))  # costs do not depend on weights
    for wanted in config.budgets:
        _require_fewer(net, wanted)
        if wanted.unit == "GMAC":
            budget.require_gmac(net, wanted.amount)


def _require_fewer(net: KBNet, wanted: Budget) -> None:
    most = max(net.config.bases_of_blocks)
    if wanted.unit in ("each", "bases") and wanted.amount >= most:
        raise UsageError(
            f"{wanted.amount:g} bases: the network has {most}",
            hint=f"ask for fewer, such as --bases {most // 2}"
            if most > 1
            else "it cannot have fewer; type --dsd or --sparsity 0.5",
        )


def plan(config: PruneConfig) -> Plan:
    """What a user's wishes come to; nothing is read or written."""
    folder = Path(config.run)
    dense = None
    source = Path(config.train.start_from)
    if not config.train.start_from:
        dense = dsd.arm("dense", config.train, folder, config.seeds[0])
        source = dense.weights
    variants = []
    if config.smaller and config.train.steps:
        # Training on helps any network: what is lost shows beside the whole one, trained as long.
        place = folder / ALL
        arms = _arms(config, place, source)
        variants.append(Variant("all bases", place, None, False, source, arms, compared=True))
    for one in config.budgets or (None,):
        name = "-".join(([one.name] if one else []) + ([LIGHT] if config.light else []))
        place = folder / name
        start = place / START if config.smaller else source
        arms = _arms(config, place, start)
        variants.append(Variant(name, place, one, config.light, start, arms))
    return Plan(dense, source, tuple(variants))


def _arms(config: PruneConfig, folder: Path, start: Path) -> tuple[Arm, ...]:
    if config.train.steps < 1:
        return ()
    kinds: tuple[Kind, ...] = ("tuned",)
    if config.dsd:
        kinds = ("dsd", "control")
    elif config.sparsity is not None:
        kinds = ("sparse",)
    base = replace(config.train, start_from=str(start))
    return tuple(
        dsd.arm(kind, base, folder, seed, sparsity=config.sparsity or 0.0, cycles=config.cycles)
        for seed in config.seeds
        for kind in kinds
    )


def cut(config: PruneConfig, source: Path, variant: Variant, material: Material) -> None:
    """Make the smaller network that a variant begins with, unless it is there.

    Raises:
        WeightsError: the network has no bases.
        UsageError: it has fewer already, is light already, or the budget cannot be met.
    """
    if not (variant.budget or variant.light):
        return
    said = variant.folder / BASES
    origin = {"start": hash_file(source), "data": Path(config.train.data).name}
    try:
        stored = json.loads(said.read_text("utf-8"))
        if variant.start.exists() and origin.items() <= stored.items():
            return
    except (OSError, ValueError):
        pass
    net, spec = checkpoint.load(source)
    small, scans = bases.require_bases(net, str(source)), _scans(config, material)
    if variant.light:
        small = lightened(small, scans)
    facts: dict[str, Any] = {"text": "light convolutions"}
    if variant.budget:
        small, facts = fewer_bases(small, variant.budget, scans)
    notes = f"{spec.trained_on}; {facts['text']}"
    cut_spec = replace(spec, config=checkpoint.spec_of(small, spec.arch).config, trained_on=notes)
    checkpoint.save(small, cut_spec, variant.start)
    with replacing(said, force=True) as temporary:
        temporary.write_text(json.dumps(origin | facts, indent=1) + "\n", "utf-8")


def fewer_bases(
    net: KBNet, wanted: Budget, scans: Sequence[Tensor]
) -> tuple[KBNet, dict[str, Any]]:
    """A network with fewer bases, not trained on, and what is to be said about it.

    Args:
        net: it is not changed.
        wanted: what the bases may cost.
        scans: batches `(B, C, H, W)` in [0, 1] to judge the bases by.

    Raises:
        UsageError: the network has fewer already, or the budget cannot be met.
    """
    full = net.config.bases_of_blocks
    _require_fewer(net, wanted)
    found = bases.spectra(net, scans)
    if wanted.unit == "each":
        kept = tuple(min(int(wanted.amount), n) for n in full)
    else:
        kept = _allocated(net, wanted, found, scans)
    lost = [one.lost(n) / max(one.lost(0), 1e-30) for one, n in zip(found, kept, strict=True)]
    text = f"{sum(kept)} of {sum(full)} kernel bases kept"
    facts = {"text": text, "before": full, "bases": kept, "lost": [round(x, 6) for x in lost]}
    return bases.remixed(net, found, kept), facts


def _allocated(
    net: KBNet, wanted: Budget, found: Sequence[bases.Spectrum], scans: Sequence[Tensor]
) -> tuple[int, ...]:
    full = net.config.bases_of_blocks
    cost = budget.linear_cost(net)
    if wanted.unit == "ms":
        whole = measure.milliseconds({"": (net, checkpoint.spec_of(net, "kbnet"))})[""]
        cost = budget.timed_cost(net, measure.block_milliseconds, whole)
    most = budget.amount(wanted, cost, len(full))
    weights = budget.sensitivity(net, found, scans[:TRIED])
    return budget.allocate(full, found, weights, cost, most).bases


def _scans(config: PruneConfig, material: Material) -> list[Tensor]:
    settings = replace(config.train, steps=CALIBRATION, run=config.run, seed=config.seeds[0])
    data = Patches(material.train, material.pages, settings)
    return [scan for scan, _ in islice(batches(data, settings, 0), CALIBRATION)]


def deliver(config: PruneConfig, variant: Variant) -> Path:
    """Write what a variant comes to, as `restore --weights` takes it.

    A network with zeros is stored without them (`checkpoint.save`, compact).
    """
    sparse = config.sparsity is not None and not config.dsd
    best = next((arm for arm in variant.arms if arm.kind != "control"), None)
    net, spec = checkpoint.load(best.weights if best else variant.start)
    if sparse and config.sparsity and not best:
        masks.apply(masks.by_magnitude(net, config.sparsity), net)
    how = f"{100 * masks.share_of_zeros(net):.0f} % zeros" if sparse else ""
    if config.dsd:
        how = f"dense-sparse-dense x {config.cycles}"
    said = "; ".join(text for text in (spec.trained_on, how) if text)
    checkpoint.save(net, replace(spec, trained_on=said), variant.product, compact=sparse)
    return variant.product
