"""What the sampler knows about a town: its planner, its lanes, and every way through its junctions.

Lanes and ways are listed in sorted order, so that the same seed chooses the same places on every machine.
"""

from __future__ import annotations

import difflib
import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import carla
import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import rotation_matrices, transform_points
from lead.maps import towns
from lead.maps.compiled import CompiledMap, compile_map
from lead.maps.layout import SignalKind
from lead.routes.lane_graph import LaneGraph, LaneKey, lane_key
from lead.routes.planner import RoutePlanner
from lead.routes.sampler.errors import SamplerError, UnfitError
from lead.routes.sampler.walks import same_way_lanes, stretch_behind, turn_deg

TRAFFIC_LIGHT, STOP_SIGN = "1000001", "206"
"""OpenDRIVE types of signals."""
SIGNAL_DEPTH_M = 20.0
"""Signals are placed on the lanes inside junctions, on some maps well behind their beginning."""
STRAIGHT_DEG, BACK_DEG = 35.0, 135.0
_MAX_LANES_INSIDE = 6
_LONGEST_HALF_M = 10.0
"""Solid things of the map are cut to boxes of at most twice this length."""
_WALK_M, _MAX_STEPS = 1.0, 400
_STOP_BOX_ASIDE_M = 1.4
"""Whoever looks for the box from a lane, in steps of a metre, wants its centre within 1.5 m."""


class Turn(Enum):
    """Where a way through a junction leads."""

    LEFT = "left"
    RIGHT = "right"
    STRAIGHT = "straight on"


class Side(Enum):
    """From where traffic comes into a junction, seen by someone who drives into it."""

    OWN = "ref"
    LEFT = "left"
    OPPOSITE = "opposite"
    RIGHT = "right"


@dataclass(frozen=True)
class Passage:
    """One way through a junction.

    Attributes:
        junction_id: The junction.
        entry: Last way point before it.
        exit: First way point behind it.
        lanes: Lanes inside, in order.
        turn: Where it leads; None for a turn back.
    """

    junction_id: int
    entry: carla.Waypoint
    exit: carla.Waypoint
    lanes: tuple[LaneKey, ...]
    turn: Turn | None

    @property
    def bend_deg(self) -> float:
        """Change of heading, positive to the right."""
        return turn_deg(self.entry, self.exit)

    @functools.cached_property
    def inside(self) -> list[carla.Waypoint]:
        """Way points from entry to exit, one per metre.

        Raises:
            UnfitError: If the lanes do not connect as the map says.
        """
        allowed = {*self.lanes, lane_key(self.entry)}
        line = [self.entry]
        while line[-1].is_junction or len(line) < 3:
            ahead = line[-1].next(_WALK_M)
            chosen = [way for way in ahead if lane_key(way) in allowed]
            if not chosen:
                chosen = [way for way in ahead if not way.is_junction and way.road_id == self.exit.road_id]
            if not chosen or len(line) > _MAX_STEPS:
                raise UnfitError("the lanes inside the junction are not connected")
            line.append(chosen[0])
        return line


