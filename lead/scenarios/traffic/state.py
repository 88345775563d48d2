"""What the background traffic knows: its cars, the places where cars appear, and the junctions of the route."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

import carla

from lead.scenarios.traffic.lane_lookup import OFF_ROAD, LaneFacts
from lead.scenarios.traffic.lanes import LaneKey, key_of, place_of
from lead.scenarios.traffic.settings import REUSE_DISTANCE_M, TrafficSettings

Place = tuple[float, float, float]


class Phase(Enum):
    """Where a car is on its way through a junction."""

    ENTRY = "before it"
    MIDDLE = "inside"
    EXIT = "leaving it"
    EXIT_ROAD = "on the road the ego will take, waiting for it"
    EXIT_INACTIVE = "on another road, standing"


@dataclass(eq=False)
class Car:
    """One car of the background traffic.

    Attributes:
        actor: The vehicle.
        number: Its id.
        place: Location in this tick, world frame, metres.
        lane: Lane under it.
        distance_m: Distance from the ego's route point.
        is_behind: Whether it is behind that point.
        percent: Wanted share of the speed limit; None leaves the speed to the Traffic Manager.
        sent_kmh: Speed that the Traffic Manager was asked for last.
        stopped_in_front: A message stopped it in front of the ego.
        stopped_behind: A message stopped it behind the ego.
        is_stranded: It was left at the end of its lane.
        is_adoptable: Junction sources may take it; once only.
    """

    actor: carla.Vehicle
    number: int
    place: Place
    lane: LaneFacts = OFF_ROAD
    distance_m: float = 0.0
    is_behind: bool = False
    percent: float | None = None
    sent_kmh: float | None = None
    stopped_in_front: bool = False
    stopped_behind: bool = False
    is_stranded: bool = False
    is_adoptable: bool = True

    @property
    def is_stopped(self) -> bool:
        """Whether a message holds it."""
        return self.stopped_in_front or self.stopped_behind


class Source:
    """A place at which cars appear on one lane.

    Attributes:
        cars: Its cars, front-most first.
        active: Whether cars appear.
        entry_key: Lane by which they reach the junction, for sources of junctions.
    """

    def __init__(
        self, waypoint: carla.Waypoint, cars: list[Car], *, active: bool = True, entry_key: LaneKey | None = None
    ) -> None:
        """Put the source on a lane."""
        self.cars = cars
        self.active = active
        self.entry_key = entry_key
        self._upstream: frozenset[LaneKey] | None = None
        self.move(waypoint)

    @property
    def waypoint(self) -> carla.Waypoint:
        """Where it is."""
        return self._waypoint

    @property
    def place(self) -> Place:
        """Where it is, world frame, metres."""
        return self._place

    @property
    def key(self) -> LaneKey:
        """Lane it is on now."""
        return self._key

    @property
    def upstream_keys(self) -> frozenset[LaneKey]:
        """Its lane and those from which a car is about to pass it."""
        if self._upstream is None:
            before = self._waypoint.previous(REUSE_DISTANCE_M)
            self._upstream = frozenset([self._key, *(key_of(waypoint) for waypoint in before)])
        return self._upstream

    def move(self, waypoint: carla.Waypoint) -> None:
        """Put it somewhere else."""
        self._waypoint = waypoint
        self._place: Place = place_of(waypoint)
        self._key = key_of(waypoint)
        self._upstream = None


@dataclass
class Exit:
    """One lane out of a junction.

    Attributes:
        waypoint: Where the lane leaves the junction.
        cars: Cars that took it, front-most first.
        max_cars: A further car removes the first.
        max_distance_m: Cars drive so far from ``reference`` before they wait.
        reference: Place from which that is measured.
    """

    waypoint: carla.Waypoint
    reference: Place
    cars: list[Car] = field(default_factory=list)
    max_cars: int = 0
    max_distance_m: float = 0.0


@dataclass
class Passage:
    """A car's way through a junction.

    Attributes:
        phase: Where it is.
        exit_key: Lane by which it left; None before.
        at_opposite_entry: It came in on the road by which the ego leaves, so it will meet the ego.
    """

    phase: Phase = Phase.ENTRY
    exit_key: LaneKey | None = None
    at_opposite_entry: bool = False


@dataclass(eq=False)
class RouteJunction:
    """One junction, or several joined ones, that the route crosses.

    Attributes:
        ids: Junctions of the map.
        entry_index: Last route point before it.
        exit_index: First route point behind it; None if the route ends inside.
        entries: Way points just before it, one per lane.
        entry_keys: Lanes into it, also those that connect joined junctions.
        exits: Lanes out of it.
        route_entry_keys: Lanes on which the route enters.
        route_exit_keys: Lanes on which it leaves.
        opposite_entry_keys: Lanes into it beside the route's exit.
        opposite_exit_keys: Lanes out of it beside the route's entry.
        sources: Where cars appear.
        cars: Cars on their way through.
        stop_other_entries: Cars that appear on lanes other than the route's stand.
        clear_middle: Cars that drive in are removed.
        closed_entries: Lanes that get no cars when it becomes active.
        closed_exits: Likewise.
    """

    ids: list[int]
    entry_index: int
    exit_index: int | None = None
    entries: list[carla.Waypoint] = field(default_factory=list)
    entry_keys: list[LaneKey] = field(default_factory=list)
    exits: dict[LaneKey, Exit] = field(default_factory=dict)
    route_entry_keys: list[LaneKey] = field(default_factory=list)
    route_exit_keys: list[LaneKey] = field(default_factory=list)
    opposite_entry_keys: list[LaneKey] = field(default_factory=list)
    opposite_exit_keys: list[LaneKey] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    cars: dict[Car, Passage] = field(default_factory=dict)
    stop_other_entries: bool = False
    clear_middle: bool = False
    closed_entries: list[LaneKey] = field(default_factory=list)
    closed_exits: list[LaneKey] = field(default_factory=list)

    def is_route_source(self, source: Source) -> bool:
        """Tell whether a source serves the lanes on which the ego arrives."""
        return source.entry_key in self.route_entry_keys

    def forget(self, car: Car) -> None:
        """Drop a car from all tables."""
        self.cars.pop(car, None)
        _drop_from_first(car, (source.cars for source in self.sources))
        _drop_from_first(car, (way.cars for way in self.exits.values()))


@dataclass(eq=False)
class TrafficState:
    """All tables.

    Attributes:
        settings: What scenarios can change.
        road: Sources of the ego's road by lane; empty near junctions.
        opposite_sources: Sources of the opposite lanes, inner first; empty near junctions.
        opposite_cars: Cars that come towards the ego.
        coming: Junctions of the route that are not active yet.
        active: Junctions in which the ego is or will soon be, in route order.
        entry_cleared: A scenario wants no car between the ego and its junction.
        lane_removed: A scenario took the cars off a lane and may want them back.
        lane_offset: Lane changes of the route since then: positive to the left.
    """

    settings: TrafficSettings
    coming: list[RouteJunction]
    road: dict[LaneKey, Source] = field(default_factory=dict)
    opposite_sources: list[Source] = field(default_factory=list)
    opposite_cars: list[Car] = field(default_factory=list)
    active: list[RouteJunction] = field(default_factory=list)
    entry_cleared: bool = False
    lane_removed: bool = False
    lane_offset: int = 0

    @property
    def in_road_mode(self) -> bool:
        """Whether the ego is far from junctions."""
        return not self.active

    def road_cars(self) -> Iterator[Car]:
        """Yield the cars of the ego's road, lane by lane."""
        for source in self.road.values():
            yield from source.cars

    def next_junction(self) -> RouteJunction | None:
        """Return the first active junction, else the next one of the route; None if there is none."""
        if self.active:
            return self.active[0]
        return self.coming[0] if self.coming else None

    def forget_removed_lane(self) -> None:
        """Do not bring the lane back that a scenario took away."""
        self.lane_removed = False
        self.lane_offset = 0

    def forget(self, car: Car) -> None:
        """Drop a car from all tables; its speed is nobody's business any more."""
        _drop_from_first(car, (source.cars for source in self.road.values()))
        if car in self.opposite_cars:
            self.opposite_cars.remove(car)
        _drop_from_first(car, (source.cars for source in self.opposite_sources))
        for junction in self.active:
            junction.forget(car)
        car.stopped_in_front = car.stopped_behind = False
        car.percent = None


def _drop_from_first(car: Car, tables: Iterator[list[Car]]) -> None:
    """Remove a car from the first list that has it."""
    for cars in tables:
        if car in cars:
            cars.remove(car)
            return
