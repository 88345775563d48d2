"""What the expert sees in one tick, as arrays: planning asks the simulator's actors nowhere else."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.observation import ActorKind, EgoState, Observation
from lead.expert.actors import Known, KnownActors
from lead.expert.visibility import visible_boxes
from lead.geometry.frames import rotation_matrices, wrap_rad

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

REACH_M = 160.0
"""Actors farther away are left out. Records end at 96 m, but overtaking needs to know who comes from farther away."""
LEVEL_M = 30.0
"""So are those farther above or below: scenarios keep actors under the road until they are needed."""
SAME_ROAD_M = 4.0
"""Height difference up to which two road users can meet."""
LANE_REFRESH_M = 0.3
"""The lane of an actor that moved less than this is not looked up again."""
PLANNING_X_M, PLANNING_Y_M = (-34.0, 66.0), (-42.0, 42.0)
"""The expert plans with what is in this part of the ego's frame."""
DEFAULT_LIMIT_MPS = 30.0 / 3.6


@dataclass(frozen=True)
class Lane:
    """Lane under an actor.

    Attributes:
        road_id: Road.
        lane_id: Lane.
        lane_type: Name of its type.
        waypoint: Its nearest way point.
    """

    road_id: int
    lane_id: int
    lane_type: str
    waypoint: carla.Waypoint


@dataclass(frozen=True)
class Scene:
    """One tick; the n actors within :data:`REACH_M` are rows of all arrays.

    Attributes:
        frame: Simulator frame.
        time_s: Simulated time since the start of the route.
        ego: Ego vehicle.
        ego_speed_mps: Signed speed along its heading.
        ego_limit_mps: Speed limit at its place.
        known: What does not change about the actors.
        ids: (n,) int64.
        origin: (n, 3) locations, world frame, metres.
        center: (n, 3) centres of the boxes.
        rotation_deg: (n, 3) pitch, yaw, roll.
        yaw_rad: (n,) heading.
        half: (n, 3) half sizes of the boxes, metres.
        velocity: (n, 3) world frame, m/s.
        speed_mps: (n,) speed along the heading, signed.
        control: (n, 3) throttle, steering and brake last applied; 0 for all but vehicles.
        limit_mps: (n,) speed limit of vehicles, 0 for others.
        relative: (n, 3) location in the ego's frame (yaw only), metres.
        distance_m: (n,) distance from the ego.
        is_vehicle: (n,) bool.
        is_walker: (n,) bool.
        is_bicycle: (n,) bool.
        is_visible: (n,) bool: some part can be seen from the ego.
        is_near: (n,) bool: inside the part of the ego's frame that the expert plans with, and on its level.
    """

    frame: int
    time_s: float
    ego: EgoState
    ego_speed_mps: float
    ego_limit_mps: float
    known: tuple[Known, ...]
    ids: NDArray[np.int64]
    origin: Floats
    center: Floats
    rotation_deg: Floats
    yaw_rad: Floats
    half: Floats
    velocity: Floats
    speed_mps: Floats
    control: Floats
    limit_mps: Floats
    relative: Floats
    distance_m: Floats
    is_vehicle: Bools
    is_walker: Bools
    is_bicycle: Bools
    is_visible: Bools
    is_near: Bools
    find_lane: Callable[[int], Lane] = field(repr=False)

    def __len__(self) -> int:
        """Return the number of actors."""
        return len(self.ids)

    def lane(self, row: int) -> Lane:
        """Return the lane under an actor."""
        return self.find_lane(row)

    @functools.cached_property
    def rows(self) -> dict[int, int]:
        """Row of every actor id."""
        return {int(number): row for row, number in enumerate(self.ids)}

    def row_of(self, actor: carla.Actor | None) -> int | None:
        """Return the row of an actor; None if it is far away, hidden under the road or gone."""
        return None if actor is None else self.rows.get(int(actor.id))

    def rows_of(self, actors: list[carla.Actor]) -> NDArray[np.intp]:
        """Return the rows of those actors that are there."""
        found = [self.rows[int(actor.id)] for actor in actors if int(actor.id) in self.rows]
        return np.array(found, dtype=np.intp)

    @functools.cached_property
    def moving_vehicles(self) -> NDArray[np.intp]:
        """Rows of the vehicles that the expert plans with."""
        return np.flatnonzero(self.is_vehicle & self.is_near & self.is_visible)


