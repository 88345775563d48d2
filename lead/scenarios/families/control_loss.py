"""Loss of control: on debris in its lane the ego's pedals and steering are disturbed."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.nodes.base import Node, in_order, until_one
from lead.scenarios.nodes.conditions import Drive, EgoAway, EgoNear
from lead.scenarios.scenario import Scenario, scenario_class
from lead.scenarios.stage import Stage

PILES_AT_M = (14.0, 48.0, 74.0)
END_DISTANCE_M = 110.0
RADIUS_M = 2.0
"""The ego is disturbed while its centre is closer to a pile than this."""
THROTTLE_NOISE, STEER_NOISE = (0.03, 0.01), (0.055, 0.015)
"""Mean (with either sign) and standard deviation."""
DEBRIS = ActorModel("static.prop.dirtdebris01", role="prop")
_PROBE_M, _PROBE_REACH_M = 1.0, 2.0


class DisturbControl(Node):
    """Adds noise to the agent's throttle and steering in every tick; never ends by itself."""

    def __init__(self, stage: Stage, throttle_mean: float, steer_mean: float, name: str = "") -> None:
        """Take the means, which have a sign."""
        super().__init__(stage, name)
        self._throttle_mean = throttle_mean
        self._steer_mean = steer_mean

    def update(self) -> Status:
        """Apply the disturbed control instead of the one that the agent asked for."""
        rng, asked = self.stage.rng, self.stage.control
        throttle = asked.throttle + rng.normal(self._throttle_mean, THROTTLE_NOISE[1])
        steer = asked.steer + rng.normal(self._steer_mean, STEER_NOISE[1])
        self.stage.ego.apply_control(
            carla.VehicleControl(
                throttle=min(1.0, max(0.0, throttle)),
                steer=min(1.0, max(-1.0, steer)),
                brake=asked.brake,
                hand_brake=asked.hand_brake,
                reverse=asked.reverse,
                manual_gear_shift=asked.manual_gear_shift,
                gear=asked.gear,
            )
        )
        return Status.RUNNING


def pile_waypoint(waypoint: carla.Waypoint, distance_m: float) -> carla.Waypoint:
    """Walk along a lane, at most to the first place inside a junction; ends early where the road ends."""
    walked_m = 0.0
    while walked_m < distance_m and not waypoint.is_junction:
        ahead = waypoint.next(1.0)
        if not ahead:
            break
        walked_m += ahead[-1].transform.location.distance(waypoint.transform.location)
        waypoint = ahead[-1]
    return waypoint


@scenario_class("ControlLoss")
class ControlLoss(Scenario):
    """The ego must keep its lane all the same."""

    def build(self) -> None:
        """Put three piles of debris on the ground and draw to which side each of them throws the ego."""
        self._piles = [self._ground_pose(pile_waypoint(self.trigger_waypoint, at_m)) for at_m in PILES_AT_M]
        for pose in self._piles:
            self.spawn(DEBRIS, pose).set_simulate_physics(False)
        self._noises = [self._draw_noise() for _ in self._piles]

    def behaviour(self) -> Behaviour:
        """Disturb the ego at one pile after the other."""
        stage = self.stage
        passes: list[Behaviour] = []
        for pose, (throttle_mean, steer_mean) in zip(self._piles, self._noises, strict=True):
            noise = DisturbControl(stage, throttle_mean, steer_mean)
            passes.append(EgoNear(stage, pose.location, RADIUS_M))
            passes.append(until_one("on the pile", [noise, EgoAway(stage, pose.location, RADIUS_M)]))
        passes.append(Drive(stage, END_DISTANCE_M - PILES_AT_M[-1]))
        return until_one(self.config.name, [in_order("piles", passes), Drive(stage, END_DISTANCE_M)])

    def _ground_pose(self, waypoint: carla.Waypoint) -> carla.Transform:
        """Lay a pile on what is visible below the lane's centre, which may be off the road's surface."""
        pose = waypoint.transform
        probe = carla.Location(pose.location.x, pose.location.y, pose.location.z + _PROBE_M)
        ground = self.stage.world.ground_projection(probe, _PROBE_REACH_M)
        return carla.Transform(ground.location if ground is not None else pose.location, pose.rotation)

    def _draw_noise(self) -> tuple[float, float]:
        rng = self.stage.rng
        throttle = float(rng.choice([THROTTLE_NOISE[0], -THROTTLE_NOISE[0]]))
        steer = float(rng.choice([STEER_NOISE[0], -STEER_NOISE[0]]))
        return throttle, steer
