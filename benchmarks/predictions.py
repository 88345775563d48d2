"""Measure what a policy predicts on recorded frames, where possible ones that it was not trained with.

    python benchmarks/predictions.py data/checkpoints/tfv6_compact data/my_dataset --every 4

All metrics of training, and how the points of the planned path follow the true one: a slope of 1 is a path that bends
as the true one does, 0 one that is always the same.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import report
from numpy.typing import NDArray

from lead.config.published import PublishedConfig
from lead.dataset.carla_sample import PLAIN, CarlaSamples
from lead.dataset.rig_detection import rig_of
from lead.dataset.route_index import FrameIndex, build_index
from lead.inference.checkpoint import open_checkpoint
from lead.models.transfuser.architecture import Architecture, LidarInput, Planner
from lead.training.metrics import MetricSums, quotients
from lead.training.network import network_inputs

BEND_M = 0.25
"""Paths whose first point is so far to the side are bends, or lead back from beside the path."""
Array = NDArray[np.float32]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="folder of the policy; its first member is measured")
    parser.add_argument("data", type=Path, help="recorded data set")
    parser.add_argument("--every", type=int, default=4, help="every how many frames one is looked at")
    parser.add_argument("--quick", action="store_true", help="eight frames")
    parser.add_argument("--json", type=Path, help="write metric name to number, plus the machine")
    return parser.parse_args()


def samples_of(index: FrameIndex, architecture: Architecture, config: PublishedConfig) -> CarlaSamples:
    """Samples as the network would see them in driving, with labels."""
    is_seen = architecture.lidar_input is LidarInput.RASTER
    if is_seen and {entry.exact_clouds for entry in index.routes} != {not architecture.legacy.ego_removal_strips}:
        raise SystemExit(f"{index.root} has LiDAR clouds of another kind than the policy was trained with")
    options = dataclasses.replace(
        PLAIN,
        used_cameras=architecture.used_cameras,
        has_lidar=is_seen,
        has_radar=architecture.plans_with_radar,
        horizontal_fov_reduction=config.horizontal_fov_reduction,
        lidar_ticks=config.training_used_lidar_steps,
        needs_plan=True,
        legacy=architecture.legacy,
    )
    return CarlaSamples(index, rig_of(index), options, None)


def path_rows(true: Array, planned: Array) -> dict[str, tuple[float, str]]:
    """Errors and slopes of the first, the middle and the last point.

    Args:
        true: (n, points, 2) labels, ego frame, metres.
        planned: The same as predicted.
    """
    rows: dict[str, tuple[float, str]] = {}
    is_bend = np.abs(true[:, 0, 1]) > BEND_M
    for name, chosen in (("all", np.ones(len(true), bool)), ("bends", is_bend)):
        if chosen.sum() < 2:
            continue
        for point in (0, true.shape[1] // 2, true.shape[1] - 1):
            y, predicted = true[chosen, point, 1], planned[chosen, point, 1]
            rows[f"path_{name}_point_{point}_error_m"] = float(np.abs(y - predicted).mean()), f"{chosen.sum()} frames"
            rows[f"path_{name}_point_{point}_slope"] = float(np.polyfit(y, predicted, 1)[0]), ""
    return rows


def main() -> None:
    options = parse()
    checkpoint = open_checkpoint(options.checkpoint, max_models=1)
    if not checkpoint.architecture.domain.path_points or checkpoint.architecture.planner is Planner.NONE:
        raise SystemExit(f"{options.checkpoint} plans no path")
    (model,) = checkpoint.load_models()
    model.eval()
    samples = samples_of(build_index(options.data, skip_last=8), checkpoint.architecture, checkpoint.config)
    chosen = list(range(0, len(samples), max(1, len(samples) // 8) if options.quick else options.every))
    sums = MetricSums()
    true, planned = [], []
    for number in chosen:
        sample: dict[str, Any] = samples.load(number, np.random.default_rng(0))
        batch = {name: torch.from_numpy(np.asarray(value)[None]) for name, value in sample.items()}
        with torch.inference_mode():
            out = model(network_inputs(batch))
            sums.add(quotients(out, batch, model.architecture))
        true.append(sample["route"])
        planned.append(out.path_ego[0].numpy())
    rows = {name: (value, "") for name, value in sums.values().items()}
    rows |= path_rows(np.stack(true), np.stack(planned))
    report(f"{options.checkpoint.name} on {len(chosen)} frames of {options.data}", rows, options.json)


if __name__ == "__main__":
    main()
