"""Turns a tick of an episode into what the top-down drawings show."""

from __future__ import annotations

import math

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.episode import EpisodeTick
from lead.evaluation.observation import ActorKind
from lead.evaluation.traffic_lights import TrafficLights
from lead.scoring.penalties import EventType, RouteEvent
from lead.visualization.hud import HudState
from lead.visualization.topdown import Box, RoadUser, Scene, Signal, StopLineState

LIGHT_REACH_M = 110.0
BRAKE_SHOWN = 0.05
_USERS = {
    ActorKind.VEHICLE: RoadUser.VEHICLE,
    ActorKind.WALKER: RoadUser.WALKER,
    ActorKind.PROP: RoadUser.PROP,
}
_SIGNALS = {
    carla.TrafficLightState.Red: Signal.RED,
    carla.TrafficLightState.Yellow: Signal.YELLOW,
    carla.TrafficLightState.Green: Signal.GREEN,
}
_SENTENCES = {
    EventType.COLLISION_STATIC: "Collision with an object",
    EventType.COLLISION_PEDESTRIAN: "Collision with a pedestrian",
    EventType.COLLISION_VEHICLE: "Collision with a vehicle",
    EventType.TRAFFIC_LIGHT_INFRACTION: "Red light run",
    EventType.STOP_INFRACTION: "Stop sign run",
    EventType.OUTSIDE_ROUTE_LANES_INFRACTION: "Outside the route's lanes",
    EventType.YIELD_TO_EMERGENCY_VEHICLE: "Emergency vehicle blocked",
    EventType.SCENARIO_TIMEOUT: "Scenario not solved in time",
    EventType.ROUTE_DEVIATION: "Left the route",
    EventType.VEHICLE_BLOCKED: "Blocked",
}
"""Progress and speed are not listed: they are no single events."""


def scene_of(
    tick: EpisodeTick, lights: TrafficLights, hud: HudState | None = None, *, with_plan: bool = False
) -> Scene:
    """Describe a tick for :class:`lead.visualization.topdown.TopDownRenderer`.

    Args:
        tick: The tick.
        lights: Traffic lights of the world.
        hud: Content of the head-up display; None for a drawing without one.
        with_plan: Show what the agent plans, if it tells.
    """
    view = tick.view if with_plan else None
    ego = tick.observation.ego
    users = [
        (_USERS[ActorKind(int(row["kind"]))], Box(row["x"], row["y"], row["yaw"], row["extent_x"], row["extent_y"]))
        for row in tick.observation.shown_actors
    ]
    return Scene(
        ego=Box(ego.location[0], ego.location[1], ego.yaw_rad, float(ego.extent[0]), float(ego.extent[1])),
        ego_brakes=tick.control.brake > BRAKE_SHOWN,
        users=users,
        stop_lines=_stop_lines(lights, ego.location),
        hud=hud,
        planned_path=None if view is None else _in_world(tick, view.route_ego),
        waypoints=None if view is None else _in_world(tick, view.waypoints_ego),
    )


def sentences(events: list[RouteEvent]) -> list[str]:
    """Return the short texts shown for infractions, in their order."""
    return [_SENTENCES[event.type] for event in events if event.type in _SENTENCES]


def _in_world(tick: EpisodeTick, places_ego: NDArray[np.floating] | None) -> NDArray[np.float64] | None:
    """Turn (n, 2) places of the ego frame into those of the world."""
    if places_ego is None:
        return None
    ego = tick.observation.ego
    cos, sin = math.cos(ego.yaw_rad), math.sin(ego.yaw_rad)
    turned = np.asarray(places_ego, np.float64)[:, :2] @ np.array([[cos, sin], [-sin, cos]])
    return np.asarray(turned + ego.location[:2], np.float64)


def _stop_lines(lights: TrafficLights, location: NDArray[np.float64]) -> list[StopLineState]:
    return [
        StopLineState(line.left, line.right, _SIGNALS.get(lights.state(int(index)), Signal.OFF))
        for index in lights.near(location, LIGHT_REACH_M)
        for line in lights.stop_lines(int(index))
    ]
