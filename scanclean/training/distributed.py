"""Several processes that train one network: those that `torchrun` starts, on one machine or many.

Each works on its own share of the patches, and their gradients are averaged
(DistributedDataParallel, Li et al. 2020, arXiv 2006.15704), so k processes with batches of n take
the step that one process with a batch of k * n would. The first process, the leader, evaluates and
writes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

# Nothing may hold a group after its end: its threads would abort a process that ends, now and then.
# The functions of this module take the group that is there when it is imported for their default,
# and AdamW imports it; so it is imported while there is none.
import torch.distributed.nn  # noqa: F401
from torch import Tensor, nn

from scanclean.errors import DeviceError


@dataclass(frozen=True)
class World:
    """The place of this process among those that train together."""

    rank: int = 0
    """Its number, from 0."""
    size: int = 1
    """How many there are."""
    local: int = 0
    """Its number on this machine: also the number of its CUDA device."""

    @property
    def leads(self) -> bool:
        """Whether this process evaluates, writes and talks."""
        return self.rank == 0


ALONE = World()
"""One process."""


@contextmanager
def joined(device: str) -> Iterator[World]:
    """Join the processes that `torchrun` started, until the end of the block; or be alone.

    A group that the caller has set up already is used and left as it is.

    Args:
        device: "auto", "cpu" or "cuda"; the processes talk through NCCL on CUDA, gloo elsewhere.
    """
    if not dist.is_available() or not (dist.is_initialized() or dist.is_torchelastic_launched()):
        yield ALONE
        return
    if dist.is_initialized():
        yield _world()
        return
    cuda = device != "cpu" and torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(dist.get_node_local_rank())
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield _world()
        dist.barrier()  # one that left early would be torn down while the leader still evaluates
    finally:
        gc.collect()  # shared networks are cycles, and hold the group
        dist.destroy_process_group()


def _world() -> World:
    local = dist.get_node_local_rank(fallback_rank=0)
    return World(dist.get_rank(), dist.get_world_size(), local)


@contextmanager
def leader_first(world: World) -> Iterator[None]:
    """Let the leader run the block before all others, who then find its work done."""
    if not world.leads:
        dist.barrier()
    yield
    if world.leads and world.size > 1:
        dist.barrier()


def place(device: str, world: World = ALONE) -> torch.device:
    """The device that this process trains on.

    Raises:
        DeviceError: CUDA was asked for and is not there.
    """
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise DeviceError("--device cuda: PyTorch finds no CUDA device", hint="type --device cpu")
    return torch.device("cuda", world.local) if there and device != "cpu" else torch.device("cpu")


def shared(net: nn.Module, world: World, device: torch.device) -> nn.Module:
    """The network such that `backward` averages its gradients over all processes."""
    if world.size == 1:
        return net
    # Buffers (statistics of batch norm) stay each process's own: sending them about would change
    # them between two passes through a critic, which autograd forbids.
    return nn.parallel.DistributedDataParallel(
        net,
        device_ids=[device.index] if device.type == "cuda" else None,
        broadcast_buffers=False,
    )


def mean(value: Tensor, world: World) -> float:
    """The mean of a scalar over all processes, equal in each."""
    if world.size > 1:
        value = value.clone()
        dist.all_reduce(value)
        value /= world.size
    return value.item()
