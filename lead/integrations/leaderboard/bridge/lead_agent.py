"""Agent file for the official evaluator that runs an agent of LEAD, named by the variable ``LEAD_AGENT``.

Agents with ``set_privileged_context`` get the same context as under our own runner: it is made of what the scenario
runner knows, its world, its ego vehicle and its dense route.
"""

from __future__ import annotations

import os
from typing import Any

import carla
import numpy as np
from leaderboard.autoagents.autonomous_agent import AutonomousAgent, Track
from srunner.scenariomanager.carla_data_provider import CarlaDataProvider

from lead.agents.registry import create_agent
from lead.evaluation.agent import PrivilegedAgent, PrivilegedContext, ScenarioAwareAgent
from lead.evaluation.observation import WorldObserver
from lead.evaluation.traffic_lights import TrafficLights
from lead.geometry.frames import wrap_rad
from lead.routes.planner import MIN_GAP_M, DenseRoute

AGENT_VARIABLE = "LEAD_AGENT"
UNUSED_SENSOR = {"type": "sensor.other.gnss", "id": "unused", "x": 0.0, "y": 0.0, "z": 0.0}
Plan = list[tuple[Any, Any]]


def get_entry_point() -> str:
    """Name the agent class, as the evaluator demands of an agent file."""
    return "LeadAgent"


class LeadAgent(AutonomousAgent):  # type: ignore[misc]
    """The official interface around an agent of LEAD."""

    def __init__(self, carla_host: str, carla_port: int, debug: bool = False) -> None:
        """Create the agent named by ``LEAD_AGENT``."""
        super().__init__(carla_host, carla_port, debug)
        self._agent = create_agent(os.environ[AGENT_VARIABLE], carla_host, carla_port)
        self._observer: WorldObserver | None = None
        self._dense_plan: Plan = []

    def set_global_plan(self, global_plan_gps: Plan, global_plan_world_coord: Plan) -> None:
        """Pass the dense plan on; our agents thin it themselves."""
        super().set_global_plan(global_plan_gps, global_plan_world_coord)
        self._dense_plan = global_plan_world_coord
        self._agent.set_global_plan(global_plan_gps, global_plan_world_coord)

    def setup(self, path_to_conf_file: str) -> None:
        """Set the agent up and give it what it may see."""
        self._agent.setup(path_to_conf_file)
        self.track = Track(self._agent.track.value)
        if isinstance(self._agent, PrivilegedAgent):
            context = _privileged_context(self._dense_plan)
            self._observer = context.observer
            self._agent.set_privileged_context(context)

    def sensors(self) -> list[dict[str, Any]]:
        """Return the agent's sensors, at least one: the evaluator calls results without any sensor invalid."""
        return self._agent.sensors() or [dict(UNUSED_SENSOR)]

    def set_scenario(self, scenario: Any) -> None:
        """Pass the scenario on to agents that ask for it."""
        if isinstance(self._agent, ScenarioAwareAgent):
            self._agent.set_scenario(scenario)

    def run_step(self, input_data: dict[str, tuple[int, Any]], timestamp: float) -> carla.VehicleControl:
        """Read the world once, then let the agent decide."""
        if self._observer is not None:
            self._observer.read()
        return self._agent.run_step(input_data, timestamp)

    def destroy(self, results: Any = None) -> None:
        """Release the agent; Bench2Drive hands over the route's record, which our agents do not need."""
        self._agent.destroy()
        self._observer = None


def _privileged_context(plan: Plan) -> PrivilegedContext:
    world, carla_map = CarlaDataProvider.get_world(), CarlaDataProvider.get_map()
    ego = CarlaDataProvider.get_hero_actor()
    if ego is None:
        raise RuntimeError("the evaluator has no ego vehicle; a privileged agent cannot be set up without one")
    return PrivilegedContext(
        world, carla_map, ego, dense_route(carla_map, plan), WorldObserver(world, ego), TrafficLights(world, carla_map)
    )


def dense_route(carla_map: carla.Map, plan: Plan) -> DenseRoute:
    """Turn the evaluator's dense plan into ours, point by point.

    Args:
        carla_map: Map of the town.
        plan: Transforms with road options, one per metre.
    """
    plan = _without_repeats(plan)
    waypoints = tuple(carla_map.get_waypoint(pose.location) for pose, _ in plan)
    xyz = np.array([[pose.location.x, pose.location.y, pose.location.z] for pose, _ in plan], dtype=np.float64)
    yaw_rad = np.radians(np.array([pose.rotation.yaw for pose, _ in plan], dtype=np.float64))
    step_m = np.linalg.norm(np.diff(xyz, axis=0), axis=1)
    return DenseRoute(
        xyz=xyz,
        yaw_rad=wrap_rad(yaw_rad),
        option=np.array([option.value for _, option in plan], dtype=np.int8),
        road_id=np.array([waypoint.road_id for waypoint in waypoints], dtype=np.int32),
        section_id=np.array([waypoint.section_id for waypoint in waypoints], dtype=np.int32),
        lane_id=np.array([waypoint.lane_id for waypoint in waypoints], dtype=np.int32),
        s=np.array([waypoint.s for waypoint in waypoints], dtype=np.float64),
        is_junction=np.array([waypoint.is_junction for waypoint in waypoints], dtype=np.bool_),
        distance_m=np.concatenate([[0.0], np.cumsum(step_m)]),
        waypoints=waypoints,
    )


def _without_repeats(plan: Plan) -> Plan:
    """Leave out points at the place of their predecessor; the evaluator's plan has one at every key point."""
    kept = plan[:1]
    for point in plan[1:]:
        if point[0].location.distance(kept[-1][0].location) > MIN_GAP_M:
            kept.append(point)
    return kept
