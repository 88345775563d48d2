"""A straight road and scenes on it, for tests of the expert's behaviours without a simulator."""

from __future__ import annotations

import math
from types import SimpleNamespace

import carla
import numpy as np

from lead.evaluation.observation import ActorKind, EgoState
from lead.expert.actors import Known
from lead.expert.route import ExpertRoute
from lead.expert.scene import Lane, Scene
from lead.expert.view import Notes, View
from lead.geometry.frames import wrap_rad
from lead.routes.planner import DenseRoute
from lead.scenarios.active import ActiveScenario

LENGTH_M = 420.0
LANE_M = 3.5
LANE = """
          <lane id="{number}" type="driving" level="false">
            <width sOffset="0" a="3.5" b="0" c="0" d="0"/>
            <roadMark sOffset="0" type="broken" weight="standard" color="white" width="0.12"/>
          </lane>"""
OPENDRIVE = f"""<?xml version="1.0" standalone="yes"?>
<OpenDRIVE>
  <header revMajor="1" revMinor="4" name="straight" version="1.0">
    <geoReference><![CDATA[+proj=tmerc +lat_0=0 +lon_0=0]]></geoReference>
  </header>
  <road name="straight" length="{LENGTH_M}" id="1" junction="-1">
    <link/>
    <type s="0" type="town"/>
    <planView><geometry s="0" x="0" y="0" hdg="0" length="{LENGTH_M}"><line/></geometry></planView>
    <lanes>
      <laneSection s="0">
        <left>{LANE.format(number=1)}
        </left>
        <center><lane id="0" type="none" level="false"/></center>
        <right>{LANE.format(number=-1)}{LANE.format(number=-2)}
        </right>
      </laneSection>
    </lanes>
  </road>
</OpenDRIVE>
"""
INNER_Y_M, OUTER_Y_M, OPPOSITE_Y_M = 0.5 * LANE_M, 1.5 * LANE_M, -0.5 * LANE_M
"""The road goes along x; its right lanes lie at positive y, those of the other direction at negative y."""
EGO_HALF = np.array([2.45, 0.92, 0.75])
_MAPS: list[carla.Map] = []


def straight_map() -> carla.Map:
    """The map of the road, made once."""
    if not _MAPS:
        _MAPS.append(carla.Map("straight", OPENDRIVE))
    return _MAPS[0]


def dense_route(y_m: float = INNER_Y_M, first_m: float = 60.0, last_m: float = 360.0) -> DenseRoute:
    """A route along one lane, one point per metre."""
    waypoints = [straight_map().get_waypoint(carla.Location(x, y_m, 0.0)) for x in np.arange(first_m, last_m + 0.5)]
    xyz = np.array([(at.x, at.y, at.z) for at in (each.transform.location for each in waypoints)])
    count = len(waypoints)
    return DenseRoute(
        xyz=xyz,
        yaw_rad=np.zeros(count),
        option=np.full(count, 4, np.int8),
        road_id=np.ones(count, np.int32),
        section_id=np.zeros(count, np.int32),
        lane_id=np.array([each.lane_id for each in waypoints], np.int32),
        s=xyz[:, 0].copy(),
        is_junction=np.zeros(count, np.bool_),
        distance_m=np.arange(count, dtype=np.float64),
        waypoints=tuple(waypoints),
    )


def expert_route(y_m: float = INNER_Y_M, ego_x_m: float = 60.0) -> ExpertRoute:
    """The path of a route along one lane, with the ego somewhere on it."""
    dense = dense_route(y_m)
    route = ExpertRoute(dense, straight_map(), dense.waypoints[0].transform.location)
    while route.xy[route.index, 0] < ego_x_m - 0.05:
        route.index += 1
    return route


class Car:
    """An actor to be put into a scene."""

    def __init__(self, number: int, x: float, y: float, speed: float = 0.0, **more: object) -> None:
        self.id = number
        self.x, self.y, self.speed = x, y, speed
        self.yaw_rad = float(more.get("yaw_rad", 0.0))  # type: ignore[arg-type]
        self.kind = more.get("kind", ActorKind.VEHICLE)
        self.type_id = str(more.get("type_id", "vehicle.lincoln.mkz_2020"))
        self.half = more.get("half", (2.45, 0.92, 0.75))
        self.control = more.get("control", (0.0, 0.0, 0.0))
        self.z = float(more.get("z", 0.0))  # type: ignore[arg-type]
        self.mesh_path = more.get("mesh_path")

    def get_transform(self) -> SimpleNamespace:
        """As carla's actors."""
        return SimpleNamespace(location=SimpleNamespace(x=self.x, y=self.y, z=self.z))


