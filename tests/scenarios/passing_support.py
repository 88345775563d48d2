"""A driver that goes around what stands in its lane: its path is pushed aside over a stretch of the route."""

from collections.abc import Callable

import numpy as np
from scenario_support import Blind, Drive, make_engine, no_traffic

from lead.agents.driving_path import STEP_M
from lead.scenarios.scenario import class_of

BLEND_M = 12.0


class Passing(Blind):
    """Drives at one speed up to a stretch and at another from there on, ignoring everybody.

    The stretch begins and ends at distances from the route's start; on it the path lies ``shift_m`` to the right.
    """

    def __init__(self, approach_mps: float, pass_mps: float, stretch_m: tuple[float, float], shift_m: float) -> None:
        super().__init__(approach_mps)
        self._pass_mps, self._stretch_m, self._shift_m = pass_mps, stretch_m, shift_m

    def set_privileged_context(self, context):
        super().set_privileged_context(context)
        path = self._path
        along = np.arange(len(path)) * STEP_M
        start, end = self._stretch_m
        share = np.clip(np.minimum(along - start, end - along) / BLEND_M, 0.0, 1.0)
        weight = 0.5 - 0.5 * np.cos(np.pi * share)
        right = np.stack([-np.sin(path.yaw_rad), np.cos(path.yaw_rad)], axis=1)
        path.xy = path.xy + self._shift_m * weight[:, None] * right

    def _target_speed(self, observation):
        is_past = self._index * STEP_M >= self._stretch_m[0]
        return min(self._pass_mps if is_past else self._speed_mps, float(self._curve_mps[self._index]))


def passing(
    stretch_m: tuple[float, float], shift_m: float, approach_mps: float = 8.0, pass_mps: float | None = None
) -> Callable[[], Passing]:
    """A driver that behaves around obstacles."""
    return lambda: Passing(approach_mps, pass_mps or approach_mps, stretch_m, shift_m)


def built(bench, config, number=0):
    """Build a scenario on a bench without running it; returns it and its tree after a tick."""
    make_engine(no_traffic)  # registers the classes
    scenario = class_of(config.type)(bench.stage, config, number)
    scenario.build()
    tree = scenario.behaviour()
    bench.step()
    return scenario, tree


def in_frame(pose, xyz):
    """Coordinates of a place in a pose's frame: forward, right, up (m)."""
    offset = np.array(xyz) - (pose.location.x, pose.location.y, pose.location.z)
    axes = (pose.get_forward_vector(), pose.get_right_vector(), pose.get_up_vector())
    return tuple(float(offset @ (axis.x, axis.y, axis.z)) for axis in axes)


def seconds_between(drive: Drive, first: int, last: int) -> float:
    """Simulated seconds between two ticks of a drive, counted from 1 as its messages are."""
    return drive.ticks[last - 1].time_s - drive.ticks[first - 1].time_s
