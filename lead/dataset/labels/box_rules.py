"""Which stored boxes become labels, of which class and size: the rules that do not depend on the view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.dataset.labels.box_table import CONE, PROP_HALF_M, UNKNOWN, WARNING, BoxTable, Kind
from lead.dataset.labels.classes import BevClass, BoxClass

OBSTACLE_SCENARIOS = frozenset(
    {"Accident", "AccidentTwoWays", "BlockedIntersection", "ParkedObstacle", "ParkedObstacleTwoWays"}
)
PARKING_SCENARIOS = frozenset(
    {"ParkingCrossingPedestrian", "ParkingCutIn", "StaticCutIn", "PedestrianCrossing", "ParkingExit"}
)
DOOR_SCENARIO = "VehicleOpensDoorTwoWays"
STANDING_MPS = 0.1
DOOR_M = 0.6
"""Half of what an open door adds to the width of a car."""
NO_CLASS = -1
_WALKER_ID, _VEHICLE_ID = 4, 1
_BEV_CLASSES = np.zeros(len(BoxClass), np.int64)
_BEV_CLASSES[[BoxClass.VEHICLE, BoxClass.SPECIAL, BoxClass.OBSTACLE, BoxClass.PARKING, BoxClass.BIKER]] = [
    BevClass.VEHICLE,
    BevClass.SPECIAL,
    BevClass.OBSTACLE,
    BevClass.PARKING,
    BevClass.BIKER,
]


@dataclass(frozen=True)
class Scene:
    """What the metas of a frame tell about its boxes.

    Attributes:
        scenario: The scenario that is going on, else the last one, else nothing.
        obstacle_ids: Ids of the actors that it put in the way.
        has_open_door: A car of the scenario has opened a door.
        door_side: The side it is on as seen from the car: 1 right, -1 left, 0 unknown.
        has_far_lights: The traffic lights around hang over the junction or stand as in Europe.
    """

    scenario: str = ""
    obstacle_ids: frozenset[Any] = frozenset()
    has_open_door: bool = False
    door_side: int = 0
    has_far_lights: bool = False

    @classmethod
    def of(cls, meta: Mapping[str, Any], far_light_flags: tuple[str, ...]) -> Scene:
        """Read the metas of a frame; tags that are missing mean that nothing is going on.

        Args:
            meta: The metas.
            far_light_flags: Keys of which one must hold for ``has_far_lights``.
        """
        active = meta.get("current_active_scenario_type") or meta.get("previous_active_scenario_type")
        side = meta.get("vehicle_door_side")
        word = str(side[0] if isinstance(side, list | tuple) and side else side)
        return cls(
            str(active or ""),
            frozenset(meta.get("scenario_obstacles_ids") or ()),
            bool(meta.get("vehicle_opened_door")),
            {"right": 1, "left": -1}.get(word, 0),
            any(bool(meta.get(flag)) for flag in far_light_flags),
        )


@dataclass(frozen=True, eq=False)
class BoxRules:
    """What the rules say about each box of a table (n rows).

    Attributes:
        box_class: int64, :class:`BoxClass`, or -1 for boxes that are no label.
        bev_class: int64, :class:`BevClass`, or -1 for boxes that are not painted.
        half_m: float64 (n, 2), half sizes, those of an opened door included.
        door: float64, by how much an open door moves the middle of the box, in metres to the car's right.
        velocity_mps: float64.
        brake: float64.
    """

    box_class: NDArray[np.int64]
    bev_class: NDArray[np.int64]
    half_m: NDArray[np.float64]
    door: NDArray[np.float64]
    velocity_mps: NDArray[np.float64]
    brake: NDArray[np.float64]


def apply_rules(table: BoxTable, scene: Scene) -> BoxRules:
    """Work out classes and sizes.

    Args:
        table: Boxes of a frame.
        scene: What is going on.
    """
    facts = table.facts
    is_car, is_walker = facts["kind"] == Kind.CAR, facts["kind"] == Kind.WALKER
    is_static = facts["kind"] == Kind.STATIC
    half_m = _half_sizes(table)
    scripted, has_door = _scripted_classes(table, scene)
    door = np.where(has_door, scene.door_side * DOOR_M, 0.0)
    half_m[has_door, 1] += DOOR_M

    is_prop = facts["is_cone"] | facts["is_warning"]
    special = is_car & facts["is_scenario"] & facts["is_emergency"]
    box_class = np.select(
        [
            facts["is_bike"],
            special,
            is_prop,
            facts["is_parked_mesh"] | is_static | (facts["kind"] == Kind.STATIC_CAR),
            is_car & (scripted != NO_CLASS),
            is_car,
            is_walker,
            facts["kind"] == Kind.LIGHT,
            facts["kind"] == Kind.SIGN,
        ],
        [
            BoxClass.BIKER,
            BoxClass.SPECIAL,
            BoxClass.OBSTACLE,
            BoxClass.PARKING,
            scripted,
            BoxClass.VEHICLE,
            BoxClass.WALKER,
            BoxClass.TRAFFIC_LIGHT,
            BoxClass.STOP_SIGN,
        ],
        NO_CLASS,
    ).astype(np.int64)
    is_other_prop = is_static & facts["has_type"] & ~is_prop & ~facts["is_parked_mesh"]
    box_class[_is_hidden(table) | _is_no_signal(table) | is_other_prop] = NO_CLASS
    return BoxRules(
        box_class,
        _bev_classes(table, scene, scripted),
        half_m,
        door,
        np.where(is_car | is_walker, table.numbers["speed"], 0.0),
        np.where(is_car, table.numbers["brake"], 0.0),
    )


def _half_sizes(table: BoxTable) -> NDArray[np.float64]:
    """Half sizes (n, 2): true ones where type or mesh are known to have wrong boxes."""
    half_m = table.numbers["half"].copy()
    for word, flag in ((WARNING, "is_warning"), (CONE, "is_cone")):
        half_m[table.facts[flag]] = PROP_HALF_M[word]
    return np.where(np.isnan(table.numbers["mesh_half"]), half_m, table.numbers["mesh_half"])


def _scripted_classes(table: BoxTable, scene: Scene) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Classes of standing cars that a scenario put there (-1 for others), and which of them have an open door."""
    facts = table.facts
    stands = (facts["kind"] == Kind.CAR) & facts["is_scenario"] & (table.numbers["speed"] < STANDING_MPS)
    classes = np.full(len(table), NO_CLASS, np.int64)
    has_door = np.zeros(len(table), bool)
    if scene.scenario == DOOR_SCENARIO:
        concerned = stands & facts["is_obstacle_of_scenario"]
        classes[concerned] = BoxClass.OBSTACLE if scene.has_open_door else BoxClass.PARKING
        has_door = concerned & scene.has_open_door
    elif scene.scenario in OBSTACLE_SCENARIOS:
        classes[stands & facts["is_obstacle_of_scenario"]] = BoxClass.OBSTACLE
    elif scene.scenario in PARKING_SCENARIOS:
        classes[stands & facts["is_on_parking_lane"]] = BoxClass.PARKING
    return classes, has_door


