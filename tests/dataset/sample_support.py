"""Made-up data sets that samples can be made of: complete labels, images in full size, both views."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
from recording_support import PERFECT, ego_pose, make_boxes, make_frame, make_meta

from lead.dataset.cache.build import RouteOutcome, RouteTask, build_route
from lead.dataset.route_writer import RouteWriter

ROUTE = "data/Accident/Town03_Rep0_1_0_route0_01_02_03_04_05"
TWIN_SHIFT_M, TWIN_TURN_DEG = 0.6, -7.0


def plan_meta(step: int) -> dict[str, Any]:
    """Metas with the pose of the twin rig and three target points ahead and behind."""
    x, y, yaw = ego_pose(step)
    points = [[x + reach * math.cos(yaw), y + reach * math.sin(yaw), 0.5] for reach in (-6.0, -6.0, 18.0, 47.0)]
    return make_meta(step) | {
        "perturbation_translation": TWIN_SHIFT_M,
        "perturbation_rotation": TWIN_TURN_DEG,
        "next_target_points_3.25": points,
        "next_commands_3.25": [4, 4, 1, 5],
        "brake": step % 2 == 1,
    }


def record_samples(root: Path, relative_dir: str = ROUTE, *, frames: int = 11, cameras: int = 3) -> Path:
    """Record a route below a root; its last 8 frames lack a part of their future."""
    route_dir = root / relative_dir
    with RouteWriter(route_dir) as writer:
        for step in range(5 * frames - 4):
            writer.append(step, make_boxes(step), plan_meta(step))
            if step % 5 == 0:
                writer.save(step, make_frame(step, cameras))
        writer.finish(PERFECT)
    return route_dir


def build_or_die(task: RouteTask) -> RouteOutcome:
    """Build a route, but kill this process at the one called deadly."""
    if "deadly" in task.entry.relative_dir:
        os.kill(os.getpid(), signal.SIGKILL)
    return build_route(task)


def same_samples(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two samples agree in all but where they come from and how long they took."""
    names = set(first) - {"loading_time", "cache_state"}
    return names == set(second) - {"loading_time", "cache_state"} and all(
        first[name].dtype == second[name].dtype and np.array_equal(first[name], second[name]) for name in names
    )
