"""Where cars park along the roads of a town: slots on parking lanes, drawn from the map alone.

CARLA's leaderboard has recorded lists of parked cars for Town12 and Town13. This module derives equivalent slots for
any map. Each slot is drawn by itself, from a hash of town, road, lane and number, so a route sees the same cars
whichever other routes were driven before.
"""

from __future__ import annotations

import hashlib
import logging
import zipfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from lead.geometry.boxes import box_corners, box_overlap_depth
from lead.maps.array_cache import save_arrays
from lead.maps.compiled import CompiledMap, compile_map
from lead.maps.ground import GroundIndex
from lead.maps.layout import LaneType
from lead.maps.parked_cars import PARKED_CARS
from lead.maps.parking_lanes import SAME_LEVEL_M, ParkingRow, blocked_places, parking_rows, speed_limits
from lead.maps.towns import cache_dir, canonical_name, read_opendrive

logger = logging.getLogger(__name__)

CACHE_VERSION = 1
"""Raised whenever the rule changes."""

SLOT_DTYPE = np.dtype(
    [
        ("x", "f8"),
        ("y", "f8"),
        ("z", "f8"),  # of the road surface
        ("pitch_deg", "f8"),
        ("yaw_deg", "f8"),
        ("roll_deg", "f8"),
        ("mesh", "u1"),  # row of PARKED_CARS
        ("road_id", "i4"),
        ("lane_id", "i4"),
        ("number", "i4"),  # along the lane, free slots counted too
    ]
)
"""One parked car, world frame."""

SCALE = 0.9
"""Scale at which the meshes are spawned."""

_PITCH_M, _BAY_PITCH_M = 5.5, 2.8
_MIN_WIDTH_M, _BAY_WIDTH_M = 2.0, 4.5
_MARGIN_M = 5.0
_MAX_SPEED_KMH = 65.0  # Town13's recorded cars stand on roads of up to 40 mph
_OCCUPANCY = 0.6
_TOLERATED_M = 0.1

Array = NDArray[np.float64]
_Interval = tuple[float, float]


def parking_slots(town: str | CompiledMap, *, use_cache: bool = True) -> NDArray[np.void]:
    """The parked cars of a town.

    Args:
        town: A compiled map, a town name in any of CARLA's spellings, or a path of an OpenDRIVE file.
        use_cache: Whether to read and write `cache_dir()/parking`.

    Returns:
        SLOT_DTYPE [n] in order of road, lane and place; read-only.

    Raises:
        TownError: The town is unknown or not installed.
        OpenDriveError: The file is not a usable OpenDRIVE road network.
    """
    if isinstance(town, str):
        name = town.rpartition("/")[2].removesuffix(".gz").removesuffix(".xodr")
        town = compile_map(canonical_name(name), read_opendrive(town))
    path = cache_dir() / "parking" / f"{town.digest[:16]}-{town.name}-v{CACHE_VERSION}.npz"
    slots = _load(path) if use_cache else None
    if slots is None:
        slots = _generate(town)
        if use_cache:
            save_arrays(path, {"slots": slots}, "the parking slots")
    slots.flags.writeable = False
    return slots


def slot_boxes(slots: NDArray[np.void]) -> tuple[Array, Array, Array]:
    """Footprints of parked cars: centres [n, 2], yaws [n] in rad, half sizes [n, 2]; all metres."""
    sizes = SCALE * np.array([car.half_extent[:2] for car in PARKED_CARS])
    return np.stack([slots["x"], slots["y"]], axis=1), np.radians(slots["yaw_deg"]), sizes[slots["mesh"]]


