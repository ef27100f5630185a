"""Recipes: settings under a name. Those of the study, and those of the released weights.

The study (a course project; `scanclean study` runs it again) counts in epochs and gives neither
their number nor its first learning rate, nor the shape of the KBNet of its trials 1 to 3, other
than that it was wider than 16. Here a run counts as 100 epochs, so that "T_max 60" is six tenths of
the steps, whatever their number; the rate begins at 1e-3, and that KBNet is 32 wide.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scanclean.config import CLASSICAL, TrainConfig
from scanclean.errors import UsageError

Changes = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """Settings of a run, as what they change on the defaults."""

    name: str
    """What the user types."""
    title: str
    """What it is, in a line."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `TrainConfig` and their values."""
    times: Mapping[str, int] = field(default_factory=dict)
    """Fields that are multiplied, whatever the budget says."""
    score: str = ""
    """What the study reports for it; lower is better."""

    @property
    def trains(self) -> bool:
        """Whether there is something to train."""
        return self.changes.get("model") != CLASSICAL


def _net(**arguments: object) -> tuple[tuple[str, object], ...]:
    return tuple(arguments.items())


STUDY: Changes = {
    # Pixels as they are, and nothing that the study does not mention: no clipping, no warm-up, no
    # average of the weights. Its schedule is torch's CosineAnnealingLR.
    "even_paper": False,
    "pages_share": 0.0,
    "patch": 128,
    "augment": False,
    "loss": "l2",
    "rate": 1e-3,
    "floor": 1e-4,
    "warmup": 0,
    "schedule": "restarts",
    "period": 0.6,
    "clip": 0.0,
    "weight_decay": 0.0,
    "ema": 0.0,
}

DNCNN = STUDY | {"model": "dncnn", "network": ()}
UNET = STUDY | {"model": "unet", "network": ()}
PIX2PIX = STUDY | {"model": "pix2pix", "network": (), "loss": "l1", "adversarial": 0.01}

SYSTEMS = (
    Recipe("study/classical", "the filter that learns nothing", {"model": CLASSICAL}),
    Recipe("study/dncnn", "DnCNN, the first try", DNCNN, score="28.5"),
    Recipe("study/unet", "U-Net", UNET, score="4.8"),
    Recipe("study/pix2pix", "U-Net against a PatchGAN critic", PIX2PIX, score="did not work"),
)


def _srresnet(**arguments: object) -> Changes:
    shape: Changes = {"activation": "relu", "skip": False} | arguments
    return STUDY | {"model": "srresnet", "network": _net(**shape)}


NORMED = _srresnet(input_norm="channel")

SRRESNET = (
    Recipe("study/srresnet", "no normalisation of the input", _srresnet(), score="4.74"),
    Recipe("study/srresnet-channel-norm", "channels normalised", NORMED, score="28"),
    Recipe("study/srresnet-range-norm", "input in -1..1", _srresnet(input_norm="range")),
    Recipe("study/srresnet-instance-norm", "by picture", _srresnet(input_norm="instance")),
    Recipe(
        "study/srresnet-block",
        "channels normalised, blocks 1x1+3x3+1x1",
        _srresnet(input_norm="channel", block="1x1-3x3-1x1"),
        score="28",
    ),
    Recipe("study/srresnet-l1", "channels normalised, MAE", NORMED | {"loss": "l1"}, score="28"),
    Recipe(
        "study/srresnet-perceptual",
        "channels normalised, perceptual loss",
        NORMED | {"loss": "perceptual"},
        score="28",
    ),
    *(
        Recipe(
            f"study/srresnet-{kind}",
            f"channels normalised, {kind} for relu",
            _srresnet(input_norm="channel", activation=kind),
            score="28",
        )
        for kind in ("prelu", "gelu", "glu")
    ),
    Recipe(
        "study/srresnet-augment",
        "channels normalised, turned and mirrored",
        NORMED | {"augment": True},
        score="28",
    ),
)

WIDE: Changes = {"width": 32, "encoder": (2, 2, 2, 2), "middle": 4, "decoder": (2, 2, 2, 2)}
NARROW: Changes = {"width": 16, "encoder": (2, 2, 2, 2), "middle": 4, "decoder": (4, 2, 2, 2)}
LAST: Changes = {"width": 16, "encoder": (2, 3, 4), "middle": 4, "decoder": (4, 3, 2)}


def _kbnet(shape: Changes, **changes: object) -> Changes:
    return STUDY | {"model": "kbnet", "network": _net(**shape)} | {"augment": True} | changes


