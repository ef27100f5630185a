"""Everything that changes while a network trains, and what of it a checkpoint holds."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recomputed

from scanclean import checkpoint, plugins
from scanclean.config import TrainConfig
from scanclean.errors import DataError, DeviceError, UsageError
from scanclean.models.kbnet import KBNet, without_idle_bases
from scanclean.spec import ModelSpec
from scanclean.training.distributed import ALONE, World, place, shared
from scanclean.training.growth import begin_as
from scanclean.training.muon import Muon, matrices

Content: TypeAlias = dict[str, Any]
"""What a checkpoint holds: states of networks and optimisers, step, best score."""

GAN_BETAS = (0.5, 0.999)
"""Momenta of Adam against a critic (Isola et al. 2017, arXiv 1611.07004, section 3.3)."""
NO_LIMIT = math.inf


@dataclass
class Learner:
    """A network and its optimiser."""

    net: nn.Module
    """The network itself."""
    forward: nn.Module
    """The same to be called in training: compiled, or shared between processes."""
    optimiser: torch.optim.AdamW
    """Its optimiser."""
    muon: Muon | None = None
    """That of its matrices, where they have one of their own."""

    def step(self, loss: Tensor, rate: float, clip: float, scaler: torch.amp.GradScaler) -> float:
        """Go one step down the gradient; gives the norm of the gradient before clipping."""
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        for optimiser in self.optimisers:
            optimiser.param_groups[0]["lr"] = rate
            scaler.unscale_(optimiser)
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), clip or NO_LIMIT)
        for optimiser in self.optimisers:
            scaler.step(optimiser)
            optimiser.zero_grad(set_to_none=True)
        return norm.item()

    @property
    def optimisers(self) -> tuple[torch.optim.Optimizer, ...]:
        """All of its optimisers."""
        return (self.optimiser, self.muon) if self.muon else (self.optimiser,)


@dataclass
class State:
    """A training run between two steps."""

    arch: str
    """Name of the module in `scanclean.models`."""
    learner: Learner
    """The network that is trained."""
    average: nn.Module
    """The running average of its weights."""
    critic: Learner | None
    """What tells restored from clean pages, for models that have it."""
    scaler: torch.amp.GradScaler
    """Scale of the gradients in fp16; does nothing in other arithmetic."""
    device: torch.device
    """Where all that is."""
    world: World = field(default=ALONE)
    """The processes that train it together."""
    step: int = 0
    """Steps made."""
    best: float = math.inf
    """Lowest validation error so far."""
    torn: bool = False
    """In the middle of a step: weights may be half changed."""

    def content(self) -> Content:
        """What a checkpoint holds; tensors are the live ones."""
        learners = self._learners()
        nets = {f"{name}net": one.net.state_dict() for name, one in learners.items()}
        optimisers = {f"{n}optimiser": one.optimiser.state_dict() for n, one in learners.items()}
        optimisers |= {f"{n}muon": o.muon.state_dict() for n, o in learners.items() if o.muon}
        return {
            **nets,
            **optimisers,
            "average": self.average.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "best": self.best,
        }

    def _learners(self) -> dict[str, Learner]:
        """The learners by how names in a checkpoint begin."""
        return {"": self.learner} | ({"critic_": self.critic} if self.critic else {})

    def restore(self, content: Content) -> None:
        """Put back what `content` gave."""
        for name, one in self._learners().items():
            one.net.load_state_dict(content[f"{name}net"])
            one.optimiser.load_state_dict(content[f"{name}optimiser"])
            if one.muon:
                one.muon.load_state_dict(content[f"{name}muon"])
        self.average.load_state_dict(content["average"])
        self.scaler.load_state_dict(content.get("scaler", {}))
        self.step, self.best = int(content["step"]), float(content["best"])
        self.torn = False

    def read(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            DataError: it is not there, damaged, or of another network.
        """
        if not path.exists():
            raise DataError(f"{path}: no such checkpoint", hint="give --resume a run folder")
        try:
            self.restore(torch.load(path, map_location=self.device, weights_only=True))
        except (RuntimeError, KeyError, ValueError, EOFError, OSError) as error:
            what = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path}: cannot be resumed: {what}") from error

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Move the average towards the network."""
        decay = min(decay, (1 + self.step) / (10 + self.step))  # the first steps are not worth it
        kept, new = self.average, self.learner.net
        for mean, weight in zip(kept.parameters(), new.parameters(), strict=True):
            mean.lerp_(weight, 1 - decay)
        for copy, buffer in zip(kept.buffers(), new.buffers(), strict=True):
            copy.copy_(buffer)  # statistics of batch norm are averages already


def begin(config: TrainConfig, world: World = ALONE, start: nn.Module | None = None) -> State:
    """A run before its first step.

    Args:
        config: all settings.
        world: the processes that train together.
        start: network to begin with, a copy of which is trained; None makes what `config` says.

    Raises:
        DeviceError: no such device, or it cannot do that arithmetic.
        UsageError: the network to begin with does not fit.
    """
    device = place(config.device, world)
    if config.precision == "fp16" and device.type != "cuda":
        raise DeviceError(
            f"fp16 training needs a CUDA device, this is {device.type}",
            hint="type --precision bf16, or fp32",
        )
    net, arch = _network(config, start)
    net = net.train().to(device, memory_format=torch.channels_last)
    average = deepcopy(net).eval().requires_grad_(False)
    if config.checkpointing:
        recompute_blocks(net)
    module = plugins.load("models", arch)
    critic = None
    if config.adversarial > 0 and hasattr(module, "critic"):
        critic = _learner(module.critic(net.config).to(device), config, world, GAN_BETAS)
    betas = GAN_BETAS if critic else (0.9, 0.999)
    learner = _learner(net, config, world, betas)
    scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
    return State(arch, learner, average, critic, scaler, device, world)


def require_patch(config: TrainConfig) -> None:
    """Look before any work whether the network can take patches of that side.

    Raises:
        UsageError: it cannot, or the network to begin with does not fit.
        WeightsError: what it begins with is not there, or damaged.
    """
    net, _ = _network(config, None)
    multiple = int(getattr(net.config, "multiple_of", 1))
    if config.patch % multiple:
        below = config.patch // multiple * multiple
        near = " or ".join(str(side) for side in (below, below + multiple) if side)
        raise UsageError(
            f"--patch {config.patch}: this network takes multiples of {multiple}",
            hint=f"type --patch {near}",
        )


def _network(config: TrainConfig, start: nn.Module | None) -> tuple[Any, str]:
    arch = config.model
    if start is not None:
        net: Any = deepcopy(start)
    elif config.grow and not config.start_from:
        raise UsageError("--grow: there is nothing to grow from", hint="type --from scanclean")
    elif config.start_from:
        net, spec = checkpoint.load(Path(config.start_from))
        arch = spec.arch
        if isinstance(net, KBNet):
            net = without_idle_bases(net)
        if config.grow:
            net = _grown(net, config)
    else:
        net = checkpoint.build(ModelSpec(arch, _arguments(config)))
    if net.config.channels != config.channels:
        raise UsageError(
            f"the network to begin with has {net.config.channels} channels, not {config.channels}",
            hint=f"type --channels {net.config.channels}",
        )
    return net, arch


def _grown(net: nn.Module, config: TrainConfig) -> nn.Module:
    large = checkpoint.build(ModelSpec(config.model, _arguments(config)))
    if not (isinstance(net, KBNet) and isinstance(large, KBNet)):
        raise UsageError(
            "--grow: only a kbnet can be grown", hint="leave it out to train the network as it is"
        )
    begin_as(large, net)
    return large


def _arguments(config: TrainConfig) -> dict[str, Any]:
    return {**dict(config.network), "channels": config.channels}


def _learner(
    net: nn.Module, config: TrainConfig, world: World, betas: tuple[float, float]
) -> Learner:
    learned = [p for p in net.parameters() if p.requires_grad]
    forward = shared(net, world, learned[0].device)
    if config.compile:
        forward = torch.compile(forward)  # type: ignore[assignment]  # a module as well
    muon = None
    if config.optimiser == "muon" and (found := matrices(net)):
        muon = Muon(found, config.rate, config.weight_decay)
        turned = {one.weight for one in found}
        learned = [p for p in learned if p not in turned]
    optimiser = torch.optim.AdamW(
        learned, config.rate, betas=betas, weight_decay=config.weight_decay
    )
    return Learner(net, forward, optimiser, muon)


def recompute_blocks(net: nn.Module) -> None:
    """Keep only what goes into each block of a network, and make its inside again on the way back.

    This is activation checkpointing (Chen et al. 2016, arXiv 1604.06174). Blocks are the outermost
    members of sequences and lists that are made of layers themselves. Those with batch norm stay
    as they are, because their statistics would be counted twice.

    Raises:
        UsageError: the network has no such block.
    """
    blocks = list(_blocks(net))
    if not blocks:
        raise UsageError("--checkpointing: this network has no blocks", hint="leave it out")
    for block in blocks:
        block.forward = partial(recomputed, block.forward, use_reentrant=False)


def _blocks(module: nn.Module) -> list[nn.Module]:
    found: list[nn.Module] = []
    for child in module.children():
        made_of_layers = any(True for _ in child.children())
        sequence = isinstance(child, nn.Sequential | nn.ModuleList)
        listed = isinstance(module, nn.Sequential | nn.ModuleList)
        if made_of_layers and listed and not sequence:
            normed = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in child.modules())
            found += [] if normed else [child]
        else:
            found += _blocks(child)
    return found
