"""Boxes of the next traffic light and of stop signs, as published label files have them."""

from __future__ import annotations

import math
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.agent import PrivilegedContext
from lead.evaluation.stop_signs import StopSigns
from lead.evaluation.traffic_lights import TrafficLights
from lead.expert.recording.boxes import REACH_M, Box, EgoFrame
from lead.maps.towns import canonical_name

Array = NDArray[np.float64]

LIGHT_HALF_SIZES_M = (1.5, 1.5, 0.5)
LIGHT_ID, STOP_ID = 3, 0
DUMMY_ID = -100000
"""Boxes of further lanes of a light count down from here."""
LOOK_AHEAD = 20
"""Points of the route, about a metre each, that the ego may pass in a tick."""
BESIDE_M = 4.0
"""A light whose place is no further to the side of its stop line stands over or at its lanes."""
OVERHEAD_TOWNS = ("Town11", "Town12", "Town13", "Town15")
EUROPEAN_TOWNS = ("Town01", "Town02", "Town03", "Town04", "Town05", "Town06", "Town07", "Town10HD")


class SignBoxes:
    """Builds the boxes of lights and stop signs of one route."""

    def __init__(self, context: PrivilegedContext, town: str) -> None:
        """Find the lights along the route and the stop signs of the town.

        Args:
            context: What the agent was offered.
            town: Name of the town; tells which kind of lights it has.
        """
        self._lights: TrafficLights = context.lights
        self._stops = context.lights.along(context.route)
        self._signs = StopSigns(context.world)
        self._route_xy = context.route.xyz[:, :2]
        self._route_m = context.route.distance_m
        self._index = 0
        self._map = context.map
        self._town = canonical_name(town)

    def follow(self, frame: EgoFrame) -> None:
        """Note how far along its route the ego is; called every tick."""
        ahead = self._route_xy[self._index : self._index + LOOK_AHEAD]
        self._index += int(np.argmin(np.linalg.norm(ahead - frame.matrix[:2, 3], axis=1)))

    def lights(self, frame: EgoFrame) -> list[Box]:
        """Return the boxes of the next light on the route."""
        driven_m = float(self._route_m[self._index])
        for stop in self._stops:
            if 0.0 <= stop.distance_m - driven_m <= REACH_M:
                return self._light(stop.light, frame)
        return []

    def signs(self, frame: EgoFrame, *, is_close: bool) -> list[Box]:
        """Return the boxes of the stop signs in reach.

        Args:
            frame: The ego's pose.
            is_close: The ego has to stop at the nearest one.
        """
        boxes: list[Box] = []
        near = self._signs.near(frame.matrix[:3, 3], REACH_M)
        distance_m = np.linalg.norm(self._signs.centers[near] - frame.matrix[:3, 3], axis=1)
        affecting = int(near[np.argmin(distance_m)]) if is_close and len(near) else None
        for index in near.tolist():
            sign = self._signs.actors[index]
            half = sign.trigger_volume.extent
            yaw_deg = float(sign.get_transform().rotation.yaw)
            matrix = _upright(self._signs.centers[index], yaw_deg)
            box = _sign_box("stop_sign", STOP_ID, [half.x, half.y, half.z], matrix, yaw_deg, frame)
            boxes.append({**box, "id": int(sign.id), "affects_ego": index == affecting})
        return boxes

    def _light(self, index: int, frame: EgoFrame) -> list[Box]:
        actor = self._lights.actors[index]
        waypoints = [line.waypoint for line in self._lights.stop_lines(index)]
        if not waypoints:
            return []
        place = frame.matrix[:3, 3]
        ego_lane = self._map.get_waypoint(carla.Location(*place.tolist()))
        in_lane = [(each.road_id, each.lane_id) == (ego_lane.road_id, ego_lane.lane_id) for each in waypoints]
        own = in_lane.index(True) if any(in_lane) else 0
        is_beside = _lateral_m(waypoints[own], actor) < BESIDE_M
        common = {
            "state": str(actor.state),
            "affects_ego": True,
            "is_over_head_traffic_light": is_beside and self._town in OVERHEAD_TOWNS,
            "is_europe_traffic_light": is_beside and self._town in EUROPEAN_TOWNS,
        }
        boxes: list[Box] = []
        dummy_id = DUMMY_ID
        for number, waypoint in enumerate(waypoints):
            is_dummy = number != own
            location, yaw_deg = waypoint.transform.location, float(waypoint.transform.rotation.yaw)
            matrix: list[list[float]] = waypoint.transform.get_matrix()
            box = _sign_box("traffic_light", LIGHT_ID, list(LIGHT_HALF_SIZES_M), matrix, yaw_deg, frame)
            light_place = actor.get_transform().location
            box |= {
                **common,
                "id": dummy_id if is_dummy else int(actor.id),
                "distance_to_physical_traffic_light": float(location.distance(light_place)),
                "dummy_traffic_light_bounding_box": is_dummy,
                "same_lane_as_ego": in_lane[number],
            }
            dummy_id -= is_dummy
            boxes.append(box)
        return boxes


def _sign_box(
    label: str, semantics_id: int, half_m: list[float], matrix: list[list[float]], yaw_deg: float, frame: EgoFrame
) -> dict[str, Any]:
    position = frame.local(np.array(matrix, dtype=np.float64)[None, :3, 3])[0]
    return {
        "class": label,
        "semantics_id": semantics_id,
        "transfuser_semantics_id": semantics_id,
        "extent": half_m,
        "position": position.tolist(),
        "yaw": math.remainder(math.radians(yaw_deg) - frame.yaw_rad, 2.0 * math.pi),
        "distance": np.float64(np.linalg.norm(position)),
        "matrix": matrix,
    }


def _upright(place: Array, yaw_deg: float) -> list[list[float]]:
    pose = carla.Transform(carla.Location(*place.tolist()), carla.Rotation(yaw=yaw_deg))
    matrix: list[list[float]] = pose.get_matrix()
    return matrix


def _lateral_m(waypoint: carla.Waypoint, light: carla.TrafficLight) -> float:
    """Distance of a light from the line along its stop way point's lane."""
    pose, place = waypoint.transform, light.get_transform().location
    right = pose.get_right_vector()
    offset = place - pose.location
    return abs(float(offset.x * right.x + offset.y * right.y))
