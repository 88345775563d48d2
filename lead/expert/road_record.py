"""What the record of a tick tells about the road under the ego."""

from __future__ import annotations

import math
from typing import Any

import carla

from lead.expert.scene import Scene
from lead.expert.view import View

LANE_END_LIMIT_M = 2000.0
HOP_M = 1.0


class RoadRecord:
    """Describes the road; what lies ahead of a lane is found out once per lane."""

    def __init__(self, carla_map: carla.Map) -> None:
        """Take the map."""
        self._map = carla_map
        self._after: dict[tuple[int, int, int], tuple[carla.Location, bool, list[int], list[int]] | None] = {}

    def record(self, view: View) -> dict[str, Any]:
        """Return the keys of the road and of distances to junctions."""
        scene = view.scene
        x, y, z = (float(value) for value in scene.ego.location)
        lane = self._map.get_waypoint(carla.Location(x, y, z), lane_type=carla.LaneType.Any)
        after = self._lane_end(lane)
        to_junction = 0.0 if lane.is_junction else self._to_junction(scene, after)
        along = view.route.junction_ahead_m()
        planned = view.route.waypoint(view.route.index)
        beside = planned.get_left_lane()
        return {
            "ego_lane_id": int(lane.lane_id),
            "road_id": int(lane.road_id),
            "lane_id": int(lane.lane_id),
            "junction_id": int(lane.junction_id),
            "is_junction": bool(lane.is_junction),
            "is_intersection": bool(lane.is_intersection),
            "next_road_ids": [] if after is None else after[2],
            "next_next_road_ids_ego": [] if after is None else after[3],
            "lane_change_str": str(lane.lane_change),
            "lane_type_str": str(lane.lane_type),
            **_marking("left", lane.left_lane_marking),
            **_marking("right", lane.right_lane_marking),
            "ego_lane_width": float(lane.lane_width),
            "target_lane_width": _target_width(view, beside),
            "distance_to_next_junction": to_junction,
            "dist_to_junction": None if math.isinf(along) else along,
            "distance_to_intersection_index_ego": None if math.isinf(along) else along,
        }

    def _lane_end(self, lane: carla.Waypoint) -> tuple[carla.Location, bool, list[int], list[int]] | None:
        """Return where the lane's successors begin, whether in a junction, and the roads of the next two steps."""
        key = (int(lane.road_id), int(lane.section_id), int(lane.lane_id))
        if key not in self._after:
            self._after[key] = _look_behind_end(lane)
        return self._after[key]

    @staticmethod
    def _to_junction(scene: Scene, after: tuple[carla.Location, bool, list[int], list[int]] | None) -> float:
        if after is None or not after[1]:
            return math.inf
        place = after[0]
        return math.dist(scene.ego.location, (place.x, place.y, place.z))


def _marking(side: str, marking: carla.LaneMarking | None) -> dict[str, str]:
    """Return colour and type of a marking; CARLA has none where the map describes none."""
    color, kind = (
        (carla.LaneMarkingColor.Other, carla.LaneMarkingType.NONE) if marking is None else (marking.color, marking.type)
    )
    return {f"{side}_lane_marking_color_str": str(color), f"{side}_lane_marking_type_str": str(kind)}


def _look_behind_end(lane: carla.Waypoint) -> tuple[carla.Location, bool, list[int], list[int]] | None:
    place, walked_m = lane, 0.0
    while walked_m < LANE_END_LIMIT_M:
        following = place.next(HOP_M)
        if not following:
            return None
        if any((each.road_id, each.lane_id) != (lane.road_id, lane.lane_id) for each in following):
            roads = sorted({int(each.road_id) for each in following})
            later = sorted({int(far.road_id) for each in following for far in each.next(30.0)} - set(roads))
            return following[0].transform.location, bool(following[0].is_junction), roads, later
        place, walked_m = following[0], walked_m + HOP_M
    return None


def _target_width(view: View, beside: carla.Waypoint | None) -> float | None:
    """Return the width of the lane that the scenario wants the ego in, else of that to the left."""
    for record in view.scenarios:
        for key in ("target_lane", "sink_wp", "sink_wp_1"):
            lane = record.memory.get(key)
            if lane is not None:
                return float(lane.lane_width)
    return None if beside is None else float(beside.lane_width)
