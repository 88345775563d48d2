"""Numbers of the background traffic: fixed ones, and those that scenarios change while they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lead.scenarios.actor_pool import PLAIN_CAR, ActorModel

BACKGROUND_ROLE = "background"
CAR_MODEL = ActorModel("vehicle.*", PLAIN_CAR, "car", BACKGROUND_ROLE)
ANY_CAR: Mapping[str, str | int | float | bool] = {"base_type": "car", "has_lights": True}
ANY_CAR_MODEL = ActorModel("vehicle.*", ANY_CAR, "car", BACKGROUND_ROLE)
"""Cars of a lane that comes back may be taxis or police cars."""

LEADING_DISTANCE_M = 10.0
LANE_OFFSET_M = 0.1

RADIUS_GROWTH_M_PER_MPS = 1.7
JUNCTION_BASE_M = 30.0
JUNCTION_GROWTH_M_PER_MPS = 1.5

NARROW_LANE_M = 2.25
"""On a lane that is narrower, because it begins or ends, nobody appears and cars stop."""
WIDE_ENOUGH_M = NARROW_LANE_M + 0.2
SPAWN_LIFT_M = 0.2
SINGLE_SPAWN_LIFT_M = 0.4

OPPOSITE_CLEARANCE_M = 20.0
"""No opposite car appears closer to the ego."""
MAX_SPEED_KMH = 90.0
BEHIND_M = -0.17
"""A car is behind the ego if it is so far back along the route's direction."""

REUSE_DISTANCE_M = 10.0
"""A junction source adopts a car that passes so close instead of spawning one."""
SOURCE_STEP_M = 5.0
MIN_SOURCE_DISTANCE_M = 15.0

CROSSING_CLEAR_M = 20.0
CROSSING_STOP_M = 30.0
LANE_CHANGE_STEP_M = 2.5
"""Longer steps between route points with a lane change command are the change itself."""


@dataclass
class TrafficSettings:
    """What scenarios can change.

    Attributes:
        front_count: Cars in front of the ego per lane.
        back_count: Cars behind it per lane.
        spawn_distance_m: Pitch of the cars on the ego's road.
        extra_space_m: Added to both radii.
        junction_source_distance_m: Way from a source to its junction.
        junction_spawn_distance_m: Gap between cars of such a source.
        junction_max_cars: Cars alive per such source.
        junction_source_percent: Share of the sources that are used.
        opposite_source_distance_m: Way from the ego to the sources of opposite lanes.
        opposite_spawn_distance_m: Gap between their cars.
        opposite_active: Whether opposite cars appear.
        route_sources_active: Whether cars appear behind the ego on its road.
        max_speed_kmh: Cap of all speeds; 0 for none.
        min_radius_m: Cars ahead drive at full speed up to this distance.
        max_radius_m: They stand from this distance on.
        junction_distance_m: Way to a junction at which its traffic begins.
    """

    front_count: int = 2
    back_count: int = 2
    spawn_distance_m: float = 15.0
    extra_space_m: float = 0.0
    junction_source_distance_m: float = 40.0
    junction_spawn_distance_m: float = 15.0
    junction_max_cars: int = 6
    junction_source_percent: float = 80.0
    opposite_source_distance_m: float = 80.0
    opposite_spawn_distance_m: float = 40.0
    opposite_active: bool = True
    route_sources_active: bool = True
    max_speed_kmh: float = 0.0
    min_radius_m: float = 0.0
    max_radius_m: float = 0.0
    junction_distance_m: float = 0.0

    def __post_init__(self) -> None:
        """Compute the radii of a standing ego."""
        self.adapt(0.0)

    def adapt(self, ego_speed_mps: float) -> None:
        """Compute what depends on the ego's speed."""
        growth = RADIUS_GROWTH_M_PER_MPS * ego_speed_mps + self.extra_space_m
        self.min_radius_m = self.front_count * self.spawn_distance_m + growth
        self.max_radius_m = (self.front_count + 1) * self.spawn_distance_m + growth
        self.junction_distance_m = JUNCTION_BASE_M + JUNCTION_GROWTH_M_PER_MPS * ego_speed_mps

    @property
    def radius_width_m(self) -> float:
        """Way over which cars ahead slow down."""
        return self.max_radius_m - self.min_radius_m
