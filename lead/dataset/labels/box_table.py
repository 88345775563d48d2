"""The boxes of a frame as columns: one pass over the stored dicts, so that the rules for labels work on arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError
from lead.maps.parked_cars import PARKED_CARS

UNKNOWN = -1
"""A count that was not taken."""
EMERGENCY_TYPES = frozenset(
    {
        "vehicle.dodge.charger_police",
        "vehicle.dodge.charger_police_2020",
        "vehicle.ford.ambulance",
        "vehicle.carlamotors.firetruck",
    }
)
BIKE_TYPES = frozenset({"vehicle.diamondback.century", "vehicle.gazelle.omafiets", "vehicle.bh.crossbike"})
CONE, WARNING = "constructioncone", "trafficwarning"
PROP_HALF_M = {CONE: (0.17203, 0.17203), WARNING: (1.18671, 1.43529)}
"""Half sizes by a part of the type."""
_MESH_HALF_M: dict[str, tuple[float, float]] = {
    **{car.name.lower(): car.half_extent[:2] for car in PARKED_CARS},
    "plastictable": (1.24110, 1.24110),
    "plasticchair": (0.36524, 0.37522),
    CONE: PROP_HALF_M[CONE],
}
"""True half sizes by a part of the mesh's name; boxes of such actors are often wrong in CARLA."""
PARKED_FOLDER = "ParkedVehicles"
PARKING_LANE = "Parking"


class Kind(IntEnum):
    """Classes of stored boxes that labels are made of."""

    CAR = 0
    WALKER = 1
    STATIC = 2
    STATIC_CAR = 3
    LIGHT = 4
    SIGN = 5


_KINDS = {
    "car": Kind.CAR,
    "walker": Kind.WALKER,
    "static": Kind.STATIC,
    "static_prop_car": Kind.STATIC_CAR,
    "traffic_light": Kind.LIGHT,
    "stop_sign": Kind.SIGN,
}
_NUMBERS = np.dtype(
    [
        ("position", "f8", 3),
        ("half", "f8", 2),
        ("mesh_half", "f8", 2),
        ("yaw", "f8"),
        ("speed", "f8"),
        ("brake", "f8"),
    ]
)
_FACTS = np.dtype(
    [
        ("kind", "i1"),
        ("points", "i4"),
        ("pixels", "i4"),
        ("radar_hits", "i4"),
        ("semantics", "i2"),
        ("has_points", "?"),
        ("affects_ego", "?"),
        ("is_green", "?"),
        ("is_red", "?"),
        ("is_scenario", "?"),
        ("is_obstacle_of_scenario", "?"),
        ("is_emergency", "?"),
        ("is_bike", "?"),
        ("is_cone", "?"),
        ("is_warning", "?"),
        ("has_type", "?"),
        ("is_parked_mesh", "?"),
        ("is_on_parking_lane", "?"),
    ]
)


@dataclass(frozen=True, eq=False)
class BoxTable:
    """Boxes of a frame in stored order, without the ego's and without classes that have no label.

    Attributes:
        numbers: Structured (n,): ``position`` x, y, z, ``half`` sizes along the box's axes, ``mesh_half`` (true half
            sizes by the mesh, NaN where it is none that is known), ``yaw``, ``speed``, ``brake``; ego frame, metres,
            radians, m/s.
        facts: Structured (n,): ``kind``, counts (-1 for those not taken), class of the semantic camera, and flags.
    """

    numbers: NDArray[np.void]
    facts: NDArray[np.void]

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.numbers)


def read_boxes(boxes: Sequence[Mapping[str, Any]], obstacle_ids: frozenset[Any] = frozenset()) -> BoxTable:
    """Turn stored boxes into columns.

    Args:
        boxes: Content of a file of ``bboxes``.
        obstacle_ids: Ids of the actors that a scenario put in the way, ``scenario_obstacles_ids`` of the metas.

    Raises:
        DatasetError: If a box lacks its geometry or has numbers that are not finite.
    """
    labelled = [box for box in boxes if box.get("class") in _KINDS]
    try:
        numbers = np.array([_numbers(box) for box in labelled], _NUMBERS)
        facts = np.array([_facts(box, obstacle_ids) for box in labelled], _FACTS)
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"a box lacks its geometry or holds something else than numbers ({error})") from error
    for name in ("position", "half", "yaw", "speed"):
        if not np.isfinite(numbers[name]).all():
            raise DatasetError(f"the {name} of a box is no finite number")
    return BoxTable(numbers, facts)


def _numbers(box: Mapping[str, Any]) -> tuple[Any, ...]:
    x, y, z = box["position"]
    length, width = box["extent"][:2]
    brake = float(box.get("brake") or 0.0)
    mesh_half = _mesh_half(str(box.get("mesh_path") or ""))
    return (
        (x, y, z),
        (length, width),
        mesh_half,
        box["yaw"],
        box.get("speed") or 0.0,
        0.0 if math.isnan(brake) else brake,
    )


def _facts(box: Mapping[str, Any], obstacle_ids: frozenset[Any]) -> tuple[Any, ...]:
    type_id, state = str(box.get("type_id") or ""), box.get("state")
    return (
        _KINDS[box["class"]],
        _count(box, "num_points"),
        _count(box, "visible_pixels"),
        _count(box, "num_radar_points"),
        _count(box, "transfuser_semantics_id"),
        "num_points" in box,
        bool(box.get("affects_ego")),
        state == "Green",
        state in ("Red", "Yellow"),
        "scenario" in str(box.get("role_name")),
        box.get("id") in obstacle_ids,
        type_id in EMERGENCY_TYPES,
        type_id in BIKE_TYPES,
        CONE in type_id,
        WARNING in type_id,
        "type_id" in box,
        PARKED_FOLDER in str(box.get("mesh_path")),
        box.get("lane_type_str") == PARKING_LANE,
    )


def _count(box: Mapping[str, Any], key: str) -> int:
    value = box.get(key)
    return UNKNOWN if value is None else int(value)


def _mesh_half(mesh_path: str) -> tuple[float, float]:
    name = mesh_path.rpartition("/")[2].lower()
    if name:
        for word, half in _MESH_HALF_M.items():
            if word in name:
                return half
    return math.nan, math.nan
