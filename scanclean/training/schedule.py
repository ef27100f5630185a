"""How the learning rate goes over a run, as a function of the step and the settings alone."""

from __future__ import annotations

import math

from scanclean.config import TrainConfig


def learning_rate(step: int, config: TrainConfig) -> float:
    """Rate of a step (from 0): a linear warm-up, then the schedule, unless the rate is pinned.

    constant     stays at `rate`
    cosine       half a cosine from `rate` to `floor` at the last step (SGDR without restarts,
                 Loshchilov & Hutter 2017, arXiv 1608.03983)
    restarts     the same within `period`, a share of the run; then it climbs back and falls again,
                 as torch's CosineAnnealingLR does when a run is longer than its T_max
    exponential  falls by the same factor each step, to `floor` at the last

    >>> config = TrainConfig(data="", run="", steps=110, warmup=10, rate=1.0, floor=0.0)
    >>> learning_rate(0, config), learning_rate(9, config), learning_rate(60, config)
    (0.1, 1.0, 0.5)
    """
    if config.pin_from < 1 and step >= config.pin_from * config.steps:
        return config.pin_rate
    if step < config.warmup:
        return config.rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    if config.schedule == "constant":
        return config.rate
    if config.schedule == "exponential":
        return config.rate * (max(config.floor, 1e-12) / config.rate) ** done
    turn = done / config.period if config.schedule == "restarts" else done
    return config.floor + (config.rate - config.floor) * (1 + math.cos(math.pi * turn)) / 2
