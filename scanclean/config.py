"""Every default of the program, in one place; standard library only, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from scanclean import plugins
from scanclean.errors import UsageError

Mode: TypeAlias = Literal["auto", "color", "gray", "bitonal"]
Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps", "coreml"]
EngineName: TypeAlias = Literal["auto", "onnx", "torch"]
Precision: TypeAlias = Literal["auto", "fp32", "bf16", "fp16", "int8"]
Codec: TypeAlias = Literal["auto", "g4", "jp2", "jpeg", "png"]

PageRanges: TypeAlias = tuple[tuple[int, int | None], ...]
"""Ranges of page numbers, from 1, both ends included; None is the last page."""

DEFAULT_WEIGHTS = "scanclean"
DEFAULT_DPI = 300.0
DEFAULT_MAX_MPIXELS = 250.0
DEFAULT_MAX_GROWTH = 1.5
DEFAULT_QUALITY = 80
DEFAULT_PAGE_TIMEOUT = 3600.0
SMALLEST_TILE = 64
"""Side of the smallest tile that may be asked for, pixels."""
MOST_PASSES = 4
"""Times that the network may look at a page: more than these gain nothing."""


def require_one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a value of a setting.

    Raises:
        UsageError: it is not one of those that are possible.
    """
    if value not in allowed:
        raise UsageError(f"{name} {value!r}: is not one of {', '.join(allowed)}")


@dataclass(frozen=True)
class ReadOptions:
    """How a document is opened."""

    pages: PageRanges | None = None
    """Which pages to clean; None means all."""
    dpi: float = DEFAULT_DPI
    """Resolution for inputs that state none, or nonsense."""
    max_mpixels: float = DEFAULT_MAX_MPIXELS
    """Refuse a page larger than this, in million pixels, before any work."""
    password: str | None = None
    """For locked PDFs."""
    allow_signed: bool = False
    """Work on a signed PDF although the signature breaks."""
    strict: bool = False
    """A page that cannot be read is an error instead of being copied unchanged."""

    def wants(self, index: int) -> bool:
        """Whether the page with this number, from 0, is to be cleaned."""
        if self.pages is None:
            return True
        return any(a <= index + 1 and (b is None or index < b) for a, b in self.pages)


@dataclass(frozen=True)
class StoreOptions:
    """How cleaned pages are stored."""

    codec: Codec = "auto"
    """How cleaned pictures are stored in a PDF; "auto": the smallest that suits the content."""
    quality: int = DEFAULT_QUALITY
    """Quality of lossy storage, 1 to 100."""
    max_growth: float = DEFAULT_MAX_GROWTH
    """A PDF may grow to this times its size."""
    force: bool = False
    """Overwrite an existing output."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: a value is not among those that are possible.
        """
        require_one_of("codec", self.codec, get_args(Codec))
        if not 1 <= self.quality <= 100:
            raise UsageError(f"quality {self.quality}: is not within 1 to 100")
        if not self.max_growth >= 1:
            raise UsageError(f"max-growth {self.max_growth:g}: is less than 1")


CLASSICAL = "classical"
"""Stands in place of a weights name for the filter that needs no network."""
MOST_THREADS = 1024
"""CPU threads that a training may ask for; far more crash the arithmetic library."""


@dataclass(frozen=True)
class RestoreOptions:
    """All settings of `restore`."""

    weights: str = DEFAULT_WEIGHTS
    """Name in the catalogue, file, or "classical"."""
    device: Device = "auto"
    """Where to run."""
    backend: EngineName = "auto"
    """Which engine."""
    precision: Precision = "auto"
    """Arithmetic of the network."""
    tile: int = 0
    """Side of a tile, pixels; 0 takes what suits the weights."""
    overlap: int | None = None
    """Overlap of tiles, pixels; None takes what suits the weights."""
    passes: int = 1
    """Times that the network looks at a page, each time from another place; the mean is taken."""
    mode: Mode = "auto"
    """Colour of the cleaned pages."""
    strength: float = 1.0
    """0 gives the input back, 1 restores fully."""
    guard: bool = True
    """Put back ink that was removed, drop what was invented."""
    keep_paper: bool = False
    """Leave the paper its usual colour instead of white."""
    jobs: int = 0
    """Pages in flight; 0 means one a core."""
    offline: bool = False
    """Never touch the network."""
    resume: bool = False
    """Write down finished pages, and take over those of a run that was cut off."""
    page_timeout: float = DEFAULT_PAGE_TIMEOUT
    """Seconds after which a page is given up; 0: never."""
    read: ReadOptions = ReadOptions()
    """How inputs are opened."""
    store: StoreOptions = StoreOptions()
    """How outputs are written."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: a value is not among those that are possible.
        """
        require_one_of("device", self.device, get_args(Device))
        require_one_of("backend", self.backend, get_args(EngineName))
        require_one_of("precision", self.precision, get_args(Precision))
        require_one_of("mode", self.mode, get_args(Mode))
        if not 0 <= self.strength <= 1:
            raise UsageError(f"strength {self.strength:g}: is not within 0 to 1")
        if not 1 <= self.passes <= MOST_PASSES:
            raise UsageError(f"passes {self.passes}: is not within 1 to {MOST_PASSES}")
        if self.keep_paper and (self.mode == "bitonal" or self.store.codec == "g4"):
            raise UsageError(
                "keep-paper: a page in black and white has no colour of paper",
                hint="leave out one of --keep-paper and --mode bitonal or --codec g4",
            )
        if self.tile and self.tile < SMALLEST_TILE:
            raise UsageError(f"tile {self.tile}: the smallest has {SMALLEST_TILE} pixels")
        if self.tile and 2 * (self.overlap or 0) > self.tile:
            raise UsageError(f"overlap {self.overlap}: is more than half of a tile of {self.tile}")


