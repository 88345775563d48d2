"""Hazard at the side of the lane: two slow bicycles ride near the right edge of the ego's lane."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.families.obstacle import CLEAR_DISTANCE_M, FAR_INDEX, WAIT_S
from lead.scenarios.lane_tools import forward, next_waypoint, path_between, shifted
from lead.scenarios.messages import ChangeOppositeBehavior, ChangeRoadBehavior, LeaveSpaceInFront, SetMaxSpeed
from lead.scenarios.nodes.actors import FollowLane, HandBrake
from lead.scenarios.nodes.base import Forever, in_order, until_one
from lead.scenarios.nodes.conditions import Drive, EgoNear, Idle, Overtaken, ScenarioTimeout
from lead.scenarios.nodes.traffic import Post, SwitchWrongDirection
from lead.scenarios.scenario import Scenario, scenario_class

BICYCLES = ("vehicle.bh.crossbike", "vehicle.diamondback.century", "vehicle.gazelle.omafiets")
GAP_M = 9.0
NEAR_DISTANCE_M = 50.0
_SHIFT = 0.55
_DROP_M = 1.0
_SPACE_BEHIND_M = 20.0
_EXTRA_SPACE_M = 30.0
_USUAL_OPPOSITE_GAP_M = 40.0


@scenario_class("HazardAtSideLane")
class HazardAtSideLane(Scenario):
    """The ego changes the lane to pass them; the traffic there is slowed down to let it in."""

    def build(self) -> None:
        """Spawn the bicycles and find their ways."""
        first = forward(self.trigger_waypoint, self.parameters.number("distance"))[0]
        places = (first, forward(first, GAP_M)[0])
        self._paths = [self._path(place) for place in places]
        self._bicycles = [self._spawn_bicycle(place) for place in places]
        self.record.first_actor, self.record.last_actor = self._bicycles
        self._remember()

    def behaviour(self) -> Behaviour:
        """Let the bicycles ride until the ego is well past them."""
        stage = self.stage
        space_m = self.parameters.number("distance") + GAP_M + _SPACE_BEHIND_M
        # The ego must be ahead of the farther bicycle by a car's length before its way is counted.
        past = [Overtaken(stage, self._bicycles[-1], stage.ego), Drive(stage, CLEAR_DISTANCE_M)]
        wait = [EgoNear(stage, self._bicycles[0], NEAR_DISTANCE_M), Idle(stage, WAIT_S)]
        passing = until_one(
            "until past",
            [
                ScenarioTimeout(stage, self.config.name),
                in_order("past", past),
                *(self._ride(bicycle, path) for bicycle, path in zip(self._bicycles, self._paths, strict=True)),
                in_order("ease", [*wait, *self._ease(), Forever(stage)]),
            ],
        )
        return in_order(
            self.config.name,
            [
                Post(stage, LeaveSpaceInFront(space_m)),
                Post(stage, ChangeRoadBehavior(extra_space_m=_EXTRA_SPACE_M)),
                passing,
                *self._restore(),
                Post(stage, ChangeRoadBehavior(extra_space_m=0.0)),
            ],
        )

    def _remember(self) -> None:
        self.record.memory.update(
            bicycle_1=self._bicycles[0],
            changed_first_part_of_route=False,
            from_index=FAR_INDEX,
            to_index=FAR_INDEX,
        )

    def _ease(self) -> list[Behaviour]:
        return [Post(self.stage, SetMaxSpeed(self.parameters.number("speed")))]

    def _restore(self) -> list[Behaviour]:
        return [Post(self.stage, SetMaxSpeed(0.0))]

    def _path(self, place: carla.Waypoint) -> list[carla.Waypoint]:
        end = next_waypoint(place, self.parameters.number("bicycle_drive_distance"))
        return path_between(self.stage.map, place, end)

    def _spawn_bicycle(self, place: carla.Waypoint) -> carla.Actor:
        pose = shifted(place.transform, right_m=self._shift_m(place), up_m=_DROP_M)
        bicycle = self.spawn(ActorModel(str(self.stage.rng.choice(BICYCLES)), category="bicycle"), pose)
        bicycle.apply_control(carla.VehicleControl(hand_brake=True))
        return bicycle

    def _ride(self, bicycle: carla.Actor, path: list[carla.Waypoint]) -> Behaviour:
        """Ride the given way, then stand: the end of the way must not end the scenario."""
        ride = FollowLane(
            self.stage,
            bicycle,
            self.parameters.number("bicycle_speed"),
            path=path,
            offset_m=self._shift_m(self.trigger_waypoint),
        )
        return in_order("bicycle", [ride, HandBrake(self.stage, bicycle, True), Forever(self.stage)])

    def _shift_m(self, waypoint: carla.Waypoint) -> float:
        return float(_SHIFT * waypoint.lane_width / 2.0)


@scenario_class("HazardAtSideLaneTwoWays")
class HazardAtSideLaneTwoWays(HazardAtSideLane):
    """The ego must use the opposite lane, whose cars get other gaps."""

    def _remember(self) -> None:
        self.record.memory.update(changed_route=False, from_index=FAR_INDEX, to_index=FAR_INDEX, path_clear=False)

    def _ease(self) -> list[Behaviour]:
        gap_m = self.parameters.number("frequency")
        return [
            SwitchWrongDirection(self.stage, False),
            Post(self.stage, ChangeOppositeBehavior(spawn_distance_m=gap_m)),
        ]

    def _restore(self) -> list[Behaviour]:
        # All published versions leave the test for the wrong direction off for the rest of the route, and scores
        # depend on it.
        return [
            SwitchWrongDirection(self.stage, False),
            Post(self.stage, ChangeOppositeBehavior(spawn_distance_m=_USUAL_OPPOSITE_GAP_M)),
        ]
