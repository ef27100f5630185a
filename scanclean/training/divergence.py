"""Seeing that a training run diverges, and keeping a state that it can go back to."""

from __future__ import annotations

import math
from collections import deque
from copy import deepcopy
from statistics import median

from scanclean.training.state import Content, State

RECENT = 100
"""Steps whose median loss is what is usual."""
FEWEST = 10
"""Steps before anything is called unusual."""
FACTOR = 20.0
"""A loss of so many times the usual one is a sign of divergence."""
PATIENCE = 5
"""So many such steps in a row are a divergence: one may be a hard batch."""
OVERFLOWS = 50
"""Steps in a row that fp16 may skip while its scale is looked for."""
EVERY = 50
"""Steps between the states that are kept in memory."""


class Watch:
    """Tells from the losses and gradients of all steps, in order, when a run has diverged."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._high = 0
        self._overflows = 0

    @property
    def calm(self) -> bool:
        """Whether the last step was as usual."""
        return self._high == 0 and self._overflows == 0

    def diverged(self, loss: float, norm: float, *, scaled: bool) -> bool:
        """Look at one more step.

        Args:
            loss: its loss.
            norm: norm of its gradient.
            scaled: whether gradients are scaled for fp16, so that an overflow is no surprise.
        """
        if not math.isfinite(loss):
            return True
        if not math.isfinite(norm):
            self._overflows += 1
            return self._overflows > (OVERFLOWS if scaled else 0)
        self._overflows = 0
        if len(self._recent) >= FEWEST and loss > FACTOR * median(self._recent):
            self._high += 1
        else:
            self._high = 0
            self._recent.append(loss)
        return self._high >= PATIENCE


class Memory:
    """The last states of a run, in memory."""

    def __init__(self, state: State) -> None:
        self._kept: deque[Content] = deque([deepcopy(state.content())], maxlen=2)

    def keep(self, state: State) -> None:
        """Remember a state, if it is time to."""
        if state.step - self._kept[-1]["step"] >= EVERY:
            self._kept.append(deepcopy(state.content()))

    def go_back(self, state: State, *, far: bool) -> None:
        """Put a state back: the last one kept, or with `far` the one before.

        After a divergence the last one may already hold what went wrong.
        """
        state.restore(self._kept[0 if far else -1])