def walker(number: int, x: float, y: float, speed: float, yaw_rad: float) -> Car:
    """A pedestrian."""
    return Car(
        number,
        x,
        y,
        speed,
        yaw_rad=yaw_rad,
        kind=ActorKind.WALKER,
        type_id="walker.pedestrian.0001",
        half=(0.3, 0.3, 0.9),
    )


def bicycle(number: int, x: float, y: float, speed: float, yaw_rad: float = 0.0) -> Car:
    """A bicycle with its rider."""
    return Car(number, x, y, speed, yaw_rad=yaw_rad, type_id="vehicle.bh.crossbike", half=(0.8, 0.3, 0.8))


def scene(
    *cars: Car,
    ego_x_m: float = 60.0,
    ego_y_m: float = INNER_Y_M,
    speed_mps: float = 8.0,
    time_s: float = 0.0,
    limit_mps: float = 50.0 / 3.6,
) -> Scene:
    """A scene on the road."""
    ego = EgoState(
        location=np.array([ego_x_m, ego_y_m, 0.0]),
        yaw_rad=0.0,
        speed_mps=speed_mps,
        extent=EGO_HALF,
        velocity=np.array([speed_mps, 0.0, 0.0]),
    )
    origin = np.array([(car.x, car.y, car.z) for car in cars], np.float64).reshape(-1, 3)
    yaw = wrap_rad(np.array([car.yaw_rad for car in cars], np.float64))
    half = np.array([car.half for car in cars], np.float64).reshape(-1, 3)
    speed = np.array([car.speed for car in cars], np.float64)
    velocity = np.stack([speed * np.cos(yaw), speed * np.sin(yaw), np.zeros(len(cars))], axis=1).reshape(-1, 3)
    known = tuple(
        Known(car, car.kind, car.type_id, "", "", car.mesh_path, car.half, (0.0, 0.0, 0.0))  # type: ignore[arg-type]
        for car in cars
    )
    relative = origin - ego.location

    def lane(row: int) -> Lane:
        waypoint = straight_map().get_waypoint(carla.Location(*origin[row]))
        return Lane(waypoint.road_id, waypoint.lane_id, "Driving", waypoint)

    is_vehicle = np.array([car.kind is ActorKind.VEHICLE for car in cars], np.bool_)
    return Scene(
        frame=0,
        time_s=time_s,
        ego=ego,
        ego_speed_mps=speed_mps,
        ego_limit_mps=limit_mps,
        known=known,
        ids=np.array([car.id for car in cars], np.int64),
        origin=origin,
        center=origin.copy(),
        rotation_deg=np.stack([0.0 * yaw, np.degrees(yaw), 0.0 * yaw], axis=1).reshape(-1, 3),
        yaw_rad=yaw,
        half=half,
        velocity=velocity,
        speed_mps=speed,
        control=np.array([car.control for car in cars], np.float64).reshape(-1, 3),
        limit_mps=np.where(is_vehicle, limit_mps, 0.0),
        relative=relative,
        distance_m=np.linalg.norm(relative, axis=1),
        is_vehicle=is_vehicle,
        is_walker=np.array([car.kind is ActorKind.WALKER for car in cars], np.bool_),
        is_bicycle=np.array([each.is_bicycle for each in known], np.bool_),
        is_visible=np.ones(len(cars), np.bool_),
        is_near=np.abs(relative[:, 2]) < 8.0,
        find_lane=lane,
    )


def view(
    made: Scene, route: ExpertRoute, *records: ActiveScenario, free_mps: float = 8.33, visibility: int = 0
) -> View:
    """What a behaviour gets."""
    return View(made, route, free_mps, visibility, records, Notes())


def record(name: str, *, first: Car | None = None, last: Car | None = None, **memory: object) -> ActiveScenario:
    """A scenario that has begun."""
    made = ActiveScenario(name, 1, carla.Transform(), first, last, is_triggered=True)
    made.memory.update(memory)
    return made


UP, DOWN, BACK = -math.pi / 2.0, math.pi / 2.0, math.pi
"""Headings across the road to its left, to its right, and against the route."""