class TownSurvey:
    """Planner, lanes and passages of one town."""

    def __init__(self, town: str) -> None:
        """Read the map; seconds for the large towns.

        Args:
            town: Installed town, in any of CARLA's spellings.

        Raises:
            SamplerError: If there is no such town, or it is not installed.
        """
        self.town = check_town(town)
        self._opendrive = towns.read_opendrive(self.town)
        self.map = carla.Map(self.town, self._opendrive)
        self.planner = RoutePlanner(self.map)
        self._graph = LaneGraph(self.map)
        self._slices: dict[float, list[tuple[LaneKey, float, float]]] = {}

    @functools.cached_property
    def road_lanes(self) -> list[LaneKey]:
        """Driving lanes outside junctions, sorted."""
        return sorted(key for key in self._graph.lanes() if not self._start(key).is_junction)

    @functools.cached_property
    def passages(self) -> list[Passage]:
        """Ways through junctions, sorted by their lanes."""
        found = {(entry, *inside, after): inside for entry, inside, after in self._lane_chains()}
        made = (self._passage(lanes) for lanes in sorted(found))
        return [passage for passage in made if passage is not None]

    @functools.cached_property
    def at_junction(self) -> Mapping[int, list[Passage]]:
        """Passages by junction."""
        table: dict[int, list[Passage]] = defaultdict(list)
        for passage in self.passages:
            table[passage.junction_id].append(passage)
        return table

    def slices(self, most_m: float) -> list[tuple[LaneKey, float, float]]:
        """Cut all lanes outside junctions into pieces of at most some length.

        Returns:
            Lane, and begin and end of the piece as shares of the lane's length.
        """
        if most_m not in self._slices:
            pieces = self._slices[most_m] = []
            for key in self.road_lanes:
                count = max(1, math.ceil(self.length_m(key) / most_m))
                pieces += [(key, index / count, (index + 1) / count) for index in range(count)]
        return self._slices[most_m]

    def waypoint(self, key: LaneKey, share: float) -> carla.Waypoint | None:
        """Return the way point at a share of a lane's length, 0 its start in driving direction."""
        return self._graph.waypoint(key, self._graph.start_s(key) + key.direction * share * self._graph.length_m(key))

    def length_m(self, key: LaneKey) -> float:
        """Return the length of a lane."""
        return self._graph.length_m(key)

    def has_lights(self, junction_id: int) -> bool:
        """Tell whether a junction has traffic lights."""
        return junction_id in self._with_lights

    def is_free(self, place: carla.Location, radius_m: float) -> bool:
        """Tell whether no post, wall or other solid thing of the map is near a place."""
        boxes = self._compiled.static_boxes
        offset = np.stack([place.x - boxes["x"], place.y - boxes["y"]], axis=1)
        near = np.flatnonzero((np.abs(offset) < radius_m + _LONGEST_HALF_M).all(axis=1))
        if not len(near):
            return True
        yaw = boxes["yaw"][near]
        along = np.abs(offset[near, 0] * np.cos(yaw) + offset[near, 1] * np.sin(yaw)) - boxes["ext_x"][near]
        across = np.abs(offset[near, 1] * np.cos(yaw) - offset[near, 0] * np.sin(yaw)) - boxes["ext_y"][near]
        gap_m = np.hypot(np.maximum(along, 0.0), np.maximum(across, 0.0))
        is_level = np.abs(boxes["z"][near] - place.z) < _LONGEST_HALF_M
        return not bool(((gap_m < radius_m) & is_level).any())

    def has_stop_box(self, passage: Passage) -> bool:
        """Tell whether the box of a stop sign lies on the last metres of a passage's lane before its junction."""
        centres = self._stop_centres
        for waypoint in stretch_behind(passage.entry, SIGNAL_DEPTH_M):
            pose = waypoint.transform
            ahead = pose.get_forward_vector()
            offset = centres - (pose.location.x, pose.location.y)
            along = np.abs(offset @ (ahead.x, ahead.y))
            aside = np.abs(offset @ (-ahead.y, ahead.x))
            if ((along <= 1.0) & (aside < _STOP_BOX_ASIDE_M)).any():
                return True
        return False

    def entries(self, passage: Passage, side: Side) -> list[list[Passage]]:
        """Return the ways of traffic that comes into a passage's junction from one side, grouped by lane of entry."""
        groups: dict[LaneKey, list[Passage]] = defaultdict(list)
        for other in self.at_junction[passage.junction_id]:
            if side_of(turn_deg(passage.entry, other.entry)) is side:
                groups[lane_key(other.entry)].append(other)
        return list(groups.values())

    @functools.cached_property
    def _compiled(self) -> CompiledMap:
        return compile_map(self.town, self._opendrive)

    @functools.cached_property
    def _stop_centres(self) -> NDArray[np.float64]:
        """Centres (n, 2) of the boxes of stop signs."""
        signals = self._compiled.signals
        stops = signals[signals["kind"] == SignalKind.STOP]
        turns = rotation_matrices(stops["pitch_deg"], stops["yaw_deg"], stops["roll_deg"])
        places = np.stack([stops[axis] for axis in "xyz"], axis=-1)
        return transform_points(turns, places, stops["trigger_center"][:, None])[:, 0, :2]

    @functools.cached_property
    def _with_lights(self) -> frozenset[int]:
        roads = {key.road_id: passage.junction_id for passage in self.passages for key in passage.lanes}
        marks = self.map.get_all_landmarks_of_type(TRAFFIC_LIGHT)
        return frozenset(roads[mark.road_id] for mark in marks if mark.road_id in roads)

    def _start(self, key: LaneKey) -> carla.Waypoint:
        return self._graph.start_waypoint(key)

    def _lane_chains(self) -> Iterator[tuple[LaneKey, tuple[LaneKey, ...], LaneKey]]:
        """Yield lane before, lanes inside and lane behind of every way through a junction."""
        for key in self.road_lanes:
            waiting: list[tuple[LaneKey, ...]] = [
                (following,) for following in self._graph.successors(key) if self._start(following).is_junction
            ]
            while waiting:
                inside = waiting.pop()
                for following in self._graph.successors(inside[-1]):
                    if not self._start(following).is_junction:
                        yield key, inside, following
                    elif len(inside) < _MAX_LANES_INSIDE and following not in inside:
                        waiting.append((*inside, following))

    def _passage(self, lanes: tuple[LaneKey, ...]) -> Passage | None:
        entry, after = self.waypoint(lanes[0], 1.0), self.waypoint(lanes[-1], 0.0)
        if entry is None or after is None:
            return None
        junction_id = int(self._start(lanes[1]).junction_id)
        return Passage(junction_id, entry, after, lanes[1:-1], _turn(turn_deg(entry, after)))


