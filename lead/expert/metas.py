"""The record of a tick under the published names."""

from __future__ import annotations

import math
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from lead.expert.decision import Control
from lead.expert.proposal import Hazard, Proposal, Verdict
from lead.expert.road_record import RoadRecord
from lead.expert.route import LANE_CHANGES, POINTS_PER_M
from lead.expert.scene import Scene
from lead.expert.view import View
from lead.routes.planner import DenseRoute
from lead.scenarios.active import ActiveScenario, ActiveScenarios

ROUTE_COUNT, ROUTE_FIRST_POINTS = 50, 25
"""The record holds so many points of the path, one per metre, from 2.5 m ahead on."""
LANE_CHANGE_VIEW_POINTS = 250
CURVATURE_POINTS = 200
CLOSE_WALKER_M = 10.0
REAR_REACH_M, REAR_CLOSE_M, REAR_MPS = 16.0, 8.0, 5.0
DISTANCES = {
    "dist_to_construction_site": ("ConstructionObstacle", "ConstructionObstacleTwoWays"),
    "dist_to_accident_site": ("Accident", "AccidentTwoWays"),
    "dist_to_parked_obstacle": ("ParkedObstacle", "ParkedObstacleTwoWays"),
    "dist_to_vehicle_opens_door": ("VehicleOpensDoorTwoWays",),
    "dist_to_cutin_vehicle": ("ParkingCutIn", "StaticCutIn", "HighwayCutIn"),
}
FLAGS = (
    "does_emergency_brake_for_pedestrians",
    "emergency_brake_for_special_vehicle",
    "stop_sign_close",
    "brake_cutin",
    "slower_bad_visibility",
    "slower_clutterness",
    "slower_occluded_junction",
    "construction_obstacle_two_ways_stuck",
    "accident_two_ways_stuck",
    "parked_obstacle_two_ways_stuck",
    "vehicle_opens_door_two_ways_stuck",
)
EUROPEAN_TOWNS = ("Town01", "Town02", "Town03", "Town04", "Town05", "Town06", "Town07", "Town10HD")
OVERHEAD_TOWNS = ("Town11", "Town12", "Town13", "Town15")


class Recorder:
    """Collects the record of every tick."""

    def __init__(self, dense: DenseRoute, carla_map: carla.Map) -> None:
        """Take the route."""
        self._road = RoadRecord(carla_map)
        self._town = str(carla_map.name).rsplit("/", maxsplit=1)[-1].removesuffix("_Opt")
        self._last_sign_mps: float | None = None
        self._last_limit_mps: float | None = None
        self._length_m = dense.length_m

    def record(
        self,
        view: View,
        verdict: Verdict,
        control: Control,
        active: ActiveScenarios | None,
        weather: str,
    ) -> dict[str, Any]:
        """Return the record of a tick.

        Args:
            view: What the behaviours were given.
            verdict: What they decided.
            control: What became of it.
            active: Scenarios; None without.
            weather: Name of the nearest named weather.
        """
        self._watch_limit(view.scene)
        values: dict[str, Any] = dict.fromkeys(FLAGS, False) | {"traffic_light_state": "None"}
        values.update(view.notes.values)
        values.update(self._adversaries(view))
        values.update(_path(view))
        values.update(_cause(view, verdict))
        values.update(_scenario(view, active))
        values.update(self._road.record(view))
        values.update(self._light(values["traffic_light_state"]))
        values.update(
            steer=control.steer,
            throttle=control.throttle,
            brake=control.is_braking,
            target_speed=verdict.speed_mps,
            last_encountered_speed_limit_sign=self._last_sign_mps,
            weather_setting=weather,
            visual_visibility=view.visibility,
        )
        return values

    def _watch_limit(self, scene: Scene) -> None:
        """A limit that differs from the one before means that a sign was passed."""
        if self._last_limit_mps is not None and scene.ego_limit_mps != self._last_limit_mps:
            self._last_sign_mps = scene.ego_limit_mps
        self._last_limit_mps = scene.ego_limit_mps

    def _light(self, state: str) -> dict[str, Any]:
        sees = state != "None"
        return {
            "europe_traffic_light": sees and self._town in EUROPEAN_TOWNS,
            "over_head_traffic_light": sees and self._town in OVERHEAD_TOWNS,
        }

    @staticmethod
    def _adversaries(view: View) -> dict[str, Any]:
        notes, scene = view.notes, view.scene
        rear, reach = -1, math.inf
        for number in notes.dangerous | notes.safe:
            row = scene.rows.get(number)
            if row is not None and scene.relative[row, 0] < -1.0 and scene.distance_m[row] < reach:
                rear, reach = number, float(scene.distance_m[row])
        both_fast = rear >= 0 and min(float(scene.speed_mps[scene.rows[rear]]), view.speed_mps) > REAR_MPS
        return {
            "num_dangerous_adversarial": len(notes.dangerous),
            "num_safe_adversarial": len(notes.safe - notes.dangerous),
            "num_ignored_adversarial": len(notes.ignored),
            "rear_adversarial_id": rear,
            "rear_danger_8": both_fast and reach < REAR_CLOSE_M,
            "rear_danger_16": both_fast and REAR_CLOSE_M <= reach < REAR_REACH_M,
        }


