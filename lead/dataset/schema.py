"""Keys of the labels with their types, and what is wrong with a record that deviates.

Types are short words: ``float``, ``int``, ``bool``, ``str``, ``list``, ``dict``; ``float32/2`` is an array of that
type with two dimensions; ``any`` is not looked at; ``?`` behind a word allows None. A float may be any number, also
NumPy's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

POP_DISTANCES = tuple(f"{0.25 * quarter:.2f}" for quarter in range(12, 41))
"""Distances, in metres, at which the planners of the published metas drop a target point, as in their keys."""


def _distance_key(text: str) -> str:
    """Write a distance as the keys do: at least one decimal place, no further zeros."""
    return text[:-1] if text.endswith("0") else text


PLANNER_KEYS = tuple(
    f"{side}_{source}{what}_{_distance_key(distance)}"
    for side in ("previous", "next")
    for source in ("", "gps_")
    for what in ("target_points", "commands")
    for distance in POP_DISTANCES
)
"""The 232 keys of the planners with other distances and with noisy positions."""


def _table(**groups: str) -> dict[str, str]:
    """Turn words by type into types by word; the names of types stand for themselves, with ``_or_none`` for ``?``."""
    named = {"list_": "list", "dict_": "dict", "f32_1": "float32/1", "f32_2": "float32/2"}
    return {
        key: named.get(kind.removesuffix("_or_none"), kind.removesuffix("_or_none"))
        + ("?" if kind.endswith("_or_none") else "")
        for kind, words in groups.items()
        for key in words.split()
    }


META_REQUIRED = _table(
    float="""speed theta throttle steer target_speed perturbation_rotation perturbation_translation""",
    bool="brake vehicle_opened_door changed_route",
    str="town",
    int="jpeg_storage_quality",
    f32_2="route future_positions",
    f32_1="future_yaws",
    list_="pos_global scenario_obstacles_ids",
    any="vehicle_door_side",
    dict_="dataset_information",
)
"""What a loader cannot do without."""
META_ALL = META_REQUIRED | _table(
    int="""num_dangerous_adversarial num_safe_adversarial num_ignored_adversarial rear_adversarial_id visual_visibility
        ego_lane_id road_id lane_id junction_id num_parking_vehicles_in_proximity""",
    int_or_none="""speed_reduced_by_obj_id vehicle_affecting_id walker_affecting_id walker_close_id""",
    str="""scenario weather_setting lane_change_str lane_type_str left_lane_marking_color_str
        left_lane_marking_type_str right_lane_marking_color_str right_lane_marking_type_str traffic_light_state""",
    str_or_none="speed_reduced_by_obj_type current_active_scenario_type previous_active_scenario_type",
    dict_="weather_parameters sensor_information",
    f32_2="privileged_past_positions past_positions past_filtered_state ego_matrix",
    f32_1="past_speeds past_yaws future_speeds",
    float="""privileged_acceleration privileged_rotation_speed accel_x accel_y accel_z angular_velocity_x
        angular_velocity_y angular_velocity_z privileged_yaw speed_limit target_speed_limit second_highest_speed
        second_highest_speed_limit route_curvature route_left_length distance_ego_to_route signed_dist_to_lane_change
        ego_lane_width distance_to_next_junction dist_to_construction_site dist_to_accident_site dist_to_parked_obstacle
        dist_to_vehicle_opens_door dist_to_cutin_vehicle dist_to_pedestrian dist_to_biker""",
    float_or_none="""last_encountered_speed_limit_sign speed_reduced_by_obj_distance target_lane_width
        dist_to_junction distance_to_intersection_index_ego""",
    list_="""filtered_pos_global noisy_pos_global previous_target_points next_target_points previous_commands
        next_commands next_road_ids next_next_road_ids_ego scenario_actors_ids cut_in_actors_ids
        scenario_obstacles_convex_hull""",
    bool="""is_junction is_intersection vehicle_hazard light_hazard walker_hazard stop_sign_hazard stop_sign_close
        walker_close europe_traffic_light over_head_traffic_light emergency_brake_for_special_vehicle
        does_emergency_brake_for_pedestrians slower_bad_visibility slower_clutterness slower_occluded_junction
        construction_obstacle_two_ways_stuck accident_two_ways_stuck parked_obstacle_two_ways_stuck
        vehicle_opens_door_two_ways_stuck rear_danger_8 rear_danger_16 brake_cutin""",
)
"""All keys but the planners' families; together with :data:`PLANNER_KEYS`, lists all, they are the metas."""

