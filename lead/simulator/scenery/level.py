"""The level's objects: every thing of the town that clients can list, that can be hit or hidden, with its class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.maps.ground import GroundIndex
from lead.maps.layout import BOX_DTYPE, SignalKind
from lead.simulator.scenery.buildings import roof_rise
from lead.simulator.scenery.lamps import LAMP_HEIGHT_M, POLE_HALF_M, place_street_lamps
from lead.simulator.scenery.materials import Label
from lead.simulator.scenery.placements import BUILDINGS, THING_DTYPE, Thing, place_things
from lead.simulator.scenery.rails import place_rails
from lead.simulator.scenery.scenery_cache import cached_arrays
from lead.simulator.scenery.signals import HOUSING_HALF_M, approach_yaws, place_heads
from lead.simulator.scenery.terrain import Terrain

ANY_LABEL = 255
_PLATE_HALF_M = (0.03, 0.35, 0.35)
_PLATE_HEIGHT_M = 2.45

_NAMES = {
    Label.BUILDINGS: "Building",
    Label.WALLS: "Wall",
    Label.FENCES: "Fence",
    Label.POLES: "Pole",
    Label.TRAFFIC_LIGHT: "TrafficLight",
    Label.TRAFFIC_SIGNS: "TrafficSign",
    Label.VEGETATION: "Vegetation",
    Label.CAR: "ParkedCar",
    Label.STATIC: "Static",
    Label.GUARD_RAIL: "GuardRail",
}


@dataclass(frozen=True, eq=False)
class Level:
    """All level objects of a town.

    The rows of `boxes` are, in this order: what the map itself has (rails, walls, posts), street lamps, one row per
    signal, placed things.

    Attributes:
        boxes: BOX_DTYPE (n,), world frame; the row is the object's identity. A tree's box is its trunk: vehicles
            brush through the crown.
        solid: bool (n,), objects that bodies bump into: those that reach down to where vehicles drive.
        lamps: float64 (k, 3), positions of the street lamps' light sources, metres.
        lamp_yaw: float64 (k,), rad, along the sidewalk.
        first_lamp: Row of the first lamp's pole.
        first_signal: Row of the first signal.
        first_thing: Row of the first placed thing.
        things: THING_DTYPE, the placed things.
        heads: HEAD_DTYPE, heads of the traffic lights.
    """

    boxes: NDArray[np.void]
    solid: NDArray[np.bool_]
    lamps: NDArray[np.float64]
    lamp_yaw: NDArray[np.float64]
    first_lamp: int
    first_signal: int
    first_thing: int
    things: NDArray[np.void]
    heads: NDArray[np.void]

    def rows(self, label: int) -> NDArray[np.int64]:
        """Rows of the objects of one class, or of all for ``ANY_LABEL``."""
        if label == ANY_LABEL:
            return np.arange(len(self.boxes))
        return np.flatnonzero(self.boxes["label"] == label)

    def name(self, town: str, row: int) -> str:
        """Name of an object: stable for a town."""
        kind = _NAMES.get(Label(int(self.boxes["label"][row])), "Object")
        return f"{town}_{kind}_{row}"


def build_level(town: CompiledMap, ground: GroundIndex) -> Level:
    """Collect a town's level objects: solid things of the map, street lamps, light heads, sign plates, placements."""
    feet = place_street_lamps(town, ground)
    poles = np.zeros(len(feet), BOX_DTYPE)
    poles["owner"] = -1
    poles["x"], poles["y"], poles["yaw"] = feet[:, 0], feet[:, 1], feet[:, 3]
    poles["z"] = feet[:, 2] + 0.5 * LAMP_HEIGHT_M
    poles["ext_x"] = poles["ext_y"] = POLE_HALF_M
    poles["ext_z"] = 0.5 * LAMP_HEIGHT_M
    poles["label"] = Label.POLES
    heads = place_heads(town, ground)
    signals = _signal_boxes(town, ground, heads)
    stored = cached_arrays(town.digest, "things", lambda: {"things": _place_all(town, ground)})
    things = stored["things"].astype(THING_DTYPE)
    parts = [town.static_boxes, poles, signals, _thing_boxes(things)]
    firsts = np.cumsum([0] + [len(part) for part in parts])
    boxes = np.concatenate(parts)
    solid = np.ones(len(boxes), bool)
    solid[firsts[2] : firsts[3]] = False
    solid[firsts[3] :] = things["kind"] != Thing.BUSH
    return Level(
        boxes=boxes,
        solid=solid,
        lamps=feet[:, :3] + np.array([0.0, 0.0, LAMP_HEIGHT_M]),
        lamp_yaw=feet[:, 3],
        first_lamp=int(firsts[1]),
        first_signal=int(firsts[2]),
        first_thing=int(firsts[3]),
        things=things,
        heads=heads,
    )


def _place_all(town: CompiledMap, ground: GroundIndex) -> NDArray[np.void]:
    terrain = Terrain(town)
    return np.concatenate([place_things(town, terrain), place_rails(town, ground, terrain)])


def _signal_boxes(town: CompiledMap, ground: GroundIndex, heads: NDArray[np.void]) -> NDArray[np.void]:
    """Housings of the lights (the one on the arm, if there is one) and plates of the signs, one row per signal."""
    signals = town.signals
    light = signals["kind"] == SignalKind.TRAFFIC_LIGHT
    hits = ground.query(np.stack([signals["x"], signals["y"], signals["z"]], axis=1))
    rows = np.zeros(len(signals), BOX_DTYPE)
    rows["owner"] = np.arange(len(signals))
    rows["x"], rows["y"] = signals["x"], signals["y"]
    rows["z"] = hits.z + _PLATE_HEIGHT_M
    rows["yaw"] = approach_yaws(town)
    for name in ("x", "y", "z", "yaw"):
        rows[name][heads["signal"]] = heads[name]
    for name, housing, plate in zip(("ext_x", "ext_y", "ext_z"), HOUSING_HALF_M, _PLATE_HALF_M, strict=True):
        rows[name] = np.where(light, housing, plate)
    rows["label"] = np.where(light, Label.TRAFFIC_LIGHT, Label.TRAFFIC_SIGNS)
    return rows


def _thing_boxes(things: NDArray[np.void]) -> NDArray[np.void]:
    rows = np.zeros(len(things), BOX_DTYPE)
    rows["owner"] = -1
    for name in ("x", "y", "yaw"):
        rows[name] = things[name]
    height = things["height"] + roof_rise(things)
    rows["z"] = things["z"] + 0.5 * height
    rows["ext_x"], rows["ext_y"], rows["ext_z"] = things["half_x"], things["half_y"], 0.5 * height
    labels = np.full(max(Thing) + 1, Label.STATIC, np.uint8)
    labels[list(BUILDINGS)] = Label.BUILDINGS
    labels[[Thing.BROADLEAF, Thing.CONIFER, Thing.BUSH, Thing.HEDGE]] = Label.VEGETATION
    labels[Thing.CAR] = Label.CAR
    labels[Thing.FENCE] = Label.FENCES
    labels[Thing.RAIL] = Label.GUARD_RAIL
    rows["label"] = labels[things["kind"]]
    return rows
