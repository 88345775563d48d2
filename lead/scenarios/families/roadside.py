"""What the scenarios at the side of the road share: where somebody stands there, hidden walkers, and parked cars.

Walkers wait deep under the ego until the trigger: those of large maps would fall asleep, or through the road, where
no part of the map is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.assets import available
from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import lanes_beside, next_waypoint, parking_displacement, shifted, side_lane, turned
from lead.scenarios.lane_walks import HOP_M, place_text
from lead.scenarios.nodes.actors import PARK_DEPTH_M, WalkerPark
from lead.scenarios.nodes.base import Forever, until_all, until_one
from lead.scenarios.nodes.conditions import EgoArrives, EgoNear
from lead.scenarios.scenario import Scenario
from lead.scenarios.stage import Stage

ATTEMPTS = 6
"""So many places are tried, each a little farther than the one before."""
WALKER_LIFT_M = 1.2
ACROSS_DEG = 270.0
"""Looks from the right side of a road straight across it."""
END_DISTANCE_M = 40.0
"""After the crossing the ego drives on for so long before the scenario is over."""
NEAR_M = 6.0
"""Whoever crosses sets off at the latest when the ego is so near."""
ANY_WALKER = ActorModel("walker.pedestrian.*", category="pedestrian")


class Roadside(NamedTuple):
    """The sidewalk on one side of a road, or the outermost lane where there is none.

    Attributes:
        waypoint: Place on that lane.
        is_left: It lies on the left of the road.
        looks_back: Its way points look against the direction of the road.
        parking: Where a parking lane lies between it and the road; None if none does.
    """

    waypoint: carla.Waypoint
    is_left: bool
    looks_back: bool
    parking: carla.Location | None

    @property
    def is_sidewalk(self) -> bool:
        """Tell whether it is a sidewalk."""
        return bool(self.waypoint.lane_type == carla.LaneType.Sidewalk)

    def ahead(self, distance_m: float) -> Roadside:
        """Return the place so far ahead in the direction of the road.

        Raises:
            ScenarioError: If the lane ends before.
        """
        if not self.looks_back:
            return self._replace(waypoint=next_waypoint(self.waypoint, distance_m))
        behind = self.waypoint.previous(distance_m)
        if not behind:
            raise ScenarioError(
                f"the side of the road ends less than {distance_m:g} m after {place_text(self.waypoint)}"
            )
        return self._replace(waypoint=behind[0])

    def pose(self, outwards_m: float, yaw_deg: float, up_m: float = 0.0) -> carla.Transform:
        """Return the pose of something that stands there.

        Args:
            outwards_m: How far outside the lane's centre it stands where there is no sidewalk.
            yaw_deg: How far it is turned from the direction of the road, clockwise seen from above; on the left side
                everything is mirrored.
            up_m: Height above the lane.
        """
        along = turned(self.waypoint.transform, 180.0) if self.looks_back else self.waypoint.transform
        side = -1.0 if self.is_left else 1.0
        place = shifted(along, right_m=0.0 if self.is_sidewalk else side * outwards_m, up_m=up_m)
        return turned(place, side * yaw_deg)


def roadside(road: carla.Waypoint, left: bool) -> Roadside:
    """Find the side of the road beside a driving lane; the lane itself if there is no other."""
    edge, parking = road, None
    for lane in lanes_beside(road, left):
        edge = lane
        if lane.lane_type == carla.LaneType.Parking:
            parking = lane.transform.location
        if lane.lane_type == carla.LaneType.Sidewalk:
            break
    return Roadside(edge, left, edge.lane_id * road.lane_id < 0, parking)


def walk_on(waypoint: carla.Waypoint, distance_m: float) -> carla.Waypoint:
    """Walk along a lane and through junctions in steps of one metre until the distance is reached or passed.

    Where lanes fork the last branch is taken, and the walk ends early where the road does, as in CARLA's scenario.
    """
    walked_m = 0.0
    while walked_m < distance_m:
        ahead = waypoint.next(HOP_M)
        if not ahead:
            break
        walked_m += ahead[-1].transform.location.distance(waypoint.transform.location)
        waypoint = ahead[-1]
    return waypoint


def occupy_first(
    place: carla.Waypoint, farther: Callable[[carla.Waypoint], carla.Waypoint], occupy: Callable[[carla.Waypoint], None]
) -> None:
    """Try places until one is free.

    Args:
        place: Where to begin.
        farther: Gives the place after one.
        occupy: Takes a place; raises :class:`ScenarioError` if it is not free.

    Raises:
        ScenarioError: If the last of :data:`ATTEMPTS` places is not free either.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return occupy(place)
        except ScenarioError:
            place = farther(place)
    return occupy(place)


def spawn_walker(scenario: Scenario, pose: carla.Transform, kind: str = "") -> carla.Actor:
    """Spawn a walker at its place, and take it out of sight until the trigger.

    Args:
        scenario: Whose walker it is.
        pose: Where.
        kind: Blueprint; without one the parameter ``walker`` says it, and otherwise it may be anybody.

    Raises:
        ScenarioError: If something stands there, or there is no walker of the type that the route asks for.
    """
    if not kind and scenario.parameters.has("walker"):
        kind = scenario.parameters.text("walker")
    model = ActorModel(available(scenario.stage.pool, kind)) if kind else ANY_WALKER
    walker = scenario.spawn(model, pose)
    walker.set_simulate_physics(False)
    below = shifted(carla.Transform(scenario.stage.ego_location, pose.rotation), up_m=-PARK_DEPTH_M)
    scenario.stage.pool.place(walker, below)
    return walker


def wait_below(stage: Stage, walkers: Sequence[carla.Actor]) -> Behaviour:
    """Return the node that keeps walkers out of sight; it never ends."""
    return until_all("out of sight", [*(WalkerPark(stage, walker) for walker in walkers), Forever(stage)])


def ego_comes(stage: Stage, place: carla.Location, time_s: float, distance_m: float = NEAR_M) -> Behaviour:
    """Return the node that waits until the ego is a time or a distance away from a place."""
    return until_one("ego comes", [EgoArrives(stage, place, time_s), EgoNear(stage, place, distance_m)])


def spawn_parked(scenario: Scenario, model: ActorModel, road: carla.Waypoint, left: bool) -> carla.Actor:
    """Park a car in the lane beside the road, and keep recorded parked cars away from it.

    Args:
        scenario: Whose car it is.
        model: Which car.
        road: Lane beside the parking lane.
        left: The parking lane lies on the left of it.

    Raises:
        ScenarioError: If there is no lane, or something stands there.
    """
    parking = side_lane(road, left)
    if parking is None:
        raise ScenarioError(f"{scenario.config.name}: there is no lane for parked cars beside {place_text(road)}")
    return spawn_on_parking_lane(scenario, model, parking, left)


def spawn_on_parking_lane(scenario: Scenario, model: ActorModel, parking: carla.Waypoint, left: bool) -> carla.Actor:
    """Park a car in a parking lane; see :func:`spawn_parked`."""
    scenario.claimed.append(parking.transform.location)
    car = scenario.spawn(model, parking.transform)
    scenario.stage.pool.place(car, parking_displacement(parking, car.bounding_box.extent.y, left))
    return car
