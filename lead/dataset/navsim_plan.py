"""The planner's inputs and labels of simulated samples in NAVSIM's form, so that both train one network.

NAVSIM looks four seconds ahead at 2 Hz where simulated labels reach two seconds at 4 Hz, knows four commands instead of
six, and hands its networks the acceleration instead of target points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import SampleError
from lead.dataset.labels.motion import COMMANDS, WAYPOINTS, Motion
from lead.dataset.loading.source import Sample
from lead.dataset.navsim_sample import COMMANDS as REAL_COMMANDS
from lead.geometry.frames import wrap_rad

FRAME_S = 0.25
"""Time between two stored frames, and between two simulated waypoints."""
FRAMES_TO_JOIN = WAYPOINTS
"""So many stored frames later begins the second half of four seconds."""
FRAMES_AHEAD = 2 * WAYPOINTS
"""Stored frames that a sample looks ahead."""
_LEFT, _STRAIGHT, _RIGHT = (REAL_COMMANDS.index(name) for name in ("left", "straight", "right"))
COMMAND_TABLE = (_LEFT, _RIGHT, _STRAIGHT, _STRAIGHT, _LEFT, _RIGHT)
"""Place among NAVSIM's commands by the place among the simulator's: left, right, straight, follow the lane, change to
the left lane, to the right one. NAVSIM derives its own from where the route leads, so a change of lanes is a
direction."""


def navsim_plan(sample: Sample, later: Motion, before: Motion) -> Sample:
    """Make the planner's part of a sample.

    Args:
        sample: A simulated sample, in any view.
        later: Motion of :data:`FRAMES_TO_JOIN` frames later, in its own frame.
        before: Motion of the frame before.

    Returns:
        ``future_waypoints`` (8, 2) m and ``future_yaws`` (8,) rad at 2 Hz in the view's frame, ``command`` (4,)
        one-hot, ``speed`` m/s and ``acceleration`` m/s2 without signs; float32.

    Raises:
        SampleError: If the future is cut off by the end of the route.
    """
    if len(later.waypoints) < WAYPOINTS:
        raise SampleError("its future is cut off by the end of the route", "bad labels")
    points, yaws = _joined(np.asarray(sample["future_waypoints"]), np.asarray(sample["future_yaws"]), later)
    place = COMMAND_TABLE[int(np.argmax(np.asarray(sample["command"])[:COMMANDS]))]
    speed_mps = float(sample["speed"])
    return {
        "future_waypoints": points,
        "future_yaws": yaws,
        "command": np.eye(len(REAL_COMMANDS), dtype=np.float32)[place],
        "speed": np.array(abs(speed_mps), np.float32),
        "acceleration": np.array(_acceleration_mps2(speed_mps, float(sample["theta"]), before), np.float32),
    }


def _joined(
    waypoints: NDArray[np.float32], yaws_rad: NDArray[np.float32], later: Motion
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Every second of the waypoints, and of those that begin at the last one."""
    turn_rad, place = float(yaws_rad[-1]), waypoints[-1].astype(np.float64)
    cosine, sine = np.cos(turn_rad), np.sin(turn_rad)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    points = np.concatenate([waypoints, later.waypoints @ rotation.T + place])
    yaws = np.concatenate([yaws_rad, wrap_rad(later.yaws_rad + turn_rad)])
    return points[1::2].astype(np.float32), yaws[1::2].astype(np.float32)


def _acceleration_mps2(speed_mps: float, theta_rad: float, before: Motion) -> float:
    """Length of the acceleration by what changed since the frame before: along the road and, in curves, across it."""
    along = (speed_mps - before.speed_mps) / FRAME_S
    turn_rad = float(wrap_rad(theta_rad - before.theta_rad))
    return float(np.hypot(along, speed_mps * turn_rad / FRAME_S))
