"""How fast a network trains: random batches through the trainer's own step, the whole and its parts.

A step copies the batch to the device beside the step before, computes network, losses and gradients, and changes the
weights with clipping and the skipping of steps that are not finite. Weights and batches are random: they do not change
the time. `mfu` is the share of the arithmetic limit: operations of the convolutions and matrix products of a step,
forwards and backwards as PyTorch counts them, over the time and what the GPU's matrix units can do in bfloat16.

    python benchmarks/training.py                                    # ResNet34 and RegNetY-032, batch 64, on the GPU
    python benchmarks/training.py --variants compact --modes graphed # another network, replayed as a CUDA graph
    python benchmarks/training.py --quick                            # that of recipe=debug, batch 2, also on a CPU
"""

from __future__ import annotations

import argparse
import gc
import logging
import time
from dataclasses import replace
from pathlib import Path

import torch
from common import report
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from lead.models.transfuser.architecture import COMPACT, VARIANTS, Architecture
from lead.models.transfuser.network import Transfuser, input_shapes
from lead.training.labels import label_specs
from lead.training.losses.total import total_loss
from lead.training.network import LossModule, set_precision, use_fast_layout, widen_groups
from lead.training.optimisation import Optimiser, OptimiserSettings
from lead.training.transfer import DeviceBatches

PARTS = ("forward", "losses", "backward", "optimiser")
PUBLIC = {"resnet34": (134.0, 35.0, 600.0), "regnety032": (81.0, 65.0, 350.0)}
"""The public code on one H100 at batch 64 in samples/s and GiB, and the aim in samples/s."""
PEAKS = {"H100": 989.4e12, "H200": 989.4e12, "A100": 312e12, "L40S": 362e12}
"""Dense bfloat16 operations per second by a word of the GPU's name, from the makers' data sheets."""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="the compact network with one camera, batch 2, one step: under 50 s on 2 cores",
    )
    parser.add_argument("--json", type=Path, help="write metric name to number, plus the machine")
    parser.add_argument("--variants", default="resnet34,regnety032", help="networks, with commas")
    parser.add_argument("--modes", default="compiled,eager", help="compiled, eager, graphed, graphed-compiled")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=30, help="steps to measure")
    parser.add_argument("--group-width", type=int, default=0, help="channels up to which narrow groups are merged")
    parser.add_argument("--perspective-every", type=int, default=1, help="depth and semantics of every n-th sample")
    parser.add_argument(
        "--compile-mode", default=None, help="mode of torch.compile, such as max-autotune-no-cudagraphs"
    )
    return parser.parse_args()


def architecture_of(variant: str) -> Architecture:
    if variant == "debug":
        return replace(COMPACT, used_cameras=(False, True, False))
    return COMPACT if variant == "compact" else VARIANTS[variant]


def random_batch(architecture: Architecture, size: int) -> dict[str, Tensor]:
    """Inputs and labels of the right shapes and ranges."""
    generator = torch.Generator().manual_seed(0)
    batch = {key: torch.rand(size, *shape, generator=generator) for key, shape in input_shapes(architecture).items()}
    batch["rgb"] = torch.randint(0, 256, batch["rgb"].shape, dtype=torch.uint8, generator=generator)
    if "radar" in batch:
        batch["radar"][..., 4] = torch.arange(batch["radar"].shape[1]) // 75
    for name, spec in label_specs(architecture).items():
        shape = (size, *spec.shape)
        if spec.dtype is torch.float32:
            batch[name] = torch.rand(shape, generator=generator)
        else:
            largest = {"semantic": 10, "bev_semantic": architecture.domain.bev_classes}.get(name, 2)
            batch[name] = torch.randint(0, largest, shape, generator=generator).to(spec.dtype)
        if name.endswith("avg_factor"):
            batch[name] += 20
        if name == "radar_detections":
            batch[name][..., 3] = (batch[name][..., 3] > 0.5).float()
    return batch


class Run:
    """A network in training."""

    def __init__(self, architecture: Architecture, mode: str, device: torch.device, chosen: argparse.Namespace) -> None:
        torch.manual_seed(0)
        model = Transfuser(architecture).to(device).train()
        model.perspective_every = chosen.perspective_every
        if device.type == "cuda":
            use_fast_layout(model)
        if chosen.group_width:
            widen_groups(model, chosen.group_width)
        self.module = LossModule(model, half=device.type == "cuda")
        if mode.startswith("graphed"):
            self.module.use_graph()
        if mode.endswith("compiled"):
            self.module.compile_parts(dynamic=False, **({"mode": chosen.compile_mode} if chosen.compile_mode else {}))
        self.optimiser = Optimiser(model, OptimiserSettings(clip_norm=10.0))
        self.device = device

    def step(self, batch: dict[str, Tensor], marks: list[Mark]) -> None:
        """One step as the trainer makes it, with a mark after each part."""
        self.optimiser.begin()
        marks.append(Mark(self.device))
        out = self.module.predict(batch)
        marks.append(Mark(self.device))
        losses = self.module.losses(out, batch)
        total = total_loss(losses, self.module.weights)
        marks.append(Mark(self.device))
        total.backward()
        marks.append(Mark(self.device))
        self.optimiser.step(3e-4)
        marks.append(Mark(self.device))


