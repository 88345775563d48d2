"""Chooses the places of a town's contact sheet: typical ones, found by looking at the map instead of by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lead.maps.layout import LaneType, SignalKind
from lead.simulator.scenery.placements import Thing
from lead.simulator.scenery.terrain import Terrain
from lead.simulator.world.world import World

Array = NDArray[np.float64]
Place = tuple[str, Array, tuple[float, float]]
"""Caption, row like a spawn point's (x, y, z, pitch, yaw, roll in degrees), way back and up of the eye, metres."""

_APPROACH_M = 14.0
_BRIDGE_FROM_M = 3.5
_BEFORE_BRIDGE_M = 40.0
_NEAR_M = 70.0
_STREET_EYE = (6.0, 3.0)
_BIRD_EYE = (34.0, 42.0)


def typical_places(world: World) -> Iterator[Place]:
    """Six places: a junction from its approach and from above, a curve, a bridge or a long road, houses, the centre."""
    junction = _junction(world)
    yield "junction", junction, _STREET_EYE
    yield "curve", _curve(world), _STREET_EYE
    bridge = _bridge(world)
    if bridge is not None:
        yield "bridge", bridge, (0.0, 0.0)
    else:
        yield "street", world.town.spawn_points[len(world.town.spawn_points) // 3], _STREET_EYE
    yield "houses", _most(world, (Thing.HOUSE, Thing.BARN, Thing.HEDGE), tall=False), _STREET_EYE
    yield "centre", _most(world, (Thing.TOWER, Thing.BLOCK), tall=True), _STREET_EYE
    above = junction.copy()
    above[:3] += (_APPROACH_M + 12.0) * np.array(
        [np.cos(np.radians(junction[4])), np.sin(np.radians(junction[4])), 0.0]
    )
    yield "from above", above, _BIRD_EYE


def _row(xyz: Array, yaw_rad: float) -> Array:
    return np.array([*xyz, 0.0, np.degrees(yaw_rad), 0.0])


def _junction(world: World) -> Array:
    """Before a light in the middle of the town; before a stop or yield sign where there is none."""
    town = world.town
    boxes = town.signal_boxes[town.signal_boxes["owner"] >= 0]
    kinds = town.signals["kind"][boxes["owner"]]
    for kind in (SignalKind.TRAFFIC_LIGHT, SignalKind.STOP, SignalKind.YIELD):
        own = boxes[kinds == kind]
        overhead = np.isin(own["owner"], world.scene.heads["signal"][world.scene.heads["on_arm"] == 1])
        own = own[overhead] if overhead.any() else own
        if len(own):
            middle = np.array([np.median(own["x"]), np.median(own["y"])])
            box = own[np.argmin(np.hypot(own["x"] - middle[0], own["y"] - middle[1]))]
            ahead = np.array([np.cos(box["yaw"]), np.sin(box["yaw"]), 0.0])
            spot = np.array([box["x"], box["y"], box["z"]]) - _APPROACH_M * ahead
            spot[2] = float(world.ground.query(spot[None]).z[0])
            return _row(spot, float(box["yaw"]))
    return np.asarray(town.spawn_points[0], np.float64)


def _curve(world: World) -> Array:
    """Where a road outside junctions turns most within 40 m."""
    lanes = world.town.lanes
    step = 20
    first, last = lanes[:-step], lanes[step:]
    same = (first["lane_type"] == LaneType.DRIVING) & (first["junction_id"] < 0) & (first["lane_id"] < 0)
    for name in ("road_id", "section", "lane_id"):
        same &= first[name] == last[name]
    turn = np.abs((last["yaw"] - first["yaw"] + np.pi) % (2.0 * np.pi) - np.pi)
    lane = first[int(np.argmax(np.where(same & (turn < 1.4), turn, -1.0)))]
    return _row(np.array([lane["x"], lane["y"], lane["z"]]), float(lane["yaw"]))


def _bridge(world: World) -> Array | None:
    """A view from the road below at a road that crosses high above it."""
    lanes = world.town.lanes
    driving = lanes[lanes["lane_type"] == LaneType.DRIVING]
    spots = np.stack([driving["x"], driving["y"], driving["z"]], axis=1)
    below = world.ground.query(spots - np.array([0.0, 0.0, 6.0]))
    lane = lanes[np.maximum(below.lane, 0)]
    crossed = (below.lane >= 0) & (below.offset < lane["half_width"]) & (lane["lane_type"] == LaneType.DRIVING)
    crossed &= spots[:, 2] - below.z > _BRIDGE_FROM_M
    ahead = np.column_stack([np.cos(lane["yaw"]), np.sin(lane["yaw"]), np.zeros(len(lane))])
    eye = np.stack([lane["x"], lane["y"], below.z], axis=1) - _BEFORE_BRIDGE_M * ahead
    hits = world.ground.query(eye)
    # The road below must come straight, or the eye would stand beside it.
    crossed &= world.ground.is_on(hits, LaneType.DRIVING) & (np.abs(hits.z - eye[:, 2]) < 3.0)
    if crossed.any():
        index = int(np.flatnonzero(crossed)[crossed.sum() // 2])
        spot = np.array([eye[index, 0], eye[index, 1], hits.z[index] + 2.0])
        return _row(spot, float(lane["yaw"][index]))
    high = spots[:, 2] - Terrain(world.town).height(spots[:, :2])
    index = int(np.argmax(high))
    if high[index] < _BRIDGE_FROM_M:
        return None
    yaw = float(driving["yaw"][index])
    aside = np.array([-np.sin(yaw), np.cos(yaw), 0.0])
    return _row(spots[index] + 40.0 * aside + np.array([0.0, 0.0, 4.0]), yaw - np.pi / 2)


def _most(world: World, kinds: tuple[Thing, ...], *, tall: bool) -> Array:
    """The spawn point with most of some things around it, counted by their height if `tall`."""
    things = world.scene.things[np.isin(world.scene.things["kind"], kinds)]
    points = world.town.spawn_points
    points = points[:: max(len(points) // 150, 1)]
    weight = things["height"] if tall else np.ones(len(things))
    score = [
        weight[(np.abs(things["x"] - row[0]) < _NEAR_M) & (np.abs(things["y"] - row[1]) < _NEAR_M)].sum()
        for row in points
    ]
    return np.asarray(points[int(np.argmax(score))], np.float64)
