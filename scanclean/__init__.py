"""scanclean: clean up scanned documents with a kernel basis network.

This is the map. Imports go downward only.

    cli/            the command line: the only place that knows typer and rich
    ----------------------------------------------------------------------------- use-cases
    restoration     whole documents: the story of the program
    records         what happened to pages and documents
    resume          the same, going on where an earlier run was cut off
    unfinished      what a run leaves for that: its journal and where its output is made
    engine          what restores pixels in a run: weights on a device, or the classical filter
    jobs            what a user typed as INPUT and OUTPUT -> one file in, one file out
    restorer        pixels -> pixels with a network, tile by tile
    weights         catalogue, cache folder, resolve, download, verify
    training/       pages, degradation, pairs -> feed -> loop; recipes, and the study of them
    pruning/        dense-sparse-dense training, zeros, fewer kernel bases
    report/         pages before and after for a browser; learning curves; reports of study, pruning
    ----------------------------------------------------------------------------- parts
    tiling          cut, window, blend
    fidelity/       the guard: which ink was lost or invented, and putting it back
    classical       the restorer that needs no network
    checkpoint      weights files for torch, published checkpoints, export to ONNX
    models/         one file = one architecture
    backends/       one file = one engine
    documents/      one file = one format
    codecs/         one file = one way to store a picture inside a PDF
    paper, grounds  where a page's paper is and how bright; where it has none
    screens         tones printed as dots
    specks          points that are dirt, told from points that mean something
    ink             the colour of a page's ink, and keeping it
    tones           colour, gray, black and white
    blocks, shapes  a page in blocks; masks, components, running extremes
    ----------------------------------------------------------------------------- ground
    errors  progress  plugins  config  page  spec  atomic  parallel  journal  packing

To read the program, begin with `restoration`, then `restorer` and `tiling`; the network is
`models/kbnet`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scanclean.config import TrainConfig
    from scanclean.errors import ScancleanError
    from scanclean.evaluation.contest import evaluate
    from scanclean.page import Page
    from scanclean.restoration import restore
    from scanclean.restorer import Restorer
    from scanclean.training.runs import train

__version__ = "0.1.0"

__all__ = [
    "Page",
    "Restorer",
    "ScancleanError",
    "TrainConfig",
    "__version__",
    "evaluate",
    "restore",
    "train",
]

_HOMES = {
    "Page": "scanclean.page",
    "Restorer": "scanclean.restorer",
    "ScancleanError": "scanclean.errors",
    "TrainConfig": "scanclean.config",
    "evaluate": "scanclean.evaluation.contest",
    "restore": "scanclean.restoration",
    "train": "scanclean.training.runs",
}


def __getattr__(name: str) -> Any:
    # Public names are fetched on first use, so that `import scanclean` and `--help` load nothing
    # heavy.
    if name not in _HOMES:
        raise AttributeError(f"module 'scanclean' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
