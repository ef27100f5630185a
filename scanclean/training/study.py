"""The study run again: recipes with one budget and several seeds, and what became of its findings.

A finding says that one recipe is better than another, that a change gave nothing, or that training
diverges. Results decide by one rule, in `judge`.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

from scanclean.atomic import replacing
from scanclean.classical import classical
from scanclean.config import CLASSICAL, TrainConfig
from scanclean.errors import DataError, OutputError, UsageError
from scanclean.training import recipes
from scanclean.training.events import Diverged, Evaluation, Event
from scanclean.training.material import gather
from scanclean.training.metrics import pooled_rmse, psnr
from scanclean.training.pairs import load_rgb
from scanclean.training.rundir import CHECKPOINT, read_config, read_log
from scanclean.training.runs import train

PREFIX = "study/"
"""Names of the study's recipes begin with it."""
RESULT = "result.json"
"""What a finished run came to, in its folder."""
ERRORS = 2.0
"""A difference of means counts when it is more than so many of its standard errors."""
ONE_SEED = 0.05
"""With a single seed there is no spread to compare with: smaller relative differences are none."""
SYSTEMS = ("classical", "dncnn", "srresnet", "unet", "pix2pix", "kbnet-4")
"""The six systems, each in its best form; by their names without `PREFIX`."""
Kind = Literal["better", "no gain", "diverges"]


@dataclass(frozen=True)
class Finding:
    """Something that the study says."""

    words: str
    """In a sentence."""
    kind: Kind
    """What is claimed of `first`, compared with `second`."""
    first: str
    """Name of a recipe, without `PREFIX`."""
    second: str
    """Name of the recipe that it is compared with."""
    theirs: str
    """The study's figures."""


def _vain(words: str, name: str, theirs: str = "no gain", base: str = "kbnet-2-rgb") -> Finding:
    return Finding(words, "no gain", name, base, theirs)


NORMED = "srresnet-channel-norm"
FINDINGS = (
    Finding("Dropping the channel normalisation is what SRResNet gained by", "better",
            "srresnet", NORMED, "4.74 against 28"),
    _vain("Another normalisation (-1..1) does not help", "srresnet-range-norm", "28", NORMED),
    _vain("Normalising each picture does not help", "srresnet-instance-norm", "28", NORMED),
    _vain("Blocks of 1x1+3x3+1x1 do not help", "srresnet-block", "28", NORMED),
    _vain("MAE does not help", "srresnet-l1", "28", NORMED),
    _vain("A perceptual loss does not help", "srresnet-perceptual", "28", NORMED),
    _vain("PReLU does not help", "srresnet-prelu", "28", NORMED),
    _vain("GELU does not help", "srresnet-gelu", "28", NORMED),
    _vain("GLU does not help", "srresnet-glu", "28", NORMED),
    _vain("Augmentation does not help", "srresnet-augment", "28", NORMED),
    Finding("SRResNet is better than DnCNN", "better", "srresnet", "dncnn", "4.74 against 28.5"),
    Finding("U-Net is better than DnCNN", "better", "unet", "dncnn", "4.8 against 28.5"),
    Finding("U-Net is better than a filter that learns nothing", "better",
            "unet", "classical", "4.8; filter dropped"),
    Finding("Pix2Pix does not work: the U-Net alone is better", "better",
            "unet", "pix2pix", "4.8; no score"),
    Finding("KBNet's first trial is better than U-Net", "better",
            "kbnet-1", "unet", "3.8 against 4.8"),
    Finding("KBNet is better than U-Net", "better", "kbnet-4", "unet", "3.47 against 4.8"),
    Finding("KBNet is better than SRResNet", "better",
            "kbnet-4", "srresnet", "3.47 against 4.74"),
    Finding("Augmentation helps KBNet", "better",
            "kbnet-2-rgb", "kbnet-1", "validation 0.0049 against 0.0052"),
    _vain("A larger batch gives nothing", "kbnet-3-batch", "out of memory"),
    _vain("A larger patch gives nothing", "kbnet-3-patch", "out of memory"),
    _vain("MAE gives nothing", "kbnet-3-mae"),
    _vain("An exponential schedule gives nothing", "kbnet-3-exponential"),
    Finding("An initial rate of 0.005 diverges", "diverges",
            "kbnet-3-rate", "kbnet-2-rgb", "in epoch 4"),
    _vain("More middle blocks give nothing", "kbnet-3-middle"),
    _vain("`lightweight` gives nothing", "kbnet-3-lightweight"),
    _vain("A weight penalty gives nothing", "kbnet-3-penalty"),
    _vain("16 channels on four levels give nothing", "kbnet-3-narrow"),
    Finding("The last trial is better than the first", "better",
            "kbnet-4", "kbnet-1", "3.47 against 3.8"),
    Finding("Pinning the rate before the cosine climbs is better", "better",
            "kbnet-4", "kbnet-4-unpinned", "learning stops without it"),
)  # fmt: skip
"""All findings of the study that a run can confirm or reverse."""


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    recipe: str
    """Its recipe, without `PREFIX`."""
    seed: int
    """Its seed."""
    rmse: float
    """Lowest validation error, 0..1; infinite where training diverged before any."""
    diverged: int = 0
    """Step in which training diverged; 0: it did not."""
    seconds: float = 0.0
    """How long it took, when it was not interrupted."""


