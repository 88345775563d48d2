"""What the scenarios with something in the ego's lane share: the sign before it, and how the ego gets past it.

On roads with several lanes per direction the ego changes the lane, and the traffic beside it is slowed down after a
while. On roads with one lane per direction it must use the opposite lane; the background's oncoming cars are then
replaced by a flow of the scenario's own with gaps of a known size.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import first_non_driving, forward, shifted, side_lane, turned
from lead.scenarios.messages import ChangeOppositeBehavior, SetMaxSpeed
from lead.scenarios.nodes.base import Forever, in_order, until_one
from lead.scenarios.nodes.conditions import EgoNear, EgoPassed, Idle, ScenarioTimeout
from lead.scenarios.nodes.flows import OppositeActorFlow
from lead.scenarios.nodes.traffic import Post, SwitchWrongDirection
from lead.scenarios.scenario import Scenario
from lead.scenarios.stage import Stage

PARKED_CAR = ActorModel("vehicle.*", {"base_type": "car", "generation": 2}, "car", role="scenario no lights")
"""Cars that stand; their role keeps them out of the automatic vehicle lights."""
FAR_INDEX = 1e9
"""Route index that experts understand as "not yet"."""

WAIT_S = 5.0
"""The ego is left waiting for so long before the traffic beside it changes."""
CLEAR_DISTANCE_M = 50.0
"""The scenario is over when the ego is so far beyond the obstacle."""
LAYER_M = 200.0
"""Props wait so far below their places until the trigger."""
_SIGN_SHIFT, _SIGN_HEIGHT_M = 0.3, 0.2
_DROP_M = 1.0


def ease_by_opposite_flow(
    stage: Stage, lane: carla.Waypoint, interval_m: tuple[float, float], actors: list[carla.Actor]
) -> list[Behaviour]:
    """Return the nodes that let the ego use the opposite lane; the last one never ends.

    Args:
        stage: What all scenarios share.
        lane: Place on the opposite lane beside the obstacle.
        interval_m: Least and greatest gap between oncoming cars.
        actors: Filled with the cars of the flow.
    """
    return [
        SwitchWrongDirection(stage, False),
        Post(stage, ChangeOppositeBehavior(active=False)),
        OppositeActorFlow(stage, lane, interval_m, actors=actors),
    ]


def restore_opposite_lane(stage: Stage) -> list[Behaviour]:
    """Return the nodes that undo :func:`ease_by_opposite_flow` after its flow was cut off."""
    return [SwitchWrongDirection(stage, True), Post(stage, ChangeOppositeBehavior(active=True))]


class LaneObstacle(Scenario):
    """Something blocks the ego's lane.

    Subclasses spawn it in ``build`` and call :meth:`set_course` there.

    Attributes:
        two_ways: The ego has to use the opposite lane.
        near_distance_m: Distance from the obstacle at which the ego's wait begins.
        is_left: The obstacle stands on the left of the lane.
    """

    two_ways: ClassVar[bool] = False
    near_distance_m: ClassVar[float] = 50.0

    @property
    def is_left(self) -> bool:
        """The obstacle and its sign stand on the left."""
        return self.parameters.is_left()

    @property
    def limit_kmh(self) -> float:
        """Speed to which the traffic beside the obstacle is slowed down."""
        return self.parameters.number("speed")

    @abc.abstractmethod
    def preparation(self) -> Sequence[Behaviour]:
        """Return what happens first after the trigger."""

    def restoration(self) -> Sequence[Behaviour]:
        """Return what happens last, after the traffic was put right."""
        return ()

    def beside(self) -> Sequence[Behaviour]:
        """Return what else happens until the ego is past."""
        return ()

    def set_course(self, near: carla.Location, last: carla.Waypoint, blocked: carla.Waypoint) -> None:
        """Settle where the ego waits and where it is past, and describe both for experts.

        Args:
            near: The place that the ego must come near.
            last: Lane at the end of the obstacle.
            blocked: Lane where the ego must be beside it.

        Raises:
            ScenarioError: If the ego has to use the opposite lane and there is none.
        """
        self._near = near
        self._end = forward(last, CLEAR_DISTANCE_M)[0].transform
        self._opposite = side_lane(blocked, left=True)
        if self.two_ways and self._opposite is None:
            raise ScenarioError(f"{self.config.name}: there is no lane to the left of the obstacle for oncoming cars")
        self.record.memory.update(
            direction="left" if self.is_left else "right",
            source_lane=blocked,
            target_lane=self._opposite if self.two_ways else side_lane(blocked, left=not self.is_left),
            adversarial_actors=[],
            changed_route=False,
            from_index=FAR_INDEX,
        )
        if self.two_ways:
            self.record.memory.update(to_index=FAR_INDEX, path_clear=False)

    def file_by_geometry(self, kind: str, site: carla.Waypoint) -> None:
        """Show a novel obstacle to experts under the name of the stock one that asks for the same driving.

        Args:
            kind: Stock class for roads with several lanes per direction.
            site: Where it stands.
        """
        beside = side_lane(site, left=not self.is_left)
        if beside is not None and beside.lane_id * site.lane_id > 0:
            self.record.name = kind
        else:
            self.record.name = f"{kind}TwoWays"
            self.record.memory.update(to_index=FAR_INDEX, path_clear=False)

    def spawn_sign(self, blueprint: str) -> carla.Actor:
        """Put a sign beside the road at the trigger, beyond all lanes of the obstacle's side.

        Raises:
            ScenarioError: If there is no lane beside the road, or something stands there.
        """
        beside, width_m = first_non_driving(self.trigger_waypoint, self.is_left)
        looks_back = beside.lane_id * self.trigger_waypoint.lane_id < 0
        outwards_m = _SIGN_SHIFT * width_m * (-1.0 if self.is_left != looks_back else 1.0)
        pose = turned(shifted(beside.transform, right_m=outwards_m, up_m=_SIGN_HEIGHT_M), 90.0)
        sign = self.spawn(ActorModel(blueprint, role="prop"), pose)
        sign.set_simulate_physics(False)
        return sign

    def spawn_in_lane(self, model: ActorModel, waypoint: carla.Waypoint, shift: float, *, left: bool) -> carla.Actor:
        """Let a vehicle stand in a lane with its hand brake on.

        Args:
            model: Which vehicle.
            waypoint: Where.
            shift: Lateral shift from the lane's centre, as a share of half the lane's width.
            left: Shift it to the left.

        Raises:
            ScenarioError: If something stands there.
        """
        side_m = shift * waypoint.lane_width / 2.0 * (-1.0 if left else 1.0)
        vehicle = self.spawn(model, shifted(waypoint.transform, right_m=side_m, up_m=_DROP_M))
        vehicle.apply_control(carla.VehicleControl(hand_brake=True))
        return vehicle

    def behaviour(self) -> Behaviour:
        """Wait until the ego is past; after a while make it possible to pass."""
        stage = self.stage
        wait = [EgoNear(stage, self._near, self.near_distance_m), Idle(stage, WAIT_S)]
        passing = until_one(
            "until past",
            [
                ScenarioTimeout(stage, self.config.name),
                EgoPassed(stage, self._end),
                in_order("ease", [*wait, *self._ease()]),
                *self.beside(),
            ],
        )
        return in_order(self.config.name, [*self.preparation(), passing, *self._restore(), *self.restoration()])

    def _ease(self) -> list[Behaviour]:
        if self.two_ways:
            assert self._opposite is not None
            interval_m = self.parameters.interval("frequency")
            return ease_by_opposite_flow(
                self.stage, self._opposite, interval_m, self.record.memory["adversarial_actors"]
            )
        return [Post(self.stage, SetMaxSpeed(self.limit_kmh)), Forever(self.stage)]

    def _restore(self) -> list[Behaviour]:
        if self.two_ways:
            return restore_opposite_lane(self.stage)
        return [Post(self.stage, SetMaxSpeed(0.0))]
