"""What a weights file says about itself; the same words in safetensors and ONNX metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from scanclean.errors import WeightsError

KEY = "scanclean"
"""Name of the metadata entry that holds the spec as JSON."""


@dataclass(frozen=True)
class ModelSpec:
    """What one needs to know to run a network, stored inside its weights file."""

    arch: str
    """Name of the module in `scanclean.models`, for example "kbnet"."""
    config: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of that module's `Config`."""
    channels: int = 3
    """Channels of a picture it takes and gives: 3 RGB, 1 gray."""
    tile: int = 512
    """Side of the square tiles that suit it best, in pixels."""
    overlap: int = 32
    """Pixels that neighbouring tiles share: measured, more does not make seams fewer."""
    multiple_of: int = 1
    """The sides of a tile must be multiples of this."""
    fixed_tile: bool = False
    """It sees a tile as a whole (global pooling, static shape) and needs exactly `tile`."""
    even_paper: bool = False
    """It expects pages whose paper was made even and white first (`scanclean.paper.evened`)."""
    trained_on: str = ""
    """Data and recipe, in a line."""

    def to_metadata(self) -> dict[str, str]:
        """Metadata entries to store in the file."""
        return {KEY: json.dumps(asdict(self), sort_keys=True)}


def from_metadata(metadata: Mapping[str, str], where: str) -> ModelSpec | None:
    """Read a spec back from a file's metadata.

    Args:
        metadata: the file's metadata entries.
        where: the file, for the error message.

    Returns:
        The spec, or None if the file says nothing about itself.

    Raises:
        WeightsError: the entry is there but not readable.
    """
    text = metadata.get(KEY)
    if text is None:
        return None
    try:
        return ModelSpec(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise WeightsError(
            f"{where}: its description is not readable ({error})",
            hint="the file was made by a newer scanclean or is damaged",
        ) from error