def _below(table: BoxTable, points: int, pixels: int) -> NDArray[np.bool_]:
    """Boxes that too few LiDAR points and too few pixels hit; both must have been counted."""
    seen, drawn = table.facts["points"], table.facts["pixels"]
    return np.asarray((seen > UNKNOWN) & (seen < points) & (drawn > UNKNOWN) & (drawn < pixels))


def _is_hidden(table: BoxTable) -> NDArray[np.bool_]:
    facts = table.facts
    hidden = (facts["semantics"] == _WALKER_ID) & _below(table, 5, 15)
    is_vehicle = facts["semantics"] == _VEHICLE_ID
    hidden |= is_vehicle & (facts["kind"] == Kind.STATIC) & _below(table, 3, 5)
    hidden |= is_vehicle & _below(table, 1, 1)
    return np.asarray(hidden & facts["has_points"])


def _is_no_signal(table: BoxTable) -> NDArray[np.bool_]:
    """Lights and stop signs that the ego need not obey."""
    facts = table.facts
    is_light, is_sign = facts["kind"] == Kind.LIGHT, facts["kind"] == Kind.SIGN
    return np.asarray((is_light & (~facts["affects_ego"] | facts["is_green"])) | (is_sign & ~facts["affects_ego"]))


def _bev_classes(table: BoxTable, scene: Scene, scripted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Classes with which boxes are painted, -1 for those that are not."""
    facts = table.facts
    is_car, is_static = facts["kind"] == Kind.CAR, facts["kind"] == Kind.STATIC
    is_light = (facts["kind"] == Kind.LIGHT) & facts["affects_ego"]
    blocks = facts["is_obstacle_of_scenario"] & (scene.scenario in OBSTACLE_SCENARIOS)
    red = BevClass.RED_FAR if scene.has_far_lights else BevClass.RED
    classes = np.select(
        [
            is_car & facts["is_emergency"] & blocks,
            is_car & facts["is_emergency"],
            is_car & facts["is_bike"],
            is_car & (scripted != NO_CLASS),
            is_car,
            facts["kind"] == Kind.WALKER,
            facts["kind"] == Kind.STATIC_CAR,
            is_static & (facts["is_cone"] | facts["is_warning"]),
            is_static & facts["is_emergency"],
            is_static & facts["is_parked_mesh"],
            is_light & facts["is_red"],
            is_light,
        ],
        [
            BevClass.OBSTACLE,
            BevClass.SPECIAL,
            BevClass.BIKER,
            _BEV_CLASSES[scripted],
            BevClass.VEHICLE,
            BevClass.WALKER,
            BevClass.PARKING,
            BevClass.OBSTACLE,
            BevClass.SPECIAL,
            BevClass.PARKING,
            red,
            BevClass.GREEN,
        ],
        NO_CLASS,
    ).astype(np.int64)
    hidden = (facts["kind"] == Kind.WALKER) & _below(table, 5, 15)
    hidden |= is_car & _below(table, 1, 1)
    hidden |= (is_static | (facts["kind"] == Kind.STATIC_CAR)) & _below(table, 3, 5)
    classes[hidden] = NO_CLASS
    return classes