def overlapping(slots: NDArray[np.void], center: Array, yaw_rad: Array, half: Array, z: Array) -> NDArray[np.bool_]:
    """Which slots touch one of some boxes.

    Args:
        slots: SLOT_DTYPE [n].
        center: float64 [m, 2], centres of the boxes, m.
        yaw_rad: float64 [m].
        half: float64 [m, 2], half sizes, m.
        z: float64 [m], heights of the boxes' lower faces, m.

    Returns:
        bool [n].
    """
    touched = np.zeros(len(slots), bool)
    if not len(slots) or not len(center):
        return touched
    spots, yaws, halves = slot_boxes(slots)
    reach = float(np.hypot(*halves.T).max() + np.hypot(*half.T).max())
    pairs = KDTree(spots).sparse_distance_matrix(KDTree(center), reach, output_type="ndarray")
    i, j = pairs["i"], pairs["j"]
    same_level = np.abs(slots["z"][i] - z[j]) < SAME_LEVEL_M
    i, j = i[same_level], j[same_level]
    depth = box_overlap_depth(spots[i], yaws[i], halves[i], center[j], yaw_rad[j], half[j])
    touched[i[depth > 0.0]] = True
    return touched


def _generate(town: CompiledMap) -> NDArray[np.void]:
    rows = parking_rows(town)
    if not rows:
        return np.zeros(0, SLOT_DTYPE)
    speeds = speed_limits(town.opendrive)
    counts: dict[tuple[int, int], int] = {}
    parts = []
    for row, blocked in zip(rows, blocked_places(town, rows), strict=True):
        first = row.samples[0]
        lane = int(first["road_id"]), int(first["lane_id"])
        slots, count = _row_slots(town.name, row, blocked, speeds.get(lane[0], []), counts.get(lane, 0))
        counts[lane] = counts.get(lane, 0) + count
        parts.append(slots)
    return _without_conflicts(town, np.concatenate(parts))


def _row_slots(
    town: str, row: ParkingRow, blocked: Sequence[float], speeds: Sequence[tuple[float, float]], first_number: int
) -> tuple[NDArray[np.void], int]:
    """The parked cars of a row, and how many slots it has."""
    samples, way = row.samples, row.way
    places: list[tuple[float, bool]] = []
    for low, high, is_bay in _stretches(row):
        pitch = _BAY_PITCH_M if is_bay else _PITCH_M
        for start, end in _free_parts(max(low, _MARGIN_M), min(high, way[-1] - _MARGIN_M), blocked):
            if end - start >= _PITCH_M:
                places += [(start + (k + 0.5) * pitch, is_bay) for k in range(int((end - start) / pitch))]
    lane = int(samples["road_id"][0]), int(samples["lane_id"][0])
    middle = np.array([place for place, _ in places])
    stations = np.interp(middle, way, samples["s"])
    chosen = []
    for k, s in enumerate(stations.tolist()):
        draw = hashlib.blake2b(f"{town}/{lane[0]}/{lane[1]}/{first_number + k}".encode(), digest_size=8).digest()
        is_taken = int.from_bytes(draw[:4], "big") < _OCCUPANCY * 2**32
        if is_taken and _speed_at(speeds, s) <= _MAX_SPEED_KMH:
            chosen.append((k, draw[4] % len(PARKED_CARS), bool(draw[5] & 1)))
    slots = np.zeros(len(chosen), SLOT_DTYPE)
    if chosen:
        numbers = np.array([k for k, _, _ in chosen])
        slots["mesh"] = [mesh for _, mesh, _ in chosen]
        slots["road_id"], slots["lane_id"] = lane
        slots["number"] = first_number + numbers
        bay = np.array([places[k][1] for k in numbers])
        _set_poses(slots, row, middle[numbers], bay, np.array([backwards for _, _, backwards in chosen]))
    return slots, len(places)


def _stretches(row: ParkingRow) -> Iterator[tuple[float, float, bool]]:
    """Parts of a row that are wide enough, from and to in metres, and whether cars stand across in them."""
    width = 2.0 * row.samples["half_width"].astype(np.float64)
    narrowest = np.minimum(width[1:], width[:-1])
    kind = (narrowest >= _MIN_WIDTH_M).astype(int) + (narrowest >= _BAY_WIDTH_M)
    changes = np.flatnonzero(np.diff(kind)) + 1
    for first, end in pairwise([0, *changes.tolist(), len(kind)]):
        if end > first and kind[first]:
            yield float(row.way[first]), float(row.way[end]), bool(kind[first] == 2)


