"""The boxes of a tick as published label files have them: ego, road users, props, parked cars of the level.

Positions are those of the actors' origins: of vehicles on the ground, of walkers at half of their height.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.observation import ActorKind, Observation
from lead.expert.actors import Known, KnownActors
from lead.expert.recording.actor_labels import CAR, LABELS, STATIC, WALKER, labelled_half_m
from lead.expert.recording.camera_view import CameraView, LabelBox, points_inside, visible_pixels
from lead.geometry.boxes import box_overlap_depth

Array = NDArray[np.float64]
Box = dict[str, Any]

REACH_M = 96.0
PAD_M = 0.25
VEHICLE_ID, WALKER_ID, OBSTACLE_ID = 1, 4, 6
LEVEL_CAR_ID = 10**8
PARKING_CUT_IN, STATIC_CUT_IN = "ParkingCutIn", "StaticCutIn"
CUT_IN_WAY_M = (0.2, 8.0)
CUT_IN_SPEED_MPS, CUT_IN_STEER = 1.0, 0.2


@dataclass(frozen=True)
class Seen:
    """What the sensors of a saved tick measured, for counting points and pixels in boxes.

    Attributes:
        lidar: (n, 3) newest cloud, ego frame, metres.
        radar: (m, 3) newest radar points, ego frame.
        views: Cameras.
    """

    lidar: Array
    radar: Array
    views: Sequence[CameraView]


@dataclass(frozen=True)
class EgoFrame:
    """The ego's pose of a tick.

    Attributes:
        matrix: (4, 4) float64, ego to world.
        yaw_rad: Heading.
    """

    matrix: Array
    yaw_rad: float

    def local(self, places: Array) -> Array:
        """Express world places (n, 3) in the ego frame."""
        return np.asarray((places - self.matrix[:3, 3]) @ self.matrix[:3, :3])


class BoxBuilder:
    """Builds the boxes of one route, tick by tick."""

    def __init__(self, world: carla.World, carla_map: carla.Map, ego: carla.Vehicle, scenario: str) -> None:
        """Learn what stands in the level.

        Args:
            world: The world.
            carla_map: Its map.
            ego: The vehicle that records.
            scenario: Type of the route's scenario.
        """
        self._world = world
        self._map = carla_map
        self._ego = ego
        self._scenario = scenario
        self._actors = KnownActors(world)
        self._first_places: dict[int, Array] = {}
        self._level_cars = _LevelCars(world)

    def motion(self, observation: Observation) -> list[Box]:
        """Return the short boxes of a tick that is not saved: what the future of saved ones is made of."""
        snapshot = self._world.get_snapshot()
        boxes: list[Box] = []
        for number, known in self._near(observation):
            state = snapshot.find(number)
            if state is not None and known.kind is not ActorKind.PROP:
                boxes.append({"class": LABELS[known.kind], "id": number, "matrix": _matrix(state)})
        return boxes

    def full(self, observation: Observation, frame: EgoFrame, seen: Seen) -> list[Box]:
        """Return the boxes of a saved tick: the ego first, all others by distance; each id once."""
        snapshot = self._world.get_snapshot()
        actors: list[tuple[Known, carla.ActorSnapshot, Box]] = []
        for number, known in self._near(observation):
            state = snapshot.find(number)
            if state is None:
                continue
            common = _placed(_matrix(state), state.get_transform().rotation.yaw, labelled_half_m(known), frame)
            if common["distance"] < REACH_M:
                actors.append((known, state, common))
        taken = [common for known, _, common in actors if known.kind is not ActorKind.WALKER]
        cars = self._level_cars.placed(frame, taken)
        counts = iter(_counts([*(common for *_, common in actors), *(common for _, common in cars)], seen))
        boxes = [self._box(known, state, common, next(counts), frame) for known, state, common in actors]
        for index, common in cars:
            own = {"class": "static_prop_car", "transfuser_semantics_id": VEHICLE_ID}
            boxes.append({**own, **common, **next(counts).plain(), "id": LEVEL_CAR_ID + index})
        boxes.sort(key=lambda box: float(box["distance"]))
        return [self._ego_box(snapshot.find(self._ego.id)), *boxes]

    def _near(self, observation: Observation) -> list[tuple[int, Known]]:
        """Return the actors within reach of the ego, with their ids."""
        actors = observation.actors
        offset = np.stack([actors[axis] for axis in "xyz"], axis=1) - observation.ego.location
        near = np.einsum("ij,ij->i", offset, offset) < (REACH_M + 5.0) ** 2
        return self._actors.of(actors["id"][near].tolist())

    def _box(self, known: Known, state: carla.ActorSnapshot, common: Box, count: _Count, frame: EgoFrame) -> Box:
        if known.is_vehicle:
            return self._car(known, state, common, count, frame)
        if known.kind is ActorKind.WALKER:
            own = {
                "class": WALKER,
                "ego_velocity": _ego_velocity(state, frame),
                "transfuser_semantics_id": WALKER_ID,
                "role_name": known.role,
                "speed": _forward_speed(state),
            }
            return {**own, **common, **count.with_radar(), "id": int(known.actor.id)}
        own = {
            "class": STATIC,
            "transfuser_semantics_id": VEHICLE_ID if known.is_parked_car else OBSTACLE_ID,
            "speed": _forward_speed(state),
            "type_id": known.type_id,
            "mesh_path": known.mesh_path,
        }
        return {**own, **common, **count.plain(), "id": int(known.actor.id)}

    def _car(self, known: Known, state: carla.ActorSnapshot, common: Box, count: _Count, frame: EgoFrame) -> Box:
        control = known.actor.get_control()
        place = state.get_transform().location
        lane = self._map.get_waypoint(place, lane_type=carla.LaneType.Any)
        speed = _forward_speed(state)
        return {
            "class": CAR,
            "ego_velocity": _ego_velocity(state, frame),
            # The Traffic Manager is not asked for its plans: an expert that reads it could not be compared.
            "next_action": None,
            "vehicle_cuts_in": self._cuts_in(known, np.array([place.x, place.y]), speed, float(control.steer)),
            "road_id": int(lane.road_id),
            "lane_id": int(lane.lane_id),
            "lane_type_str": str(lane.lane_type),
            "base_type": known.base_type,
            "transfuser_semantics_id": VEHICLE_ID,
            **common,
            **count.with_radar(),
            "speed": speed,
            "brake": float(control.brake),
            "steer": float(control.steer),
            "throttle": float(control.throttle),
            "id": int(known.actor.id),
            "role_name": known.role,
            "type_id": known.type_id,
            "speed_limit": float(known.actor.get_speed_limit()),
        }

    def _cuts_in(self, known: Known, place: Array, speed_mps: float, steer: float) -> bool:
        if self._scenario == PARKING_CUT_IN and known.role == "scenario":
            first = self._first_places.setdefault(int(known.actor.id), place)
            return CUT_IN_WAY_M[0] < float(np.linalg.norm(place - first)) < CUT_IN_WAY_M[1]
        return self._scenario == STATIC_CUT_IN and speed_mps > CUT_IN_SPEED_MPS and abs(steer) > CUT_IN_STEER

    def _ego_box(self, state: carla.ActorSnapshot) -> Box:
        extent = self._ego.bounding_box.extent
        return {
            "class": "ego_car",
            "transfuser_semantics_id": 0,
            "extent": [extent.x, extent.y, extent.z],
            "position": [0.0, 0.0, 0.0],
            "yaw": 0.0,
            "num_points": -1,
            "distance": 0.0,
            "speed": _forward_speed(state),
            "brake": float(self._ego.get_control().brake),
            "id": int(self._ego.id),
            "matrix": _matrix(state),
            "visible_pixels": -1,
        }


class _LevelCars:
    """Cars that are part of the level's geometry and have no actor."""

    def __init__(self, world: carla.World) -> None:
        boxes = world.get_level_bbs(carla.CityObjectLabel.Car)
        self._matrices = np.array([_box_matrix(box) for box in boxes], dtype=np.float64).reshape(-1, 4, 4)
        self._yaw_deg = np.array([box.rotation.yaw for box in boxes], dtype=np.float64)
        extents = [(box.extent.x, box.extent.y, box.extent.z) for box in boxes]
        self._half_m = np.array(extents, dtype=np.float64).reshape(-1, 3)

    def placed(self, frame: EgoFrame, others: Sequence[Box]) -> list[tuple[int, Box]]:
        """Return number and place of those in reach that none of some other boxes overlaps."""
        offset = self._matrices[:, :3, 3] - frame.matrix[:3, 3]
        near = np.flatnonzero(np.einsum("ij,ij->i", offset, offset) < REACH_M**2)
        found: list[tuple[int, Box]] = []
        for index in near.tolist():
            common = _placed(self._matrices[index].tolist(), float(self._yaw_deg[index]), self._half_m[index], frame)
            if not _overlaps(common, others):
                found.append((index, common))
        return found


