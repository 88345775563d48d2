"""Parking lanes as rows in which cars can stand: their course, what they must keep clear of, how fast the road is."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from lxml import etree
from numpy.typing import NDArray
from scipy.spatial import KDTree

from lead.maps.compiled import CompiledMap
from lead.maps.layout import LaneType, SignalKind

SAME_LEVEL_M = 3.0
"""Things farther apart in height are on different levels of a crossing."""

_KMH = {"km/h": 1.0, "mph": 1.609344, "m/s": 3.6}
_JOIN_S_M, _JOIN_XY_M = 0.05, 0.3
_CROSSWALK_STEP_M, _CROSSWALK_REACH_M = 0.5, 4.0
_STOP_AHEAD_M = 3.0  # the box of a light or sign lies this far before its stop line
_STOP_REACH_M = 8.0
_STOP_NEIGHBOURS = 4
_PARALLEL_DOT = 0.7

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ParkingRow:
    """A parking lane of one road without gaps: lane samples in order of s, over all sections it runs through.

    Attributes:
        samples: LANE_DTYPE [k].
        way: float64 [k], metres along the lane.
        turned: Whether the driving lane beside it leads against the parking lane's own direction.
    """

    samples: NDArray[np.void]
    way: Array
    turned: bool


def parking_rows(town: CompiledMap) -> list[ParkingRow]:
    """All parking lanes outside junctions, joined over lane sections."""
    lanes = town.lanes
    same = np.ones(max(len(lanes) - 1, 0), bool)
    for name in ("road_id", "section", "lane_id"):
        same &= lanes[name][1:] == lanes[name][:-1]
    bounds = [0, *(np.flatnonzero(~same) + 1).tolist(), len(lanes)]
    wanted = (lanes["lane_type"] == LaneType.PARKING) & (lanes["junction_id"] < 0)
    driving: dict[tuple[int, int], list[int]] = {}
    pieces: dict[int, list[NDArray[np.void]]] = {}
    for first, end in pairwise(bounds):
        sample = lanes[first]
        if wanted[first]:
            pieces.setdefault(int(sample["road_id"]), []).append(lanes[first:end])
        elif sample["lane_type"] == LaneType.DRIVING:
            driving.setdefault((int(sample["road_id"]), int(sample["section"])), []).append(int(sample["lane_id"]))
    rows = []
    for road, parts in sorted(pieces.items()):
        for chain in _chains(parts):
            samples = np.concatenate(chain)
            steps = np.hypot(np.diff(samples["x"]), np.diff(samples["y"]))
            beside = driving.get((road, int(samples["section"][0])), [])
            turned = _leads_against(int(samples["lane_id"][0]), beside)
            rows.append(ParkingRow(samples, np.concatenate([[0.0], np.cumsum(steps)]), turned))
    return rows


def _chains(parts: Sequence[NDArray[np.void]]) -> Iterator[list[NDArray[np.void]]]:
    """Pieces of one road put together where one goes on as the other."""
    left = sorted(parts, key=lambda part: (float(part["s"][0]), int(part["lane_id"][0])))
    while left:
        chain = [left.pop(0)]
        while True:
            tail = chain[-1][-1]
            after = next((k for k, part in enumerate(left) if _goes_on(tail, part[0])), None)
            if after is None:
                break
            chain.append(left.pop(after))
        yield chain


def _goes_on(tail: np.void, head: np.void) -> bool:
    gap = float(np.hypot(head["x"] - tail["x"], head["y"] - tail["y"]))
    return abs(float(head["s"]) - float(tail["s"])) < _JOIN_S_M and gap < _JOIN_XY_M


def _leads_against(lane_id: int, driving: Sequence[int]) -> bool:
    """Whether the nearest driving lane of the road leads against a parking lane, as on one-way roads."""
    if not driving:
        return False
    nearest = min(driving, key=lambda other: (abs(other - lane_id), other * lane_id < 0))
    return nearest * lane_id < 0


def speed_limits(opendrive: str) -> dict[int, list[tuple[float, float]]]:
    """Speed records of roads by id: (s, km/h) in order of s."""
    limits: dict[int, list[tuple[float, float]]] = {}
    source = io.BytesIO(opendrive.encode("utf-8"))
    parser = etree.iterparse(source, tag="road", huge_tree=True, resolve_entities=False, no_network=True)
    for _, road in parser:
        records = []
        for kind in road.iterchildren("type"):
            for speed in kind.iterchildren("speed"):
                text = str(speed.get("max", ""))
                if text.replace(".", "", 1).isdecimal():
                    kmh = float(text) * _KMH.get(str(speed.get("unit") or "m/s"), 1.0)
                    records.append((float(kind.get("s", 0.0)), kmh))
        limits[int(str(road.get("id")))] = sorted(records)
        road.clear()
    return limits


def blocked_places(town: CompiledMap, rows: Sequence[ParkingRow]) -> list[list[float]]:
    """For each row the places along it, in metres, that slots must keep clear of: crosswalks and stop lines."""
    samples = np.concatenate([row.samples for row in rows])
    way = np.concatenate([row.way for row in rows])
    owner = np.repeat(np.arange(len(rows)), [len(row.samples) for row in rows])
    tree = KDTree(np.stack([samples["x"], samples["y"]], axis=1))
    blocked: list[list[float]] = [[] for _ in rows]

    def block(points: Array, yaw: Array | None, reach_m: float, neighbours: int) -> None:
        _, index = tree.query(points[:, :2], k=neighbours, distance_upper_bound=reach_m)
        point, rank = np.nonzero(index.reshape(len(points), -1) < len(samples))
        near = index.reshape(len(points), -1)[point, rank]
        sample = samples[near]
        kept = np.abs(sample["z"] - points[point, 2]) < SAME_LEVEL_M
        if yaw is not None:
            kept &= np.abs(np.cos(sample["yaw"] - yaw[point])) > _PARALLEL_DOT
        # Lanes with positive ids are driven against s, along which the way is counted.
        forward = np.where(sample["lane_id"] > 0, -1.0, 1.0)
        along = (points[point, 0] - sample["x"]) * np.cos(sample["yaw"])
        along += (points[point, 1] - sample["y"]) * np.sin(sample["yaw"])
        for row, place in zip(owner[near][kept].tolist(), (way[near] + forward * along)[kept].tolist(), strict=True):
            blocked[row].append(place)

    outlines = [_dense(outline) for outline in town.crosswalks]
    if outlines:
        block(np.concatenate(outlines), None, _CROSSWALK_REACH_M, 1)
    boxes = town.signal_boxes
    boxes = boxes[town.signals["kind"][boxes["owner"]] != SignalKind.SPEED_LIMIT]
    if len(boxes):
        ahead = _STOP_AHEAD_M * np.stack([np.cos(boxes["yaw"]), np.sin(boxes["yaw"])], axis=1)
        lines = np.column_stack([np.stack([boxes["x"], boxes["y"]], axis=1) + ahead, boxes["z"]])
        block(lines, boxes["yaw"], _STOP_REACH_M, _STOP_NEIGHBOURS)
    return blocked


def _dense(outline: Array) -> Array:
    """Points [n, 3] along a closed outline, half a metre apart."""
    parts = []
    for start, end in pairwise([*outline, outline[0]]):
        count = max(1, int(np.hypot(*(end - start)[:2]) / _CROSSWALK_STEP_M))
        parts.append(start + (end - start) * np.linspace(0.0, 1.0, count, endpoint=False)[:, None])
    return np.concatenate(parts)