def _free_parts(low: float, high: float, blocked: Sequence[float]) -> Iterator[_Interval]:
    """What is left of an interval 5 m away from all blocked places."""
    for place in sorted(blocked):
        if low < place - _MARGIN_M < high:
            yield low, place - _MARGIN_M
        if place - _MARGIN_M < high:
            low = max(low, place + _MARGIN_M)
    if low < high:
        yield low, high


def _speed_at(speeds: Sequence[tuple[float, float]], s: float) -> float:
    return next((kmh for start, kmh in reversed(speeds) if start <= s), 0.0)


def _set_poses(
    slots: NDArray[np.void], row: ParkingRow, middle: Array, bay: NDArray[np.bool_], backwards: NDArray[np.bool_]
) -> None:
    """Place cars on the lane's centre, along it or, in bays, across, tilted as the road is."""
    samples, way = row.samples, row.way
    for name in ("x", "y", "z"):
        slots[name] = np.interp(middle, way, samples[name])
    yaw = np.interp(middle, way, np.unwrap(samples["yaw"]))
    grade = np.interp(middle, way, samples["grade"])
    turn = np.where(bay, np.where(backwards, -0.5 * np.pi, 0.5 * np.pi), 0.0) + np.pi * row.turned
    slots["yaw_deg"] = (np.degrees(yaw + turn) + 180.0) % 360.0 - 180.0
    slots["pitch_deg"] = np.degrees(np.arctan(grade * np.cos(turn)))
    slots["roll_deg"] = np.degrees(np.arctan(grade * np.sin(turn)))


def _without_conflicts(town: CompiledMap, slots: NDArray[np.void]) -> NDArray[np.void]:
    """Leave out cars that stand on a driving lane, in each other, or in something solid."""
    slots = slots[~_on_driving_lane(town.ground_index(), slots)]
    solid = town.static_boxes
    slots = slots[
        ~overlapping(
            slots,
            np.stack([solid["x"], solid["y"]], axis=1),
            solid["yaw"],
            np.stack([solid["ext_x"], solid["ext_y"]], axis=1).astype(np.float64),
            solid["z"] - solid["ext_z"],
        )
    ]
    center, yaw, half = slot_boxes(slots)
    pairs = KDTree(center).query_pairs(2.0 * float(np.hypot(*half.T).max(initial=0.0)), output_type="ndarray")
    i, j = pairs[np.abs(slots["z"][pairs[:, 0]] - slots["z"][pairs[:, 1]]) < SAME_LEVEL_M].T
    meets = box_overlap_depth(center[i], yaw[i], half[i], center[j], yaw[j], half[j]) > 0.0
    kept = np.ones(len(slots), bool)
    # In order, so that of a chain of cars in each other's way every second one stays.
    for first, second in sorted(zip(i[meets].tolist(), j[meets].tolist(), strict=True)):
        if kept[first]:
            kept[second] = False
    return slots[kept]


def _on_driving_lane(ground: GroundIndex, slots: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which cars reach more than 10 cm into a driving lane."""
    center, yaw, half = slot_boxes(slots)
    blocked = np.zeros(len(slots), bool)
    corners = box_corners(center, yaw, half - _TOLERATED_M)
    for k in range(4):
        for share in (0.0, 0.25, 0.5, 0.75):
            edge = corners[:, k] + share * (corners[:, (k + 1) % 4] - corners[:, k])
            hits = ground.query(np.column_stack([edge, slots["z"]]))
            blocked |= ground.is_on(hits, LaneType.DRIVING) & (np.abs(hits.z - slots["z"]) < SAME_LEVEL_M)
    return blocked


def _load(path: Path) -> NDArray[np.void] | None:
    """Reads a cache entry; None if there is none or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            slots: NDArray[np.void] = stored["slots"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("The cached parking slots %s are damaged (%s) and will be made again.", path, error)
        return None
    return slots if slots.dtype == SLOT_DTYPE else None