def label_box(box: Mapping[str, Any]) -> LabelBox:
    """Return the geometry of a label."""
    center, half = (np.array(box[key], dtype=np.float64) for key in ("position", "extent"))
    return LabelBox(center, half, float(box["yaw"]))


def _placed(matrix: list[list[float]], yaw_deg: float, half_m: Array, frame: EgoFrame) -> Box:
    """Return what every box has: where it is and how large."""
    position = frame.local(np.array(matrix, dtype=np.float64)[None, :3, 3])[0]
    return {
        "extent": half_m.tolist(),
        "position": position.tolist(),
        "yaw": math.remainder(math.radians(yaw_deg) - frame.yaw_rad, 2.0 * math.pi),
        "distance": np.float64(np.linalg.norm(position)),
        "matrix": matrix,
    }


class _Count(NamedTuple):
    """What sensors measured in a box; -1 of sensors that measured nothing at all."""

    lidar: int
    radar: int
    pixels: int

    def plain(self) -> dict[str, int]:
        """Return the keys of a box that radars are not counted in."""
        return {"num_points": self.lidar, "visible_pixels": self.pixels}

    def with_radar(self) -> dict[str, int]:
        """Return the keys of a box that radars are counted in."""
        return {"num_points": self.lidar, "num_radar_points": self.radar, "visible_pixels": self.pixels}