@dataclass(frozen=True)
class Verdict:
    """What became of a finding."""

    word: str
    """confirmed, not confirmed, reversed, or not run."""
    figures: str = ""
    """The means and spreads that say so, in gray levels of 255."""


def chosen(patterns: str) -> list[str]:
    """Names of the study's recipes that match patterns such as "unet,kbnet-3-*"; "all" is all.

    Raises:
        UsageError: a pattern matches none.
    """
    known = [name for name in recipes.RECIPES if name.startswith(PREFIX)]
    wanted = [PREFIX + p.strip().removeprefix(PREFIX) for p in patterns.split(",") if p.strip()]
    if patterns.strip() == "all":
        return known
    for pattern in wanted:
        if not any(fnmatch(name, pattern) for name in known):
            raise _unknown(pattern.removeprefix(PREFIX), [n.removeprefix(PREFIX) for n in known])
    return [name for name in known if any(fnmatch(name, pattern) for pattern in wanted)]


def _unknown(name: str, known: Sequence[str]) -> UsageError:
    close = get_close_matches(name, known, n=3, cutoff=0.4)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    return UsageError(
        f"--recipes {name}: no recipe of the study is called so",
        hint=f"{meant}`scanclean study --list` shows all",
    )


def plan(
    data: Path, folder: Path, names: Sequence[str], seeds: Sequence[int], budget: Mapping[str, Any]
) -> list[TrainConfig]:
    """The runs of a study, one folder each, seed by seed so that all recipes are there early.

    Args:
        data: data folder with pairs.
        folder: the study's folder.
        names: recipes.
        seeds: seeds.
        budget: fields of `TrainConfig` that all share, such as `steps`.
    """
    if not names or not seeds:
        raise UsageError("a study needs recipes and seeds")
    base = TrainConfig(data=str(data), run="")
    configs = []
    for seed in seeds:
        for name in names:
            config = recipes.applied(base, recipes.find(name), budget)
            run = folder / "runs" / f"{name.removeprefix(PREFIX)}-{seed}"
            configs.append(replace(config, seed=seed, run=str(run)))
    return configs


def refuse_other(configs: Sequence[TrainConfig]) -> None:
    """Look before any work whether runs with other settings would be written over.

    Raises:
        OutputError: they would.
    """
    for run in (Path(config.run) for config in configs if not _same(config)):
        if any((run / name).exists() for name in (RESULT, CHECKPOINT)):
            raise OutputError(
                f"{run}: holds a run with other settings", hint="name another folder with -o"
            )


def finished(config: TrainConfig) -> Result | None:
    """What a run came to, if it was made with just these settings and is at its end."""
    try:
        stored = json.loads((Path(config.run) / RESULT).read_text("utf-8"))
        return Result(**stored) if _same(config) else None
    except (OSError, ValueError, TypeError):
        return None