class Mark:
    """A moment: of the GPU's work where there is one, else of the clock."""

    def __init__(self, device: torch.device) -> None:
        self.event = torch.cuda.Event(enable_timing=True) if device.type == "cuda" else None
        self.time_s = time.perf_counter()
        if self.event is not None:
            self.event.record()

    def ms_since(self, other: Mark) -> float:
        """Time from another moment to this one."""
        if self.event is not None and other.event is not None:
            return other.event.elapsed_time(self.event)
        return 1000.0 * (self.time_s - other.time_s)


def operations(run: Run, batch: dict[str, Tensor]) -> float:
    """Floating-point operations of a sample, forwards and backwards."""
    counter = FlopCounterMode(display=False)
    # Not worth measuring every convolution for: this is a single step.
    with torch.backends.cudnn.flags(enabled=True, benchmark=False), counter:
        total, _, _ = run.module({name: tensor[:1] for name, tensor in batch.items()})
        total.backward()
    return float(counter.get_total_flops())


def measure(name: str, architecture: Architecture, mode: str, chosen: argparse.Namespace) -> dict[str, float]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = Run(architecture, mode, device, chosen)
    host = random_batch(architecture, chosen.batch)
    if device.type == "cuda":
        host = {key: tensor.pin_memory() for key, tensor in host.items()}
        torch.cuda.reset_peak_memory_stats()
    warm_ups = 5 if device.type == "cuda" else 1
    began = time.perf_counter()
    marks: list[list[Mark]] = []
    for index, batch in enumerate(DeviceBatches([host] * (warm_ups + chosen.steps), device, frozenset(host))):
        if index == warm_ups:
            if device.type == "cuda":
                torch.cuda.synchronize()
            start = time.perf_counter()
        marks.append([])
        run.step(batch, marks[-1])
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - start) / chosen.steps
    took_s = time.perf_counter() - began
    logging.info("%s %s: %.1f samples/s; with the first steps %.0f s", name, mode, chosen.batch / seconds, took_s)
    result = {"samples_per_s": chosen.batch / seconds, "step_ms": 1000.0 * seconds}
    for part, label in enumerate(PARTS):
        times = sorted(row[part + 1].ms_since(row[part]) for row in marks[warm_ups:])
        result[f"{label}_ms"] = times[len(times) // 2]
    if device.type == "cuda":
        result["gpu_gib"] = torch.cuda.max_memory_allocated() / 2**30
    del run, batch
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return result


def mfu(architecture: Architecture, samples_per_s: float, chosen: argparse.Namespace) -> dict[str, tuple[float, str]]:
    """Share of the arithmetic limit, where that is known."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    counted = argparse.Namespace(**{**vars(chosen), "group_width": 0})
    run = Run(architecture, "eager", device, counted)
    batch = {name: tensor.to(device) for name, tensor in random_batch(architecture, 1).items()}
    per_sample = operations(run, batch)
    rows = {"gflop_per_sample": (per_sample / 1e9, "forwards and backwards, convolutions and matrix products")}
    if device.type == "cuda":
        words = torch.cuda.get_device_name()
        peak = next((value for word, value in PEAKS.items() if word in words), None)
        if peak is not None:
            rows["mfu"] = samples_per_s * per_sample / peak, f"of {peak / 1e12:.0f} TFLOP/s"
    return rows


def main() -> None:
    chosen = options()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if chosen.quick:
        chosen.variants, chosen.modes, chosen.batch, chosen.steps = "debug", "eager", 2, 1
        # Other work on a small machine makes threads wait for each other, for much longer than they compute.
        torch.set_num_threads(1)
    set_precision()
    rows: dict[str, tuple[float, str]] = {}
    modes = chosen.modes.split(",")
    for variant in chosen.variants.split(","):
        architecture = architecture_of(variant)
        for mode in modes:
            result = measure(variant, architecture, mode, chosen)
            key = variant if mode == modes[0] else f"{variant}_{mode}"
            public = PUBLIC.get(variant) if mode == modes[0] else None
            for metric, value in result.items():
                remark = mode
                if public and metric == "samples_per_s":
                    remark = f"{mode}; public code {public[0]:g}, aim {public[2]:g}"
                if public and metric == "gpu_gib":
                    remark = f"{mode}, peak of what PyTorch allocates; public code {public[1]:g}"
                rows[f"{key}_{metric}"] = value, remark
            if mode == modes[0]:
                rows |= {
                    f"{key}_{name}": row for name, row in mfu(architecture, result["samples_per_s"], chosen).items()
                }
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    title = f"Training, batch {chosen.batch}, {device}, PyTorch {torch.__version__}"
    report(title, rows, chosen.json, device=device)


if __name__ == "__main__":
    main()