class SceneReader:
    """Reads scenes from the running simulation."""

    def __init__(self, world: carla.World, carla_map: carla.Map, ego: carla.Vehicle) -> None:
        """Take the world; nothing is read yet."""
        self._world = world
        self._map = carla_map
        self._ego = ego
        self._actors = KnownActors(world)
        self._lanes: dict[int, tuple[float, float, Lane]] = {}

    def read(self, observation: Observation) -> Scene:
        """Read the scene of an observation that was made in this tick."""
        ego = observation.ego
        listed = observation.actors
        offset = np.stack([listed["x"], listed["y"]], axis=1) - ego.location[:2]
        close = (np.hypot(*offset.T) < REACH_M) & (np.abs(listed["z"] - ego.location[2]) < LEVEL_M)
        met = self._actors.of(listed["id"][close].tolist())
        snapshot = self._world.get_snapshot()
        found = [(number, known, snapshot.find(number)) for number, known in met]
        present = [(number, known, state) for number, known, state in found if state is not None]
        motion = np.array([_motion(state) for _, _, state in present], np.float64).reshape(-1, 9)
        known = tuple(each for _, each, _ in present)
        numbers = np.array([number for number, _, _ in present], dtype=np.int64)
        return self._assemble(observation, known, numbers, motion)

    def _assemble(
        self, observation: Observation, known: tuple[Known, ...], ids: NDArray[np.int64], motion: Floats
    ) -> Scene:
        ego = observation.ego
        origin, rotation_deg, velocity = motion[:, :3], motion[:, 3:6], motion[:, 6:9]
        turns = rotation_matrices(*rotation_deg.T)
        half = np.array([each.half for each in known], np.float64).reshape(-1, 3)
        offsets = np.array([each.offset for each in known], np.float64).reshape(-1, 3)
        center = origin + np.einsum("nij,nj->ni", turns, offsets)
        kind = np.array([each.kind for each in known], dtype=np.int64)
        yaw = wrap_rad(np.radians(rotation_deg[:, 1]))
        cos, sin = math.cos(ego.yaw_rad), math.sin(ego.yaw_rad)
        offset = origin - ego.location
        relative = np.stack(
            [offset[:, 0] * cos + offset[:, 1] * sin, offset[:, 1] * cos - offset[:, 0] * sin, offset[:, 2]], axis=1
        )
        vehicle = kind == ActorKind.VEHICLE
        is_near = (relative[:, 0] > PLANNING_X_M[0]) & (relative[:, 0] < PLANNING_X_M[1])
        is_near &= (relative[:, 1] > PLANNING_Y_M[0]) & (relative[:, 1] < PLANNING_Y_M[1])
        is_near &= np.abs(relative[:, 2]) < 2.0 * SAME_ROAD_M
        control, limit = self._controls(known, vehicle)
        ego_limit = float(self._ego.get_speed_limit()) / 3.6
        return Scene(
            frame=observation.frame,
            time_s=observation.time_s,
            ego=ego,
            ego_speed_mps=float(ego.forward @ ego.velocity),
            ego_limit_mps=ego_limit if ego_limit > 0.0 else DEFAULT_LIMIT_MPS,
            known=known,
            ids=ids,
            origin=origin,
            center=center,
            rotation_deg=rotation_deg,
            yaw_rad=yaw,
            half=half,
            velocity=velocity,
            speed_mps=np.einsum("ni,ni->n", turns[:, :, 0], velocity),
            control=control,
            limit_mps=limit,
            relative=relative,
            distance_m=np.linalg.norm(offset, axis=1),
            is_vehicle=vehicle,
            is_walker=kind == ActorKind.WALKER,
            is_bicycle=np.array([each.is_bicycle for each in known], dtype=np.bool_),
            is_visible=visible_boxes(ego, center, yaw, half, is_near & (kind != ActorKind.PROP), is_near),
            is_near=is_near,
            find_lane=lambda row: self._lane(int(ids[row]), origin[row]),
        )

    def _controls(self, known: tuple[Known, ...], vehicle: Bools) -> tuple[Floats, Floats]:
        """Return throttle, steering and brake (n, 3), and speed limits (n,)."""
        control, limit = np.zeros((len(known), 3)), np.zeros(len(known))
        for row in np.flatnonzero(vehicle):
            actor = known[row].actor
            applied = actor.get_control()
            # A hand brake holds a vehicle as surely as a full brake.
            control[row] = applied.throttle, applied.steer, 1.0 if applied.hand_brake else applied.brake
            limit[row] = actor.get_speed_limit() / 3.6
        return control, limit

    def _lane(self, number: int, place: Floats) -> Lane:
        x, y = float(place[0]), float(place[1])
        cached = self._lanes.get(number)
        if cached is not None and math.hypot(cached[0] - x, cached[1] - y) < LANE_REFRESH_M:
            return cached[2]
        waypoint = self._map.get_waypoint(carla.Location(x, y, float(place[2])), lane_type=carla.LaneType.Any)
        lane = Lane(int(waypoint.road_id), int(waypoint.lane_id), str(waypoint.lane_type), waypoint)
        self._lanes[number] = (x, y, lane)
        return lane


def _motion(state: carla.ActorSnapshot) -> tuple[float, ...]:
    """Return location (m), pitch, yaw, roll (degrees) and velocity (m/s)."""
    pose, velocity = state.get_transform(), state.get_velocity()
    place, turn = pose.location, pose.rotation
    return (place.x, place.y, place.z, turn.pitch, turn.yaw, turn.roll, velocity.x, velocity.y, velocity.z)