def _same(config: TrainConfig) -> bool:
    machine = ("device", "workers", "threads")
    try:
        before = read_config(Path(config.run))
    except DataError:
        return False
    return before == replace(config, **{name: getattr(before, name) for name in machine})


def carry_out(config: TrainConfig) -> Generator[Event]:
    """Make one run of a study, or go on with it, and note what it came to.

    Training that diverges is a result, no error.
    """
    run = Path(config.run)
    resume = (run / CHECKPOINT).exists() and _same(config)
    if not resume:
        shutil.rmtree(run, ignore_errors=True)
    began, diverged = time.monotonic(), 0
    try:
        for event in (
            _filtered(config) if config.model == CLASSICAL else train(config, resume=resume)
        ):
            diverged = event.step if isinstance(event, Diverged) else 0
            yield event
    except DataError:
        if not diverged:
            raise
    scores = [line["rmse"] for line in read_log(run) if line["event"] == Evaluation.__name__]
    name = config.recipe.removeprefix(PREFIX)
    seconds = round(time.monotonic() - began, 1)
    result = Result(name, config.seed, min(scores, default=math.inf), diverged, seconds)
    with replacing(run / RESULT, force=True) as temporary:
        temporary.write_text(json.dumps(asdict(result)))


def _filtered(config: TrainConfig) -> Generator[Event]:
    """The "run" of the filter that learns nothing: one evaluation."""
    pairs = gather(config).validation
    rmse = pooled_rmse((classical(load_rgb(p.scan)), load_rgb(p.clean)) for p in pairs)
    event = Evaluation(config.steps, rmse, psnr(rmse), best=True)
    run = Path(config.run)
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(asdict(config)))
    (run / "log.jsonl").write_text(json.dumps({"event": "Evaluation", **asdict(event)}) + "\n")
    yield event


def judge(finding: Finding, results: Sequence[Result]) -> Verdict:
    """Whether a finding holds.

    Means over the seeds are compared. A difference counts if it is more than `ERRORS` standard
    errors, sqrt(s1^2 / n1 + s2^2 / n2) with the standard deviations s over n seeds; with one seed,
    if it is more than `ONE_SEED` of the lower mean. "better" is confirmed by a difference in its
    favour and reversed by one against it. "no gain" is confirmed unless there is a gain, which
    reverses it. A run that diverged loses against one that did not.
    """
    first, second = ([r for r in results if r.recipe == n] for n in (finding.first, finding.second))
    if finding.kind == "diverges" and first:
        count = sum(r.diverged > 0 for r in first)
        word = "confirmed" if 2 * count > len(first) else "not confirmed"
        return Verdict(word, f"{count} of {len(first)} runs diverged")
    if not first or not second:
        return Verdict("not run")
    figures = f"{spread(first)} against {spread(second)}"
    if min(len(first), len(second)) == 1:
        figures += ", one seed only"
    gain = _gain(first, second)
    if finding.kind == "no gain":
        return Verdict("reversed" if gain > 0 else "confirmed", figures)
    return Verdict({1: "confirmed", 0: "not confirmed", -1: "reversed"}[gain], figures)


def _gain(first: Sequence[Result], second: Sequence[Result]) -> int:
    """1: the first has the lower error, -1: the second, 0: no difference that counts."""
    failed = [any(r.diverged for r in side) for side in (first, second)]
    if any(failed):
        return failed[1] - failed[0]
    a, b = ([r.rmse for r in side] for side in (first, second))
    if min(len(a), len(b)) > 1:
        least = ERRORS * math.sqrt(stdev(a) ** 2 / len(a) + stdev(b) ** 2 / len(b))
    else:
        least = ONE_SEED * min(mean(a), mean(b))
    difference = mean(b) - mean(a)
    return 0 if abs(difference) <= least else int(math.copysign(1, difference))


def spread(results: Sequence[Result], scale: float = 255, digits: int = 2) -> str:
    """Mean and standard deviation of validation errors, in words."""
    diverged = [r.diverged for r in results if r.diverged]
    if diverged:
        return f"diverged in step {min(diverged)}"
    values = [r.rmse * scale for r in results]
    deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{deviation}"
