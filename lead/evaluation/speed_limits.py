"""Speed limits of places, read from the map alone, as Fail2Drive's evaluation uses them.

A vehicle learns its limit only when it drives through the box of a sign, so it has none where a route begins, and
vehicles spawned ahead have none at all. Fail2Drive therefore looks every limit up in a table of lane points. Its
tables come with its code and not for all towns; here they are made from the maximum-speed landmarks of any map by
the same recipe: every lane point takes the value of the nearest landmark ahead, then the largest value of the points
around it, rounded up to the limits that exist.
"""

from __future__ import annotations

import hashlib
import heapq
import logging
import math
import zipfile
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import carla
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from lead.errors import LeadError
from lead.maps.array_cache import save_arrays
from lead.maps.towns import cache_dir
from lead.routes.lane_graph import LaneGraph, LaneKey, lane_key

logger = logging.getLogger(__name__)

LIMITS_KMH = (50, 80, 100, 120)
"""Limits that occur in a table."""
UNSIGNED_KMH = 50
"""Limit everywhere on maps without signs."""
SPACING_M = 1.0
AROUND_M = 5
"""A point takes the largest value of the square metres this far around it."""
CACHE_VERSION = 1
MAXIMUM_SPEED_TYPE = "274"


class SpeedLimitError(LeadError):
    """A map gives no table of speed limits."""


@dataclass(frozen=True)
class SpeedLimitTable:
    """Speed limits at points of a map's driving lanes.

    Attributes:
        locations: (n, 3) float32 points, world frame, metres.
        limits_kmh: (n,) uint8, one of :data:`LIMITS_KMH` each.
        tree: Index of the points.
    """

    locations: NDArray[np.float32]
    limits_kmh: NDArray[np.uint8]
    tree: KDTree

    @classmethod
    def of(cls, locations: NDArray[np.float32], limits_kmh: NDArray[np.uint8]) -> SpeedLimitTable:
        """Index a table."""
        return cls(locations, limits_kmh, KDTree(locations, balanced_tree=False, compact_nodes=False))

    def at(self, location: NDArray[np.float64]) -> float:
        """Return the limit in km/h of the point nearest to a (3,) location."""
        _, index = self.tree.query(location)
        return float(self.limits_kmh[index])


def speed_limit_table(carla_map: carla.Map, *, use_cache: bool = True) -> SpeedLimitTable:
    """Return the table of a map; the first call for a large town takes some ten seconds, later ones read a file.

    Args:
        carla_map: Any map, from a server or offline.
        use_cache: Read and write ``cache_dir()/speed_limits``.

    Raises:
        SpeedLimitError: If the map has no driving lanes.
    """
    if not use_cache:
        return SpeedLimitTable.of(*_generate(carla_map))
    digest = hashlib.sha256(carla_map.to_opendrive().encode("utf-8")).hexdigest()
    path = cache_dir() / "speed_limits" / f"{digest[:16]}-v{CACHE_VERSION}.npz"
    columns = _load(path)
    if columns is None:
        columns = _generate(carla_map)
        save_arrays(
            path,
            {"locations": columns[0], "limits_kmh": columns[1]},
            "the table of speed limits",
            compress=True,
        )
    return SpeedLimitTable.of(*columns)


def _generate(carla_map: carla.Map) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    waypoints = carla_map.generate_waypoints(SPACING_M)
    if not waypoints:
        raise SpeedLimitError(f"map {carla_map.name} has no driving lanes, so it has no speed limits either")
    places = [(place.x, place.y, place.z) for place in (waypoint.transform.location for waypoint in waypoints)]
    locations = np.array(places, dtype=np.float64)
    signs = _SignsAhead(carla_map)
    if signs.is_empty:
        return locations.astype(np.float32), np.full(len(locations), UNSIGNED_KMH, dtype=np.uint8)
    ahead_kmh = np.array([signs.value(lane_key(waypoint), float(waypoint.s)) for waypoint in waypoints])
    return locations.astype(np.float32), _spread(locations[:, :2], ahead_kmh)


