"""Time and memory of a KBNet training step, ours against the published formulation; data loading.

python tests/bench/train_step.py                 both tables
python tests/bench/train_step.py --data DATA     the second one on a data folder of yours

The published formulation keeps, for the way back, the mixed kernels of every pixel (36 numbers a
channel) and the unfolded picture; its own saving, making them again, is measured as well.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from scanclean.config import TrainConfig
from scanclean.models import kbnet
from scanclean.training.feed import Patches, batches
from scanclean.training.material import gather
from scanclean.training.schedule import learning_rate
from scanclean.training.state import begin, recompute_blocks
from scanclean.training.update import update

SHAPES = {
    "w16, 32 bases": kbnet.Config(width=16, encoder=(2, 3, 4), middle=4, decoder=(4, 3, 2)),
    "w16, 4 bases, default": kbnet.Config(
        width=16, encoder=(1, 2, 2), middle=2, decoder=(2, 2, 1), bases=4, shuffle=2, pooling="none"
    ),
}
FORMS = ("ours", "ours, checkpointing", "published", "published, plain autograd")


class _Published(torch.autograd.Function):
    """KBAFunction as published, in our words: kernels of all pixels, then products by pixel.

    Saves its inputs and makes the kernels again on the way back, with gradients written out.
    """

    @staticmethod
    def forward(ctx, u: Tensor, a: Tensor, w: Tensor, b: Tensor, group: int, k: int) -> Tensor:
        ctx.save_for_backward(u, a, w, b)
        ctx.shape = group, k
        batch, channels, height, width = u.shape
        pixels, kernels, near = _pieces(u, a, w, group, k)
        out = (kernels @ near).view(batch, height * width, channels) + pixels @ b
        return out.permute(0, 2, 1).reshape(batch, channels, height, width)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        u, a, w, b = ctx.saved_tensors
        group, k = ctx.shape
        batch, channels, height, width = u.shape
        pixels, kernels, near = _pieces(u, a, w, group, k)
        rows = gradient.flatten(2).permute(0, 2, 1)  # (B, HW, c)
        column = rows.reshape(batch, height * width, channels // group, group, 1)
        to_near = kernels.transpose(-1, -2) @ column
        to_kernels = (column @ near.transpose(-1, -2)).view(batch, height * width, -1)
        to_a = rows @ b.transpose(-1, -2) + to_kernels @ w.transpose(-1, -2)
        to_b = pixels.transpose(-1, -2) @ rows
        to_w = pixels.transpose(-1, -2) @ to_kernels
        unfolded = to_near.view(batch, height * width, -1).permute(0, 2, 1)
        to_u = F.fold(unfolded, (height, width), k, padding=k // 2)
        to_a = to_a.permute(0, 2, 1).reshape(a.shape)
        return to_u, to_a, to_w.sum(0, keepdim=True), to_b.sum(0, keepdim=True), None, None


def _pieces(u: Tensor, a: Tensor, w: Tensor, group: int, k: int) -> tuple[Tensor, Tensor, Tensor]:
    batch, channels, height, width = u.shape
    inside = group * k * k
    pixels = a.reshape(batch, a.shape[1], -1).permute(0, 2, 1)  # (B, HW, N)
    kernels = (pixels @ w).reshape(batch, height * width, channels // group, group, inside)
    near = F.unfold(u, k, padding=k // 2).reshape(batch, channels // group, inside, -1)
    return pixels, kernels, near.permute(0, 3, 1, 2).unsqueeze(-1)


def published(u: Tensor, a: Tensor, w: Tensor, b: Tensor, group: int, k: int) -> Tensor:
    return _Published.apply(u, a, w, b, group, k)


def plain(u: Tensor, a: Tensor, w: Tensor, b: Tensor, group: int, k: int) -> Tensor:
    batch, channels, height, width = u.shape
    pixels, kernels, near = _pieces(u, a, w, group, k)
    out = (kernels @ near).view(batch, height * width, channels) + pixels @ b
    return out.permute(0, 2, 1).reshape(batch, channels, height, width)


class PublishedNorm(nn.Module):
    """LayerNorm2d as published: mean and variance over the channels, step by step."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.weight, self.bias = ours.weight, ours.bias

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        y = (x - mean) / ((x - mean).pow(2).mean(1, keepdim=True) + 1e-6).sqrt()
        return self.weight.view(1, -1, 1, 1) * y + self.bias.view(1, -1, 1, 1)