def _counts(placed: Sequence[Box], seen: Seen) -> list[_Count]:
    """Count points and pixels in boxes, all at once."""
    boxes = [label_box(common) for common in placed]
    clouds = [
        points_inside(cloud, boxes, PAD_M).tolist() if len(cloud) else [-1] * len(boxes)
        for cloud in (seen.lidar, seen.radar)
    ]
    pixels = visible_pixels(seen.views, boxes, PAD_M).tolist()
    return [_Count(*row) for row in zip(*clouds, pixels, strict=True)]


def _overlaps(box: Box, others: Sequence[Box]) -> bool:
    if not others:
        return False
    count = len(others)

    def repeat(values: object) -> Array:
        return np.repeat(np.asarray(values, dtype=np.float64)[None], count, axis=0)

    depth = box_overlap_depth(
        repeat(box["position"][:2]),
        repeat(box["yaw"]),
        repeat(box["extent"][:2]),
        np.array([other["position"][:2] for other in others]),
        np.array([other["yaw"] for other in others]),
        np.array([other["extent"][:2] for other in others]),
    )
    return bool((depth > 0.0).any())


def _matrix(state: carla.ActorSnapshot) -> list[list[float]]:
    matrix: list[list[float]] = state.get_transform().get_matrix()
    return matrix


def _box_matrix(box: carla.BoundingBox) -> list[list[float]]:
    matrix: list[list[float]] = carla.Transform(box.location, box.rotation).get_matrix()
    return matrix


def _forward_speed(state: carla.ActorSnapshot) -> float:
    velocity, forward = state.get_velocity(), state.get_transform().get_forward_vector()
    return float(velocity.x * forward.x + velocity.y * forward.y + velocity.z * forward.z)


def _ego_velocity(state: carla.ActorSnapshot, frame: EgoFrame) -> list[float]:
    """Return the velocity turned by the ego's heading."""
    velocity = state.get_velocity()
    cosine, sine = math.cos(frame.yaw_rad), math.sin(frame.yaw_rad)
    return [velocity.x * cosine + velocity.y * sine, velocity.y * cosine - velocity.x * sine]
