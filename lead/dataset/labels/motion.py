"""What the ego is going to do and where it shall go, out of the metas of a frame."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError
from lead.dataset.labels.path import STORED_POINTS, smooth_path, without_duplicates
from lead.dataset.labels.view import NORMAL, View

WAYPOINTS, TICKS_PER_WAYPOINT = 8, 5
TARGET_POINTS_KEY, COMMANDS_KEY = "next_target_points_3.25", "next_commands_3.25"
COMMANDS = 6
LANE_FOLLOW = 4
_FEW_POINTS = 2


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion of the ego and its route in the frame of a view.

    Attributes:
        waypoints: float32 (n, 2), places after every quarter of a second; n is 8, or fewer near the end of a route.
        yaws_rad: float32 (n,), headings there.
        path: float32 (10, 2), points of the spatial path; (0, 2) where the stored route is too short for one.
        target_points: float32 (3, 2), previous, current and next target point.
        commands: uint8 (2,), places of this command and the next in a one-hot vector.
        speed_mps: Speed.
        target_speed_mps: Speed that the expert wants.
        theta_rad: Heading in the world.
        brake: Whether the expert brakes.
    """

    waypoints: NDArray[np.float32]
    yaws_rad: NDArray[np.float32]
    path: NDArray[np.float32]
    target_points: NDArray[np.float32]
    commands: NDArray[np.uint8]
    speed_mps: float
    target_speed_mps: float
    theta_rad: float
    brake: bool


def read_motion(meta: Mapping[str, Any], view: View = NORMAL) -> Motion:
    """Read the metas of a frame.

    Args:
        meta: The metas.
        view: Whose frame; speeds are the ego's own.

    Raises:
        DatasetError: If a value is missing, has another shape or is no finite number.
    """
    try:
        motion = _read(meta, view)
    except KeyError as error:
        raise DatasetError(f"the metas lack {error}") from error
    except (TypeError, ValueError, IndexError) as error:
        raise DatasetError(f"the metas hold something else than is expected ({error})") from error
    for name, value in vars(motion).items():
        if not np.isfinite(value).all():
            raise DatasetError(f"{name} of the metas is no finite number")
    return motion


def _read(meta: Mapping[str, Any], view: View) -> Motion:
    ahead = slice(TICKS_PER_WAYPOINT, WAYPOINTS * TICKS_PER_WAYPOINT + 1, TICKS_PER_WAYPOINT)
    places = np.asarray(meta["future_positions"], np.float64)[ahead, :2]
    yaws = np.asarray(meta["future_yaws"], np.float64)[ahead]
    if len(places) != len(yaws):
        raise DatasetError(f"the metas hold {len(places)} future places but {len(yaws)} future headings")
    points, commands = _targets(meta)
    return Motion(
        view.points(places).astype(np.float32),
        view.yaws(yaws).astype(np.float32),
        _path(meta["route"], view).astype(np.float32),
        view.points(points).astype(np.float32),
        np.array(commands, np.uint8),
        float(meta["speed"]),
        _target_speed(meta),
        float(meta["theta"]),
        bool(meta["brake"]),
    )


def _target_speed(meta: Mapping[str, Any]) -> float:
    speed_mps = float(meta["target_speed"])
    if speed_mps < 0.0:
        raise DatasetError(f"the target speed is negative: {speed_mps}")
    return speed_mps


def _path(route: Any, view: View) -> NDArray[np.float64]:
    stored = np.asarray(route, np.float64)[:STORED_POINTS, :2]
    points = without_duplicates(view.points(stored.reshape(-1, 2)))
    return smooth_path(points) if len(points) >= _FEW_POINTS else np.empty((0, 2))


def _targets(meta: Mapping[str, Any]) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Previous, current and next target point (3, 2) in the ego frame, and places of this and the next command."""
    points = [tuple(float(value) for value in point[:2]) for point in meta[TARGET_POINTS_KEY]]
    commands = [int(command) for command in meta[COMMANDS_KEY]]
    if len(points) < _FEW_POINTS or len(points) != len(commands):
        raise DatasetError(f"the metas hold {len(points)} target points and {len(commands)} commands")
    if len(points) > _FEW_POINTS:
        kept = [0] + [index for index in range(1, len(points)) if points[index] != points[index - 1]]
        points, commands = [points[index] for index in kept], [commands[index] for index in kept]
    chosen = np.array([points[0], points[min(1, len(points) - 1)], points[min(2, len(points) - 1)]])
    x, y = (chosen - np.asarray(meta["pos_global"], np.float64)[:2]).T
    theta = float(meta["theta"])
    cosine, sine = math.cos(theta), math.sin(theta)
    places = [command_place(command) for command in (commands[0], commands[min(1, len(commands) - 1)])]
    return np.stack([cosine * x + sine * y, cosine * y - sine * x], axis=1), (places[0], places[1])


def command_place(command: int) -> int:
    """Place of a road option in a one-hot vector: CARLA's numbers from 1, negative and unknown ones follow the lane."""
    return command - 1 if 1 <= command <= COMMANDS else LANE_FOLLOW - 1