def _path(view: View) -> dict[str, Any]:
    """Return the path ahead in the ego's frame and what is known about it."""
    route, ego = view.route, view.scene.ego
    first = route.index + ROUTE_FIRST_POINTS
    points = route.xy[first : first + ROUTE_COUNT * POINTS_PER_M : POINTS_PER_M] - ego.location[:2]
    cos, sin = math.cos(ego.yaw_rad), math.sin(ego.yaw_rad)
    local = np.stack([points[:, 0] * cos + points[:, 1] * sin, points[:, 1] * cos - points[:, 0] * sin], axis=1)
    curvature = route.curvature[route.index : route.index + CURVATURE_POINTS]
    beside_m = float(
        np.min(np.hypot(*(route.original_xy[max(route.index - 40, 0) : route.index + 40] - ego.location[:2]).T))
    )
    return {
        "route": local.astype(np.float32),
        "changed_route": route.is_changed,
        "route_curvature": float(curvature.mean()) if len(curvature) else 0.0,
        "route_left_length": route.remaining_m(),
        "distance_ego_to_route": 0.0,
        "true_distance_ego_to_route": beside_m,
        "signed_dist_to_lane_change": _lane_change_m(view) / 10.0,
        "true_signed_dist_to_lane_change": _lane_change_m(view),
    }


def _lane_change_m(view: View) -> float:
    """Return the way to the nearest lane change, negative behind, infinite if there is none."""
    route = view.route
    first = max(route.index - LANE_CHANGE_VIEW_POINTS, 0)
    window = np.isin(route.option[first : route.index + LANE_CHANGE_VIEW_POINTS], LANE_CHANGES)
    places = np.flatnonzero(window) + first - route.index
    if not len(places):
        return math.inf
    return float(places[np.argmin(np.abs(places))]) / POINTS_PER_M


def _cause(view: View, verdict: Verdict) -> dict[str, Any]:
    """Return what made the ego slower, and the hazards."""
    cause, scene = verdict.winner, view.scene
    walkers = np.flatnonzero(scene.is_walker & scene.is_near & scene.is_visible & (scene.relative[:, 0] > 0.0))
    nearest = int(walkers[np.argmin(scene.distance_m[walkers])]) if len(walkers) else None
    is_close = nearest is not None and bool(scene.distance_m[nearest] < CLOSE_WALKER_M)
    return {
        "speed_reduced_by_obj_type": None if cause is None else cause.actor_type,
        "speed_reduced_by_obj_id": None if cause is None else cause.actor_id,
        "speed_reduced_by_obj_distance": None if cause is None else cause.distance_m,
        "vehicle_hazard": verdict.has(Hazard.VEHICLE),
        "light_hazard": verdict.has(Hazard.LIGHT),
        "walker_hazard": verdict.has(Hazard.WALKER),
        "stop_sign_hazard": verdict.has(Hazard.STOP_SIGN),
        "vehicle_affecting_id": _id_of(cause, Hazard.VEHICLE),
        "walker_affecting_id": _id_of(cause, Hazard.WALKER),
        "walker_close": is_close,
        "walker_close_id": int(scene.ids[nearest]) if is_close and nearest is not None else None,
    }


def _id_of(cause: Proposal | None, hazard: Hazard) -> int | None:
    return cause.actor_id if cause is not None and cause.hazard is hazard else None


def _scenario(view: View, active: ActiveScenarios | None) -> dict[str, Any]:
    """Return what is known about the scenario the ego is in."""
    scene = view.scene
    current = view.scenarios[0] if view.scenarios else None
    previous = active.previous if active is not None else None
    obstacles = _actors(view, "obstacles")
    cutters = _actors(view, "cut_in_vehicle")
    hull = _hull(scene.center[scene.rows_of(obstacles), :2])
    values: dict[str, Any] = {
        "current_active_scenario_type": None if current is None else current.name,
        "previous_active_scenario_type": None if previous is None else previous.name,
        "scenario_obstacles_ids": [int(actor.id) for actor in obstacles],
        "scenario_actors_ids": [int(actor.id) for actor in _actors(view, "adversarial_actors")],
        "cut_in_actors_ids": [int(actor.id) for actor in cutters],
        "scenario_obstacles_convex_hull": hull,
        "vehicle_opened_door": any(record.memory.get("vehicle_opened_door", False) for record in view.scenarios),
        "vehicle_door_side": next(
            (record.memory["vehicle_door_side"] for record in view.scenarios if "vehicle_door_side" in record.memory),
            None,
        ),
        "dist_to_pedestrian": _nearest_m(scene, scene.is_walker),
        "dist_to_biker": _nearest_m(scene, scene.is_bicycle),
    }
    for key, names in DISTANCES.items():
        rows = [row for record in view.of(*names) if (row := _first_row(scene, record)) is not None]
        values[key] = min((float(scene.distance_m[row]) for row in rows), default=math.inf)
    return values


def _first_row(scene: Scene, record: ActiveScenario) -> int | None:
    return scene.row_of(record.first_actor)


def _actors(view: View, key: str) -> list[carla.Actor]:
    """Return the actors that scenarios name under a key, or under numbered ones."""
    found: list[carla.Actor] = []
    for record in view.scenarios:
        for name, value in record.memory.items():
            if name.startswith(key):
                found.extend(value if isinstance(value, list) else [value])
    return found


def _nearest_m(scene: Scene, wanted: NDArray[np.bool_]) -> float:
    rows = np.flatnonzero(wanted & scene.is_near)
    return float(scene.distance_m[rows].min()) if len(rows) else math.inf


def _hull(points: NDArray[np.float64]) -> list[list[float]]:
    """Return the corners of the convex hull of (n, 2) points; fewer than three points are their own hull."""
    if len(points) < 3 or np.linalg.matrix_rank(points - points.mean(axis=0), tol=1e-3) < 2:
        return [[float(x), float(y)] for x, y in points]
    from scipy.spatial import ConvexHull

    return [[float(x), float(y)] for x, y in points[ConvexHull(points).vertices]]
