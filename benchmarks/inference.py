"""How long a prediction takes at batch size 1: the fast path against the networks run layer by layer, in one run.

`eager` is the published way: every head, automatic mixed precision on GPUs, one seed after the other. `eager_plan` is
the same with only the heads that driving needs. The fast path computes those heads, too. Weights are random: they do
not change the time. `agent_overhead` is what a tick of the sensor agent costs beside the networks.

    python benchmarks/inference.py             # all variants; on the GPU if there is one
    python benchmarks/inference.py --quick     # ResNet34 only
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from common import parse_options, report
from sensing import ticks

from lead.agents.sensor_agent_view import make_view
from lead.control.agent_control import AgentController
from lead.control.position_filter import AppliedControl
from lead.inference.devices import choose_devices, precision
from lead.inference.engine import CudaGraphEngine, Engine, FastCpuEngine, PlainEngine
from lead.inference.ensemble import Prediction
from lead.models.transfuser.architecture import VARIANTS, Architecture
from lead.models.transfuser.network import Transfuser, input_shapes
from lead.models.transfuser.outputs import ALL_HEADS, DRIVING_HEADS

SEEDS = (1, 3)
AIMS_MS = {"resnet34_1": 4.0, "resnet34_3": 8.0, "regnety032_3": 12.0}
ROUNDS = {"cuda": 200, "cpu": 5}
WARM_UPS = {"cuda": 20, "cpu": 1}


def random_batch(architecture: Architecture) -> dict[str, torch.Tensor]:
    """One sample of random inputs on the CPU."""
    batch = {key: torch.rand(1, *shape) for key, shape in input_shapes(architecture).items()}
    batch["rgb"] = torch.randint(0, 256, batch["rgb"].shape, dtype=torch.uint8)
    if "radar" in batch:
        batch["radar"][..., 4] = torch.arange(batch["radar"].shape[1]) // 75
    return batch


def measure(engines: Mapping[str, Engine], batch: Mapping[str, torch.Tensor], kind: str) -> dict[str, list[float]]:
    """Times in ms, host to host; engines take turns so that all see the same machine."""
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(WARM_UPS[kind]):
        for engine in engines.values():
            engine.run(batch)
    for _ in range(ROUNDS[kind]):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine.run(batch)
            times[name].append(1000.0 * (time.perf_counter() - start))
    return times


def make_engines(architecture: Architecture, seeds: int, device: torch.device) -> dict[str, Callable[[], Engine]]:
    """The three ways to run, each with networks of its own."""

    def models() -> list[Transfuser]:
        return [Transfuser(architecture).eval() for _ in range(seeds)]

    def fast() -> Engine:
        if device.type == "cpu":
            return FastCpuEngine(models(), DRIVING_HEADS)
        return CudaGraphEngine(models(), DRIVING_HEADS, [device], precision(device))

    half = precision(device) is torch.bfloat16
    return {
        "fast": fast,
        "eager": lambda: PlainEngine(models(), ALL_HEADS, device, autocast=half),
        "eager_plan": lambda: PlainEngine(models(), DRIVING_HEADS, device, autocast=half),
    }


def gpu_mib(make: Callable[[], Engine], batch: Mapping[str, torch.Tensor], device: torch.device) -> float:
    """Peak of the GPU memory that PyTorch reserves for an engine, in MiB."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_reserved(device)
    engine = make()
    engine.run(batch)
    engine.run(batch)
    peak = torch.cuda.max_memory_reserved(device) - before
    del engine
    gc.collect()
    torch.cuda.empty_cache()
    return float(peak) / 2**20


def agent_overhead(count: int) -> dict[str, tuple[float, str]]:
    """What a tick of the sensor agent costs around the networks: from sensor packets to inputs, and on to a control."""
    preprocessor, raws = ticks(count)
    controller, control = AgentController(), AppliedControl(0.0, 0.0, 1.0)
    points = np.stack([np.arange(2.5, 12.5), np.zeros(10)], axis=1)
    cpu, clock = [], []
    for raw in raws:
        started_cpu, started = time.process_time(), time.perf_counter()
        inputs = preprocessor.step(raw, control)
        inputs.batch()
        prediction = Prediction(path_ego=points, waypoints_ego=points[:8], target_speed_mps=8.0)
        control = controller.step(
            inputs.pose.speed_mps,
            path_ego=prediction.path_ego,
            target_speed_mps=prediction.target_speed_mps,
            waypoints_ego=prediction.waypoints_ego,
        )
        make_view(inputs, prediction, {}, with_pictures=False)
        cpu.append(1000.0 * (time.process_time() - started_cpu))
        clock.append(1000.0 * (time.perf_counter() - started))
    settled = slice(20, None)  # until the queues are full
    return {
        "agent_overhead_ms": (float(np.median(clock[settled])), "around the networks, per tick, median; aim 5"),
        "agent_overhead_cpu_ms": (float(np.median(cpu[settled])), "processor time, all threads"),
    }


def main() -> None:
    """Measure all variants."""
    options = parse_options(__doc__ or "")
    device = choose_devices(None)[0]
    torch.manual_seed(0)
    variants = ("resnet34",) if options.quick else ("resnet34", "regnety032", "noradar_resnet34", "visiononly_resnet34")
    rows: dict[str, tuple[float, str]] = {}
    for variant in variants:
        architecture = VARIANTS[variant]
        batch = random_batch(architecture)
        for seeds in SEEDS if device.type == "cuda" else SEEDS[: 1 if options.quick else 2]:
            name = f"{variant}_{seeds}"
            makers = make_engines(architecture, seeds, device)
            times = measure({key: make() for key, make in makers.items()}, batch, device.type)
            fast, eager, plan = (float(np.median(times[key])) for key in ("fast", "eager", "eager_plan"))
            aim = f"; aim {AIMS_MS[name]:g}" if name in AIMS_MS and device.type == "cuda" else ""
            rows[f"{name}_ms"] = fast, f"median, {100 * fast / eager:.0f} % of eager{aim}"
            rows[f"{name}_p99_ms"] = float(np.percentile(times["fast"], 99)), ""
            rows[f"{name}_eager_ms"] = eager, "all heads, member after member"
            rows[f"{name}_eager_plan_ms"] = plan, "driving heads only"
            if device.type == "cuda":
                rows[f"{name}_gpu_mib"] = gpu_mib(makers["fast"], batch, device), "reserved by PyTorch"
                rows[f"{name}_eager_gpu_mib"] = gpu_mib(makers["eager"], batch, device), "reserved by PyTorch"
    rows |= agent_overhead(60 if options.quick else 120)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    report(f"Inference, batch 1, {name}, PyTorch {torch.__version__}", rows, options.json, device=name)


if __name__ == "__main__":
    main()