KBNET = (
    Recipe("study/kbnet-1", "trial 1: no augmentation", _kbnet(WIDE, augment=False), score="3.8"),
    Recipe("study/kbnet-2-rgb", "trial 2: turned and mirrored, colour", _kbnet(WIDE)),
    Recipe("study/kbnet-2-y", "trial 2: the same on one channel", _kbnet(WIDE, channels=1)),
    Recipe("study/kbnet-3-batch", "trial 3: batch twice as large", _kbnet(WIDE), {"batch": 2}),
    Recipe("study/kbnet-3-patch", "trial 3: patch twice as large", _kbnet(WIDE), {"patch": 2}),
    Recipe("study/kbnet-3-mae", "trial 3: MAE for MSE", _kbnet(WIDE, loss="l1")),
    Recipe(
        "study/kbnet-3-exponential",
        "trial 3: rate falls exponentially",
        _kbnet(WIDE, schedule="exponential"),
    ),
    Recipe(
        "study/kbnet-3-rate",
        "trial 3: initial rate 0.005",
        _kbnet(WIDE, rate=5e-3),
        score="diverged in epoch 4",
    ),
    Recipe("study/kbnet-3-middle", "trial 3: more middle blocks", _kbnet(WIDE | {"middle": 8})),
    Recipe(
        "study/kbnet-3-lightweight", "trial 3: lightweight", _kbnet(WIDE | {"lightweight": True})
    ),
    Recipe("study/kbnet-3-penalty", "trial 3: weight penalty", _kbnet(WIDE, weight_decay=1e-2)),
    Recipe("study/kbnet-3-narrow", "trial 3: 16 wide, four levels", _kbnet(NARROW)),
    Recipe(
        "study/kbnet-4",
        "trial 4: 16 wide, three levels, rate pinned",
        _kbnet(LAST, pin_from=0.59, pin_rate=2e-4),
        score="3.47",
    ),
    Recipe("study/kbnet-4-unpinned", "trial 4 without the pinned rate", _kbnet(LAST)),
)

BUNDLED: Changes = {
    "width": 16,
    "encoder": (1, 2, 2),
    "middle": 2,
    "decoder": (2, 2, 1),
    "bases": 2,
    "lightweight": True,
    "shuffle": 2,
    "pooling": "none",
}
RELEASE = (
    Recipe(
        "release/scanclean",
        "the default weights (their last stage; see weights/README.md)",
        {
            "steps": 5_000,
            "network": _net(**BUNDLED),
            "loss": "ink",
            "optimiser": "muon",
            "rate": 3e-4,
            "floor": 4e-6,
            "ema": 0.9995,
            "pages_share": 0.75,
            "threads": 1,
        },
    ),
    Recipe(
        "release/scanclean-hq",
        "the larger bundled network, at full resolution, grown from the other (--from scanclean)",
        {
            "steps": 6_400,
            "patch": 128,
            "pale": 0.12,
            "rough": 0.12,
            "network": _net(**LAST, bases=4, shuffle=1, pooling="none"),
            "grow": True,
            "loss": "ink",
            "optimiser": "muon",
            "rate": 2.5e-4,
            "floor": 4e-6,
            "ema": 0.9995,
            "pages_share": 0.75,
            "threads": 1,
        },
    ),
    Recipe(
        "release/noisyoffice",
        "for one kind of page alone: the NoisyOffice pairs (--from scanclean-hq)",
        {
            "steps": 1_900,
            "batch": 4,
            "patch": 96,
            "network": _net(**LAST, bases=4, shuffle=1, pooling="none"),
            "loss": "l2",
            "optimiser": "muon",
            "rate": 1.5e-4,
            "floor": 2e-6,
            "ema": 0.9995,
            "threads": 1,
        },
    ),
)

RECIPES: Mapping[str, Recipe] = {r.name: r for r in (*SYSTEMS, *SRRESNET, *KBNET, *RELEASE)}
"""All recipes by name, in the order in which they are listed."""


def find(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        UsageError: there is none; all names are told.
    """
    if name in RECIPES:
        return RECIPES[name]
    close = difflib.get_close_matches(name, RECIPES, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    raise UsageError(
        f"--recipe {name}: there is no such recipe",
        hint=f"{meant}there are: {', '.join(RECIPES)}",
    )


def applied(
    config: TrainConfig, recipe: Recipe, budget: Mapping[str, Any] | None = None
) -> TrainConfig:
    """The settings of a recipe.

    Args:
        config: what holds where the recipe says nothing.
        recipe: the recipe.
        budget: fields that all recipes shall share, such as `steps` and `patch`; what a recipe
            multiplies is multiplied all the same.
    """
    config = replace(config, **{**recipe.changes, **(budget or {}), "recipe": recipe.name})
    return replace(config, **{name: getattr(config, name) * n for name, n in recipe.times.items()})
