"""A world without a simulator for the tests of the criteria: real maps with their signals, and a made-up ego."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from types import SimpleNamespace

import carla
import numpy as np
import pytest

from lead.evaluation.observation import ACTOR_DTYPE, EgoState, Observation
from lead.maps.compiled import compile_map
from lead.maps.layout import SignalKind
from lead.maps.towns import installed_towns, read_opendrive
from lead.routes.planner import DenseRoute

TICK_S = 0.05
EXTENT = np.array([2.446, 0.918, 0.745])


def observe(location, yaw_rad=0.0, speed=5.0, frame=0, pitch_rad=0.0, background=None):
    """An observation of an ego that moves along its heading (backwards if the speed is negative)."""
    ego = EgoState(np.asarray(location, dtype=float), yaw_rad, abs(speed), EXTENT, pitch_rad=pitch_rad)
    ego = replace(ego, velocity=speed * ego.forward)
    actors = np.empty(0, dtype=ACTOR_DTYPE)
    return Observation(frame, frame * TICK_S, ego, actors, background_speed_mps=background)


def at(x, y=0.0, time_s=0.0, speed=5.0, background=None):
    """An observation of an ego that heads along x."""
    return observe((x, y, 0.0), speed=speed, frame=round(time_s / TICK_S), background=background)


def drive(criterion, xs, y=0.0, dt=TICK_S):
    """Show a criterion an ego that drives along x."""
    for step, x in enumerate(xs):
        criterion.update(at(x, y, time_s=step * dt))


def straight_route(length=200):
    n = length + 1
    zeros = np.zeros(n)
    return DenseRoute(
        xyz=np.stack([np.arange(n, dtype=float), zeros, zeros], axis=1),
        yaw_rad=zeros,
        option=np.full(n, 4, dtype=np.int8),
        road_id=np.zeros(n, dtype=np.int32),
        section_id=np.zeros(n, dtype=np.int32),
        lane_id=np.full(n, -1, dtype=np.int32),
        s=np.arange(n, dtype=float),
        is_junction=np.zeros(n, dtype=bool),
        distance_m=np.arange(n, dtype=float),
        waypoints=(SimpleNamespace(transform=carla.Transform()),) * n,
    )


class FakeSignal:
    """A traffic light or sign of a map."""

    def __init__(self, number, type_id, place, yaw_deg, center, extent):
        self.id = number
        self.type_id = type_id
        self.state = carla.TrafficLightState.Green
        self._place, self._yaw_deg = place, yaw_deg
        self._center, self._extent = center, extent

    @property
    def trigger_volume(self):
        # Made anew each time, as the client does: Transform.transform writes into the location it is given.
        return carla.BoundingBox(carla.Location(*self._center), carla.Vector3D(*self._extent))

    def get_transform(self):
        return carla.Transform(carla.Location(*self._place), carla.Rotation(yaw=self._yaw_deg))


class FakeWorld:
    """Signals of a map, as a world offers them."""

    def __init__(self, signals=(), carla_map=None):
        self.signals = list(signals)
        self._map = carla_map

    def get_map(self):
        return self._map

    def get_actors(self):
        return self

    def filter(self, pattern):
        return [signal for signal in self.signals if signal.type_id.startswith(pattern.rstrip("*"))]


def signals_of(compiled):
    """Make the lights and stop signs of a compiled map."""
    names = {SignalKind.TRAFFIC_LIGHT: "traffic.traffic_light", SignalKind.STOP: "traffic.stop"}
    found = []
    for number, row in enumerate(compiled.signals, start=1):
        kind = SignalKind(int(row["kind"]))
        if kind in names:
            place = [float(row[axis]) for axis in ("x", "y", "z")]
            center, extent = row["trigger_center"].tolist(), row["trigger_extent"].tolist()
            found.append(FakeSignal(number, names[kind], place, float(row["yaw_deg"]), center, extent))
    return found


@lru_cache(maxsize=2)
def town(name):
    """Return compiled and client map of a town; skips the test if it is not installed."""
    if name not in installed_towns():
        pytest.skip(f"{name} is not installed: lead towns install {name}")
    compiled = compile_map(name, read_opendrive(name))
    return compiled, carla.Map(name, compiled.opendrive)


def follow(waypoint, length_m, step_m=0.25):
    """Way points along a lane and its first successors."""
    waypoints = [waypoint]
    for _ in range(int(length_m / step_m)):
        following = waypoints[-1].next(step_m)
        if not following:
            break
        waypoints.append(following[0])
    return waypoints


def beside(waypoint, right_m=0.0):
    """(location, yaw) of a place beside a way point, in the direction of its lane."""
    pose = waypoint.transform
    right = pose.get_right_vector()
    place = pose.location
    return (place.x + right_m * right.x, place.y + right_m * right.y, place.z), math.radians(pose.rotation.yaw)


def fake_vehicle(limit_kmh=50.0):
    return SimpleNamespace(get_speed_limit=lambda: limit_kmh)
