"""A whole training run in one call: look through the data, then train."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from scanclean.config import TrainConfig
from scanclean.progress import SILENT, Progress
from scanclean.training import loop
from scanclean.training.distributed import joined, leader_first
from scanclean.training.events import Event
from scanclean.training.material import gather

if TYPE_CHECKING:
    from torch import nn


def train(
    config: TrainConfig,
    *,
    resume: bool = False,
    start: nn.Module | None = None,
    after_step: loop.Hook | None = None,
    progress: Progress = SILENT,
) -> Generator[Event]:
    """Train on a data folder, yielding what happens; closing the generator saves.

    Args:
        config: all settings; `config.data` has pairs or clean pages, `config.run` gets the results.
        resume: go on with the run in `config.run`.
        start: network to begin with instead of what `config` says; a copy of it is trained.
        after_step: called after each step on the network and on its running average.
        progress: told of pages that are rendered before the first step.

    Raises:
        DataError: the data has faults, there is nothing to resume, or the training diverged.
        DeviceError: no such device, or it cannot do that arithmetic.
        UsageError: settings that make no sense.
    """
    loop.check(config)
    with joined(config.device) as world:
        with leader_first(world):  # pages are rendered once
            material = gather(config, progress)
        yield from loop.train(
            config,
            material.train,
            material.pages,
            material.validation,
            resume=resume,
            start=start,
            after_step=after_step,
        )
