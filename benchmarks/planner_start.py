"""Measure how soon a planner learns to follow its target points, by the weights that it starts with.

    python benchmarks/planner_start.py            # 600 steps for each start, 5 minutes each on 2 cores
    python benchmarks/planner_start.py --quick

A start is `target_point_gain:planner_residual_gain`. The compact network's planner alone, without map or radar, sees
target points along routes of the training suite and learns the ten points of path ahead; the vehicle stands some half a
metre aside and is turned by some five degrees. What is measured is how far points of the path are off, beside a path
that is always the same one, and how much the path's steps differ from one another, beside those that it shall learn.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import carla
import numpy as np
import torch
from common import report
from numpy.typing import NDArray
from torch import Tensor

from lead.maps.towns import read_opendrive
from lead.models.transfuser.architecture import COMPACT
from lead.models.transfuser.planner import PlanningDecoder
from lead.routes.planner import DenseRoute, RoutePlanner
from lead.routes.reader import read_routes

SUITE = Path(__file__).resolve().parents[1] / "data/routes/suites/train.xml"
TOWNS = ("Town01", "Town03", "Town04", "Town05")
BATCH, HELD_OUT, LEARNING_RATE, WARM_UP = 64, 1000, 8e-4, 100
PATH_M = 2.5 + np.arange(10.0)
Samples = tuple[Tensor, Tensor]
"""Previous, present and next target point (n, 3, 2) and path (n, 10, 2), metres in the vehicle's frame."""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", default="1:1,10:1,10:0.1", help="pairs of gains, with commas")
    parser.add_argument("--steps", type=int, default=600, help="steps of 64 samples")
    parser.add_argument("--quick", action="store_true", help="one start, 30 steps, one town")
    parser.add_argument("--json", type=Path, help="write metric name to number, plus the machine")
    options = parser.parse_args()
    if options.quick:
        options.starts, options.steps = "10:0.1", 30
    return options


def samples(towns: tuple[str, ...]) -> Samples:
    """Make samples every half metre of all routes in some towns, in random order."""
    rng = np.random.default_rng(0)
    rows = []
    routes = read_routes(SUITE)
    for town in towns:
        planner = RoutePlanner(carla.Map(town, read_opendrive(town)))
        for route in routes:
            if route.town == town:
                rows += samples_of(planner.trace(route.keypoints, route.id), rng)
    order = rng.permutation(len(rows))
    targets, paths = (np.stack(column)[order].astype(np.float32) for column in zip(*rows, strict=True))
    return torch.from_numpy(targets), torch.from_numpy(paths)


def samples_of(route: DenseRoute, rng: np.random.Generator) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Make the samples of one route, whose target points are 10 to 40 m apart."""

    def places(distances_m: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.interp(distances_m, route.distance_m, route.xyz[:, axis]) for axis in (0, 1)], axis=-1)

    length_m = route.distance_m[-1]
    points_m = np.cumsum(np.concatenate([[0.0], rng.uniform(10.0, 40.0, int(length_m / 10.0) + 1)]))
    points_m = np.append(points_m[points_m < length_m], length_m)
    rows = []
    for at_m in np.arange(0.0, length_m - 20.0, 0.5):
        ahead = min(int(np.searchsorted(points_m, at_m + 3.25)), len(points_m) - 1)
        near_m = points_m[np.clip([ahead - 1, ahead, ahead + 1], 0, len(points_m) - 1)]
        here, there = places(np.array([at_m, at_m + 1.0]))
        yaw_rad = math.atan2(there[1] - here[1], there[0] - here[0]) + rng.normal(0.0, 0.08)
        turn = np.array([[math.cos(yaw_rad), math.sin(yaw_rad)], [-math.sin(yaw_rad), math.cos(yaw_rad)]])
        origin = here + rng.normal(0.0, 0.5) * turn[1]
        rows.append(((places(near_m) - origin) @ turn.T, (places(at_m + PATH_M) - origin) @ turn.T))
    return rows


def predict(planner: PlanningDecoder, targets_m: Tensor) -> Tensor:
    """Plan paths (n, 10, 2) from target points alone."""
    encoder, count = planner.planning_context_encoder, len(targets_m)
    names = ("target_point_previous", "target_point", "target_point_next")
    batch = {name: targets_m[:, place] for place, name in enumerate(names)}
    tokens = encoder.status_tokens(batch | {"speed": torch.zeros(count), "command": torch.zeros(count, 6)})
    context = tokens + encoder.status_pos_embedding[:, : tokens.shape[1]]
    queries = planner.transformer_decoder(planner.query.expand(count, -1, -1), context)
    path: Tensor = planner.route_decoder(queries[:, : len(PATH_M)])
    return path.cumsum(1)


def learn(data: Samples, steps: int, target_point_gain: float, residual_gain: float) -> Tensor:
    """Train a planner and return what it plans (n, 10, 2) for the held-out samples."""
    torch.manual_seed(0)
    targets_m, paths_m = data
    planner = PlanningDecoder(COMPACT, 64)
    planner.planning_context_encoder.amplify_target_points(target_point_gain)
    planner.soften_residuals(residual_gain)
    optimiser = torch.optim.AdamW(planner.parameters(), LEARNING_RATE, amsgrad=True)
    for step in range(steps):
        rate = LEARNING_RATE * 0.5 * (1.0 + math.cos(math.pi * step / steps)) * min(1.0, (step + 1) / WARM_UP)
        optimiser.param_groups[0]["lr"] = rate
        chosen = torch.randint(HELD_OUT, len(paths_m), (BATCH,))
        optimiser.zero_grad()
        (predict(planner, targets_m[chosen]) - paths_m[chosen]).abs().mean().backward()
        torch.nn.utils.clip_grad_norm_(planner.parameters(), 10.0)
        optimiser.step()
    planner.eval()
    with torch.no_grad():
        return predict(planner, targets_m[:HELD_OUT])


def off_m(planned: Tensor, wanted: Tensor) -> dict[str, float]:
    """Mean distances of the first, middle and last point."""
    distances = (planned - wanted).norm(dim=-1).mean(0)
    return {name: float(distances[place]) for name, place in (("first", 0), ("middle", 4), ("last", -1))}


def bend_m(paths: Tensor) -> float:
    """How much the steps of a path differ from one another, mean over the paths (n, 10, 2)."""
    return float(paths.diff(dim=1).std(1).norm(dim=-1).mean())


def main() -> None:
    options = parse()
    data = samples(TOWNS[:1] if options.quick else TOWNS)
    wanted, always = data[1][:HELD_OUT], data[1][HELD_OUT:].mean(0)
    rows: dict[str, tuple[float, str]] = {"wanted_bend_m": (bend_m(wanted), "of the paths to learn")}
    found = {"same_path": always.expand_as(wanted)}
    for start in options.starts.split(","):
        found[f"start_{start}"] = learn(data, options.steps, *map(float, start.split(":")))
    for name, planned in found.items():
        remark = "always one path" if name == "same_path" else f"after {options.steps * BATCH:,} samples"
        rows |= {f"{name}_{point}_off_m": (value, remark) for point, value in off_m(planned, wanted).items()}
        rows[f"{name}_bend_m"] = bend_m(planned), remark
    report("Starts of planners", rows, options.json)


if __name__ == "__main__":
    main()