Schedule: TypeAlias = Literal["constant", "cosine", "restarts", "exponential"]
Loss: TypeAlias = Literal["l1", "l2", "charbonnier", "ink", "ssim", "perceptual"]
Optimiser: TypeAlias = Literal["adamw", "muon"]
TrainPrecision: TypeAlias = Literal["fp32", "bf16", "fp16"]
TrainDevice: TypeAlias = Literal["auto", "cpu", "cuda"]


TRAIN_CHOICES: dict[str, tuple[str, ...]] = {
    "model": tuple(plugins.names("models")),
    "loss": get_args(Loss),
    "optimiser": get_args(Optimiser),
    "schedule": get_args(Schedule),
    "precision": get_args(TrainPrecision),
    "device": get_args(TrainDevice),
}
"""Settings of training that have few possible values."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a training run makes; saved in the run and in its weights."""

    data: str
    """Folder with pairs or clean pages."""
    run: str
    """Folder that the run writes to."""
    model: str = "kbnet"
    """Name of the architecture: a module in `scanclean.models`."""
    recipe: str = ""
    """Name of the recipe that these settings began as; empty: none."""
    network: tuple[tuple[str, object], ...] = (
        ("width", 16),
        ("encoder", (1, 2, 2)),
        ("middle", 2),
        ("decoder", (2, 2, 1)),
        ("bases", 4),
        ("shuffle", 2),
        ("pooling", "none"),
    )
    """Arguments of that architecture's `Config`."""
    start_from: str = ""
    """Weights file to begin with instead of random ones."""
    grow: bool = False
    """Begin as that network grown to the shape of `network`, instead of with its own shape."""
    steps: int = 2000
    """Optimiser steps."""
    batch: int = 4
    """Patches in a step of one process, an even number."""
    patch: int = 192
    """Side of a patch, in pixels."""
    channels: int = 3
    """3: colour. 1: the mean of the three channels, as gray networks are run on pages."""
    augment: bool = True
    """Turn patches by quarter turns and mirror them, at random."""
    pale: float = 0.0
    """Share of the patches whose ink is made pale: see `scanclean.training.aggravation`."""
    rough: float = 0.0
    """Share of the patches that are made noisy and taken out of focus."""
    even_paper: bool = True
    """Divide the paper out before the network, as `restore` then does with these weights."""
    pages_share: float = 0.7
    """Share of the patches that are made from clean pages, where there are pairs too."""
    rate: float = 1e-3
    """Learning rate at its highest."""
    floor: float = 1e-5
    """Learning rate at the end of a cosine, and the lowest of the other falling schedules."""
    warmup: int = 100
    """Steps until the rate is at its highest."""
    schedule: Schedule = "cosine"
    """How the rate falls: see `scanclean.training.schedule`."""
    period: float = 0.6
    """Share of the run after which the rate of `restarts` is lowest; then it climbs again."""
    pin_from: float = 1.0
    """Share of the run from which the rate stays at `pin_rate`; 1: never."""
    pin_rate: float = 2e-4
    """That rate."""
    loss: Loss = "charbonnier"
    """What is minimised."""
    adversarial: float = 0.01
    """Weight of the critic's judgement beside the loss, for models that have a critic; pix2pix
    weighs 1 to 100."""
    optimiser: Optimiser = "adamw"
    """What makes the steps; "muon": matrices of weights by Muon, the rest by AdamW."""
    clip: float = 1.0
    """Largest norm of the gradient; 0: any."""
    weight_decay: float = 1e-4
    """Decoupled weight decay of AdamW."""
    ema: float = 0.999
    """Decay a step of the averaged weights, which are the ones evaluated and saved."""
    precision: TrainPrecision = "fp32"
    """Arithmetic of the network while it trains; fp16 on CUDA only."""
    checkpointing: bool = False
    """Make the insides of blocks again on the way back instead of keeping them: less memory, a
    third more time."""
    device: TrainDevice = "auto"
    """Where the network trains; "auto": on CUDA where there is one."""
    compile: bool = False
    """Compile the network first: minutes at the start, a quarter less time a step."""
    seed: int = 0
    """Seed of everything random."""
    workers: int = 1
    """Processes that prepare patches."""
    threads: int = 0
    """CPU threads of the network; 0 lets torch decide."""
    evaluate_every: int = 500
    """Steps between evaluations."""
    save_every_s: float = 180.0
    """Seconds between checkpoints."""