_BOX = _table(
    str="class", list_="extent position", float="yaw distance", int="transfuser_semantics_id id", list__or_none="matrix"
)
_SIGNAL = _table(bool="affects_ego")
_MOVING = _table(float="speed", list_="ego_velocity", int="num_points num_radar_points visible_pixels", str="role_name")
BOX_ALL: dict[str, dict[str, str]] = {
    "ego_car": _BOX | _table(float="speed brake", int="num_points visible_pixels"),
    "car": _BOX
    | _MOVING
    | _table(
        str_or_none="next_action",
        bool="vehicle_cuts_in",
        int="road_id lane_id",
        str="lane_type_str base_type type_id",
        float="brake steer throttle speed_limit",
    ),
    "walker": _BOX | _MOVING,
    "static": _BOX | _table(float="speed", int="num_points visible_pixels", str="type_id", str_or_none="mesh_path"),
    "traffic_light": _BOX
    | _SIGNAL
    | _table(
        str="state",
        float="distance_to_physical_traffic_light",
        bool="""dummy_traffic_light_bounding_box same_lane_as_ego is_over_head_traffic_light
            is_europe_traffic_light""",
    ),
    "stop_sign": _BOX | _SIGNAL,
    "static_prop_car": _BOX | _table(int="num_points visible_pixels"),
}
"""Keys by class of box; cars and walkers also have the futures."""
BOX_REQUIRED: dict[str, frozenset[str]] = {
    kind: frozenset({"class", "extent", "position", "yaw", "id"}) for kind in BOX_ALL
}
"""What a loader cannot do without."""
FUTURE_KEYS = {"future_positions": "float16/2", "future_yaws": "float16/1"}
OWN_KEYS = {"future_ticks": "uint8/1"}
"""Keys of moving boxes that the published data do not have."""
MOVING = ("car", "walker")


def meta_faults(meta: Any, *, strict: bool) -> Iterator[str]:
    """Say what is wrong with the metas of a frame.

    Args:
        meta: What a file of ``metas`` holds.
        strict: Whether keys that a loader can do without must be there, too.
    """
    if not isinstance(meta, Mapping):
        yield f"the metas are no dict but {type(meta).__name__}"
        return
    needed = [*META_ALL, *PLANNER_KEYS] if strict else list(META_REQUIRED)
    missing = [key for key in needed if key not in meta]
    if missing:
        yield f"the metas lack {_some(missing)}"
    for key, kind in META_ALL.items():
        if key in meta and not _is_a(meta[key], kind):
            yield f"{key} of the metas is {_describe(meta[key])}, not {kind}"


def box_faults(boxes: Any, *, strict: bool) -> Iterator[str]:
    """Say what is wrong with the boxes of a frame; arguments as those of :func:`meta_faults`."""
    if not isinstance(boxes, Sequence) or not all(isinstance(box, Mapping) for box in boxes):
        yield f"the boxes are no list of dicts but {type(boxes).__name__}"
        return
    if not boxes or boxes[0].get("class") != "ego_car":
        yield "the first box is not the ego's"
    ids = [box.get("id") for box in boxes]
    if len(set(map(str, ids))) != len(ids):
        yield "two boxes have the same id"
    for place, box in enumerate(boxes):
        yield from (f"box {place} ({box.get('class')}): {fault}" for fault in _faults_of_box(box, strict=strict))


def _faults_of_box(box: Mapping[str, Any], *, strict: bool) -> Iterator[str]:
    kind = box.get("class")
    if kind not in BOX_ALL:
        yield "there is no such class of boxes"
        return
    table = BOX_ALL[kind] | (FUTURE_KEYS if kind in MOVING else {})
    missing = [key for key in (table if strict else BOX_REQUIRED[kind]) if key not in box]
    if missing:
        yield f"it lacks {_some(missing)}"
    for key, word in (table | OWN_KEYS).items():
        if key in box and not _is_a(box[key], word):
            yield f"{key} is {_describe(box[key])}, not {word}"


def _is_a(value: Any, word: str) -> bool:
    """Tell whether a value has a type of the tables."""
    if value is None:
        return word.endswith("?") or word == "any"
    word = word.removesuffix("?")
    if word == "any":
        return True
    if "/" in word:
        name, dimensions = word.split("/")
        return isinstance(value, np.ndarray) and value.dtype == np.dtype(name) and value.ndim == int(dimensions)
    if word == "bool":
        return isinstance(value, bool | np.bool_)
    if word == "int":
        return isinstance(value, int | np.integer) and not isinstance(value, bool)
    if word == "float":
        return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if word == "list":
        return isinstance(value, list | tuple | np.ndarray)
    return isinstance(value, {"str": str, "dict": dict}[word])


def _describe(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}/{value.ndim}"
    return "None" if value is None else type(value).__name__


def _some(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:5])
    return shown if len(keys) <= 5 else f"{shown} and {len(keys) - 5} further keys"
