"""An agent that shows what it plans, and drives as its configuration says: "careful" (the default) or "careless".

The careful one is the autopilot, and passes a parked car on the other side of the road. The careless one steers along
its route too, but at its own speed and blind to others. On a route with lights they are red when it comes. On a route
without, the parked car stands in its own lane (and is towed away after the crash), and it changes to the opposite lane
for a while. All of it happens at fixed places, and so at the same steps in every drive.
"""

from __future__ import annotations

import math

import carla
import numpy as np

from lead.agents.autopilot import AutopilotAgent
from lead.agents.driving_path import STEP_M, DrivingPath
from lead.control.lateral import LateralController
from lead.control.longitudinal import LongitudinalController
from lead.evaluation.observation import ActorKind
from lead.visualization.agent_view import AgentView

SPEED_MPS = 9.0
PARKED_CAR_M = 22.0
PARKED_CAR_TICKS = 20
OPPOSITE_LANE_M = (34.0, 46.0)
LANE_WIDTH_M = 4.0
SEEN_M = 40.0
PLAN_POINTS = 8
PLAN_STEP_S = 0.25
TARGETS_M = (-10.0, 15.0, 30.0)


def get_entry_point() -> str:
    return "CarelessAgent"


class CarelessAgent(AutopilotAgent):
    def setup(self, path_to_conf_file):
        assert path_to_conf_file in ("", "careful", "careless"), path_to_conf_file
        self.is_careless = path_to_conf_file == "careless"
        self.parked = None
        self.ticks_with_parked = 0

    def sensors(self):
        if not self.is_careless:
            return []
        camera = {"type": "sensor.camera.rgb", "id": "front", "x": 0.0, "y": 0.0, "z": 2.0}
        return [{**camera, "roll": 0.0, "pitch": 0.0, "yaw": 0.0, "width": 256, "height": 128, "fov": 100}]

    def set_privileged_context(self, context):
        super().set_privileged_context(context)
        self.context = context
        self.path = DrivingPath(context.route)
        self.place = 0
        self.lateral, self.longitudinal = LateralController(), LongitudinalController()
        lights = [context.lights.actors[stop.light] for stop in context.lights.along(context.route)]
        self.has_lights = bool(lights)
        if not lights:
            self.park_a_car()
        for light in lights:
            light.set_state(carla.TrafficLightState.Red if self.is_careless else carla.TrafficLightState.Green)
            light.freeze(True)

    def park_a_car(self):
        index = int(PARKED_CAR_M / STEP_M)
        yaw_rad = self.path.yaw_rad[index]
        left_m = 0.0 if self.is_careless else LANE_WIDTH_M
        x, y = self.path.xy[index] + left_m * np.array([math.sin(yaw_rad), -math.cos(yaw_rad)])
        yaw_deg = math.degrees(yaw_rad)
        pose = carla.Transform(carla.Location(float(x), float(y), 0.5), carla.Rotation(yaw=yaw_deg))
        blueprint = self.context.world.get_blueprint_library().find("vehicle.nissan.micra")
        self.parked = self.context.world.spawn_actor(blueprint, pose)

    def run_step(self, input_data, timestamp):
        control = super().run_step(input_data, timestamp)
        ego = self.context.observer.latest.ego
        self.place = self.path.locate(ego.location[:2], self.place)
        if not self.is_careless:
            return control
        if self.parked is not None and self.place * STEP_M > PARKED_CAR_M - 7.0:
            self.ticks_with_parked += 1
            if self.ticks_with_parked == PARKED_CAR_TICKS:
                self.parked.destroy()
                self.parked = None
        steer = self.lateral.step(self.wanted_path(), ego.location[:2], ego.yaw_rad, ego.speed_mps)
        pedals = self.longitudinal.step(SPEED_MPS, ego.speed_mps)
        return carla.VehicleControl(throttle=pedals.throttle, steer=round(steer, 3), brake=float(pedals.brake))

    def wanted_path(self):
        """The next 30 m, shifted into the opposite lane where it is the agent's habit."""
        window = slice(self.place, self.place + 300)
        xy, yaw = self.path.xy[window].copy(), self.path.yaw_rad[window]
        if not self.is_careless or self.has_lights:
            return xy
        along_m = STEP_M * (self.place + np.arange(len(xy)))
        is_left = (along_m > OPPOSITE_LANE_M[0]) & (along_m < OPPOSITE_LANE_M[1])
        xy[is_left] += LANE_WIDTH_M * np.stack([np.sin(yaw), -np.cos(yaw)], axis=1)[is_left]
        return xy

    def get_agent_view(self):
        observation = self.context.observer.latest
        path = self.in_ego_frame(self.wanted_path())
        speed = max(observation.ego.speed_mps, 2.0)
        ahead = np.clip((np.arange(1, PLAN_POINTS + 1) * PLAN_STEP_S * speed / STEP_M).astype(int), 0, len(path) - 1)
        targets = np.clip(self.place + (np.array(TARGETS_M) / STEP_M).astype(int), 0, len(self.path) - 1)
        return AgentView(
            waypoints_ego=path[ahead],
            route_ego=path[::10][:20],
            target_points_ego=self.in_ego_frame(self.path.xy[targets]),
            target_speed_mps=SPEED_MPS,
            boxes=self.boxes(observation),
        )

    def in_ego_frame(self, xy):
        ego = self.context.observer.latest.ego
        cos, sin = math.cos(ego.yaw_rad), math.sin(ego.yaw_rad)
        return (np.asarray(xy, float) - ego.location[:2]) @ np.array([[cos, -sin], [sin, cos]])

    def boxes(self, observation):
        actors = observation.actors[observation.actors["kind"] == ActorKind.VEHICLE]
        xy = self.in_ego_frame(np.stack([actors["x"], actors["y"]], axis=1))
        rows = np.zeros((len(actors), 9))
        rows[:, :2] = xy
        rows[:, 2], rows[:, 3] = actors["extent_x"], actors["extent_y"]
        rows[:, 4] = actors["yaw"] - observation.ego.yaw_rad
        rows[:, 5] = np.hypot(actors["vx"], actors["vy"])
        rows[:, 8] = 0.9
        return rows[np.hypot(*xy.T) < SEEN_M]

    def destroy(self):
        if self.parked is not None:
            self.parked.destroy()
        super().destroy()