class _SignsAhead:
    """Nearest maximum-speed landmark ahead of any place on the lane graph."""

    def __init__(self, carla_map: carla.Map) -> None:
        self._signs = _signs_by_lane_number(carla_map)
        self._graph = LaneGraph(carla_map)
        self._successors: dict[LaneKey, list[LaneKey]] = defaultdict(list)
        for begin, end in carla_map.get_topology():
            self._successors[lane_key(begin)].append(lane_key(end))
        self._at_start = self._search_back()

    @property
    def is_empty(self) -> bool:
        """True if the map has no such landmarks."""
        return not self._signs

    def value(self, key: LaneKey, s: float) -> float:
        """Return the value of the nearest landmark ahead of a place, 0 if there is none."""
        own = self._within(key, s)
        if own is not None:
            return own[1]
        following = [self._at_start[each] for each in self._successors.get(key, ()) if each in self._at_start]
        return min(following, key=lambda found: found[0])[1] if following else 0.0

    def _within(self, key: LaneKey, s: float) -> tuple[float, float] | None:
        """Return distance in metres and value of the first landmark ahead on the lane itself."""
        signs = self._signs.get((key.road_id, key.lane_id))
        if not signs:
            return None
        index = bisect_left(signs, (s, 0.0)) if key.direction > 0 else bisect_left(signs, (s, math.inf)) - 1
        if not 0 <= index < len(signs):
            return None
        sign_s, value = signs[index]
        # A lane that the topology leaves out leads nowhere; the road's last landmark is then the end of the search.
        if key in self._graph and (self._graph.end_s(key) - sign_s) * key.direction < 0.0:
            return None
        return abs(sign_s - s), value

    def _search_back(self) -> dict[LaneKey, tuple[float, float]]:
        """Find distance and value of the nearest landmark ahead of every lane's start (Dijkstra, from the signs)."""
        predecessors: dict[LaneKey, list[LaneKey]] = defaultdict(list)
        for key, following in self._successors.items():
            for each in following:
                predecessors[each].append(key)
        queue: list[tuple[float, LaneKey, float]] = []
        for key in self._graph.lanes():
            if (own := self._within(key, self._graph.start_s(key))) is not None:
                queue.append((own[0], key, own[1]))
        heapq.heapify(queue)
        done: dict[LaneKey, tuple[float, float]] = {}
        while queue:
            distance_m, key, value = heapq.heappop(queue)
            if key in done:
                continue
            done[key] = distance_m, value
            for before in predecessors.get(key, ()):
                if before not in done:
                    heapq.heappush(queue, (distance_m + self._graph.length_m(before), before, value))
        return done


def _signs_by_lane_number(carla_map: carla.Map) -> dict[tuple[int, int], list[tuple[float, float]]]:
    """Return (s, value) of the maximum-speed landmarks by (road, lane), in order of s."""
    signs: dict[tuple[int, int], set[tuple[float, float]]] = defaultdict(set)
    for landmark in carla_map.get_all_landmarks_of_type(MAXIMUM_SPEED_TYPE):
        for validity in landmark.get_lane_validities():
            first, last = sorted(validity)
            for lane in range(first, last + 1):
                signs[int(landmark.road_id), lane].add((float(landmark.s), float(landmark.value)))
    return {place: sorted(found) for place, found in signs.items()}


def _spread(xy: NDArray[np.float64], ahead_kmh: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Turn the values of signs ahead (0: none) into limits, on a grid of square metres.

    Args:
        xy: (n, 2) points, metres.
        ahead_kmh: (n,) values.

    Returns:
        (n,) limits, all of :data:`LIMITS_KMH`.
    """
    cells = np.rint(xy).astype(np.int64)
    values = ahead_kmh.astype(np.uint8)
    empty = values == 0
    if empty.any():
        values[empty] = _nearest_maximum(cells[~empty], values[~empty], cells[empty])
    cells -= cells.min(axis=0) - AROUND_M
    grid = np.zeros(cells.max(axis=0) + 1 + AROUND_M, dtype=np.uint8)
    # Where several points share a cell, the last one counts, as in the published tables.
    grid[cells[:, 0], cells[:, 1]] = values
    largest = np.zeros_like(values)
    for across in range(-AROUND_M, AROUND_M + 1):
        for along in range(-AROUND_M, AROUND_M + 1):
            np.maximum(largest, grid[cells[:, 0] + across, cells[:, 1] + along], out=largest)
    steps = np.array(LIMITS_KMH, dtype=np.uint8)
    return steps[np.minimum(np.searchsorted(steps, largest), len(steps) - 1)]


def _nearest_maximum(
    known: NDArray[np.int64], values: NDArray[np.uint8], wanted: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return, for (m, 2) cells, the largest value in the smallest square around each that holds a known cell."""
    tree = KDTree(known)
    reach, _ = tree.query(wanted, p=math.inf)
    squares = tree.query_ball_point(wanted, reach, p=math.inf)
    return np.array([values[found].max() for found in squares], dtype=np.uint8)


def _load(path: Path) -> tuple[NDArray[np.float32], NDArray[np.uint8]] | None:
    """Read a table; None if there is none or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            locations, limits_kmh = stored["locations"], stored["limits_kmh"]
        if locations.shape != (len(limits_kmh), 3) or not np.isin(limits_kmh, LIMITS_KMH).all():
            raise ValueError("its layout is another one")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("the table of speed limits %s is damaged (%s) and will be made again", path, error)
        return None
    return locations.astype(np.float32), limits_kmh.astype(np.uint8)
