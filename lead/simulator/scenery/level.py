"""The level's objects: every thing of the town that clients can list, that can be hit or hidden, with its class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.maps.compiled import CompiledMap
from lead.maps.ground import GroundIndex
from lead.maps.layout import BOX_DTYPE, SignalKind
from lead.simulator.scenery.lamps import LAMP_HEIGHT_M, POLE_HALF_M, place_street_lamps

ANY_LABEL = 255
POLES, TRAFFIC_LIGHTS, TRAFFIC_SIGNS = 6, 7, 8

HOUSING_HALF_M = (0.15, 0.175, 0.5)
"""Half sizes of a traffic light's housing."""
_HOUSING_HEIGHT_M = 5.0
_PLATE_HALF_M = (0.03, 0.35, 0.35)
_PLATE_HEIGHT_M = 2.3

_NAMES = {
    4: "Wall",
    5: "Fence",
    POLES: "Pole",
    TRAFFIC_LIGHTS: "TrafficLight",
    TRAFFIC_SIGNS: "TrafficSign",
    28: "GuardRail",
}


@dataclass(frozen=True, eq=False)
class Level:
    """All level objects of a town.

    Attributes:
        boxes: BOX_DTYPE (n,), world frame; the row is the object's identity.
        solid: bool (n,), objects that bodies bump into: those that reach down to where vehicles drive.
        lamps: float64 (k, 3), positions of the street lamps' light sources, metres.
    """

    boxes: NDArray[np.void]
    solid: NDArray[np.bool_]
    lamps: NDArray[np.float64]

    def rows(self, label: int) -> NDArray[np.int64]:
        """Rows of the objects of one class, or of all for ``ANY_LABEL``."""
        if label == ANY_LABEL:
            return np.arange(len(self.boxes))
        return np.flatnonzero(self.boxes["label"] == label)

    def name(self, town: str, row: int) -> str:
        """Name of an object: stable for a town."""
        kind = _NAMES.get(int(self.boxes["label"][row]), "Object")
        return f"{town}_{kind}_{row}"


def build_level(town: CompiledMap, ground: GroundIndex) -> Level:
    """Collect a town's level objects: solid things of the map, light housings, sign plates, street lamps."""
    feet = place_street_lamps(town, ground)
    poles = np.zeros(len(feet), BOX_DTYPE)
    poles["owner"] = -1
    poles["x"], poles["y"], poles["yaw"] = feet[:, 0], feet[:, 1], feet[:, 3]
    poles["z"] = feet[:, 2] + 0.5 * LAMP_HEIGHT_M
    poles["ext_x"] = poles["ext_y"] = POLE_HALF_M
    poles["ext_z"] = 0.5 * LAMP_HEIGHT_M
    poles["label"] = POLES
    heads = _signal_heads(town, ground)
    boxes = np.concatenate([town.static_boxes, poles, heads])
    solid = np.ones(len(boxes), bool)
    solid[len(boxes) - len(heads) :] = False
    return Level(boxes, solid, feet[:, :3] + np.array([0.0, 0.0, LAMP_HEIGHT_M]))


def _signal_heads(town: CompiledMap, ground: GroundIndex) -> NDArray[np.void]:
    """Housings of the lights and plates of the signs, hung above their actors' feet."""
    signals = town.signals
    light = signals["kind"] == SignalKind.TRAFFIC_LIGHT
    foot = np.stack([signals["x"], signals["y"], signals["z"]], axis=1)
    hits = ground.query(foot)
    heads = np.zeros(len(signals), BOX_DTYPE)
    heads["owner"] = np.arange(len(signals))
    heads["x"], heads["y"] = signals["x"], signals["y"]
    heads["z"] = hits.z + np.where(light, _HOUSING_HEIGHT_M, _PLATE_HEIGHT_M)
    heads["yaw"] = np.radians(signals["yaw_deg"])
    for name, housing, plate in zip(("ext_x", "ext_y", "ext_z"), HOUSING_HALF_M, _PLATE_HALF_M, strict=True):
        heads[name] = np.where(light, housing, plate)
    heads["label"] = np.where(light, TRAFFIC_LIGHTS, TRAFFIC_SIGNS)
    return heads