def network(shape: str, form: str) -> nn.Module:
    torch.manual_seed(0)
    net = kbnet.build(SHAPES[shape])
    with torch.no_grad():  # gains start at 0.01, which would hide a difference
        for name, parameter in net.named_parameters():
            if name.rsplit(".", 1)[-1] in ("ga1", "beta", "gamma", "attgamma"):
                parameter.fill_(0.3)
    if form.startswith("ours"):
        if "checkpointing" in form:
            recompute_blocks(net)
        return net.to(memory_format=torch.channels_last)
    kbnet.kernel_basis = {"published": published}.get(form, plain)  # the seam that blocks call
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if type(child).__name__ == "LayerNorm2d":
                setattr(module, name, PublishedNorm(child))
    return net


def step(shape: str, form: str, side: int, batch: int, repeats: int) -> dict[str, object]:
    """Run in a process of its own: seconds of a step, peak memory, the gradient for comparison."""
    net = network(shape, form)
    torch.manual_seed(1)
    scan, clean = torch.rand(2, batch, 3, side, side)
    if form.startswith("ours"):
        scan = scan.contiguous(memory_format=torch.channels_last)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    optimiser = torch.optim.AdamW(net.parameters(), 1e-12)
    took = []
    for _ in range(repeats + 1):
        began = time.process_time()
        optimiser.zero_grad(set_to_none=True)
        loss = F.mse_loss(net(scan), clean)
        loss.backward()
        optimiser.step()
        took.append(time.process_time() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with torch.no_grad():
        out = net(scan).contiguous()
    file = tempfile.mkstemp(suffix=".pt")[1]
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    torch.save([out, *gradients], file)
    return {"seconds": min(took[1:]), "mib": (peak - before) / 1024, "file": file}


def in_process(*arguments: object) -> dict[str, object]:
    command = [sys.executable, __file__, "--step", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def compare(side: int, batch: int, repeats: int) -> None:
    print(
        f"KBNet training step, {batch} patches of {side}, {torch.get_num_threads()} threads, fp32"
    )
    print(f"{'':<24}{'form':<28}{'CPU s':>8}{'times':>8}{'MiB':>8}{'output':>10}{'gradient':>10}")
    for shape in SHAPES:
        base: dict[str, object] = {}
        for form in FORMS:
            found = in_process(shape, form, side, batch, repeats)
            tensors = torch.load(str(found["file"]))
            Path(str(found["file"])).unlink()
            base = base or {**found, "tensors": tensors}
            ours = base["tensors"]
            out = (tensors[0] - ours[0]).abs().max().item()
            worst = max(_relative(a, b) for a, b in zip(tensors[1:], ours[1:], strict=True))
            ratio = found["seconds"] / base["seconds"]
            print(
                f"{shape:<24}{form:<28}{found['seconds']:8.2f}{ratio:8.2f}{found['mib']:8.0f}"
                f"{out:10.1e}{worst:10.1e}"
            )


def _relative(a: Tensor, b: Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max().clamp_min(1e-12)).item()


def loading(data: Path | None, steps: int) -> None:
    """Share of the time of a training loop that is spent waiting for patches."""
    with tempfile.TemporaryDirectory() as folder:
        base = TrainConfig(data=str(data or _pairs(Path(folder))), run=folder, steps=steps)
        found = gather(base)
        print(f"\nwaiting for patches, {steps} steps of 4 patches of {base.patch}")
        for name, config in {
            "default network": base,
            "the same in bf16": replace(base, precision="bf16"),
            "pixels as they are": replace(base, even_paper=False),
        }.items():
            for workers in (0, 1):
                settings = replace(config, workers=workers)
                patches = Patches(found.train, found.pages, settings)
                print(f"{name:<24}{workers} workers{_waiting(patches, settings):8.1%}")


def _waiting(patches: Patches, config: TrainConfig) -> float:
    state = begin(config)
    waited, worked = [], []
    last = time.perf_counter()
    for scan, clean in batches(patches, config, 0):
        got = time.perf_counter()
        update(state, scan, clean, learning_rate(state.step, config), config)
        state.step += 1
        waited.append(got - last)
        last = time.perf_counter()
        worked.append(last - got)
    skip = len(waited) // 3  # until every page was decoded once
    return sum(waited[skip:]) / (sum(waited[skip:]) + sum(worked[skip:]))


def _pairs(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for n in range(12):
        clean = np.full((1200, 900), 255, np.uint8)
        clean[100:1100:24, 80 + n : 820] = 20
        scan = np.clip(clean * 0.8 + rng.normal(0, 5, clean.shape), 0, 255).astype(np.uint8)
        for name, pixels in (("scan", scan), ("clean", clean)):
            (folder / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{n}.png")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--step", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=45)
    given = parser.parse_args()
    if given.step:
        shape, form, *numbers = given.step
        print(json.dumps(step(shape, form, *map(int, numbers))))
        return
    compare(given.side, given.batch, given.repeats)
    loading(given.data, given.steps)


if __name__ == "__main__":
    main()