@functools.lru_cache(maxsize=1)
def survey_town(town: str) -> TownSurvey:
    """Return the survey of a town; only the last one is kept, since the large maps take a gigabyte each."""
    return TownSurvey(town)


def check_town(town: str) -> str:
    """Return the plain name of an installed town.

    Raises:
        SamplerError: If there is no such town, or it is not installed.
    """
    name = towns.canonical_name(town)
    if name not in towns.TOWNS:
        close = difflib.get_close_matches(name, towns.TOWNS, n=1, cutoff=0.0)[0]
        raise SamplerError(f"there is no town {town!r}; the nearest is {close}")
    if name not in towns.installed_towns():
        raise SamplerError(f"{name} is not installed; run `lead towns install {name}`")
    return name


def sees_signal(passage: Passage, kind: str) -> bool:
    """Tell whether the lane of a passage has a signal of an OpenDRIVE type at its junction."""
    return bool(passage.entry.get_landmarks_of_type(SIGNAL_DEPTH_M, kind))


def approach_m(passage: Passage, wanted_m: float) -> float:
    """Return how far the lane before a junction can be walked back, at most as far as wanted."""
    return (len(stretch_behind(passage.entry, wanted_m)) - 1) * 2.0


def arms(passages: Iterable[Passage]) -> int:
    """Return how many roads meet at a junction, counted by the roads that lead into it."""
    return len({passage.entry.road_id for passage in passages})


def lanes_of_entry(passage: Passage) -> int:
    """Return how many lanes lead into the junction beside that of a passage, itself included."""
    return len(same_way_lanes(passage.entry))


def side_of(difference_deg: float) -> Side:
    """Name the side from which a heading comes, as the scenario engine does; headings turn clockwise."""
    difference_deg %= 360.0
    limits = ((30.0, Side.OWN), (135.0, Side.LEFT), (225.0, Side.OPPOSITE), (330.0, Side.RIGHT))
    return next((name for last_deg, name in limits if difference_deg <= last_deg), Side.OWN)


def _turn(bend_deg: float) -> Turn | None:
    if abs(bend_deg) > BACK_DEG:
        return None
    if abs(bend_deg) < STRAIGHT_DEG:
        return Turn.STRAIGHT
    return Turn.RIGHT if bend_deg > 0.0 else Turn.LEFT
