"""Lanes as the background traffic sees them: a key per road and lane, neighbours, and which junctions count."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import carla

_MAX_HOPS = 5000


class LaneKey(NamedTuple):
    """Identity of a lane along its whole road, whatever its sections are."""

    road_id: int
    lane_id: int


def key_of(waypoint: carla.Waypoint) -> LaneKey:
    """Return the key of a way point's lane."""
    return LaneKey(int(waypoint.road_id), int(waypoint.lane_id))


def place_of(waypoint: carla.Waypoint) -> tuple[float, float, float]:
    """Return where a way point lies, world frame, metres."""
    location = waypoint.transform.location
    return (location.x, location.y, location.z)


def in_junction(waypoint: carla.Waypoint, plain_ids: Collection[int]) -> bool:
    """Tell whether a way point lies in a junction, apart from those that count as plain road."""
    return bool(waypoint.is_junction) and waypoint.junction_id not in plain_ids


def ahead(waypoint: carla.Waypoint, distance_m: float) -> carla.Waypoint | None:
    """Go forward along the first successors; None where the lane ends before."""
    found = waypoint.next(distance_m)
    return found[0] if found else None


def back(waypoint: carla.Waypoint, distance_m: float) -> carla.Waypoint | None:
    """Go back along the first predecessors; None where the lane begins later."""
    found = waypoint.previous(distance_m)
    return found[0] if found else None


def way_in(waypoint: carla.Waypoint, step_m: float, plain_ids: Collection[int]) -> carla.Waypoint | None:
    """Go back out of a junction; None if the lane begins inside."""
    place: carla.Waypoint | None = waypoint
    for _ in range(_MAX_HOPS):
        if place is None or not in_junction(place, plain_ids):
            return place
        place = back(place, step_m)
    return None


def way_out(waypoint: carla.Waypoint, step_m: float, plain_ids: Collection[int]) -> carla.Waypoint | None:
    """Go forward out of a junction; None if the lane ends inside."""
    place: carla.Waypoint | None = waypoint
    for _ in range(_MAX_HOPS):
        if place is None or not in_junction(place, plain_ids):
            return place
        place = ahead(place, step_m)
    return None


def pitch_ahead(
    waypoint: carla.Waypoint, count: int, pitch_m: float, plain_ids: Collection[int]
) -> list[carla.Waypoint]:
    """Return places ahead at a pitch, farthest first; they end at a fork, a dead end or a junction."""
    places: list[carla.Waypoint] = []
    for _ in range(count):
        found = (places[-1] if places else waypoint).next(pitch_m)
        if len(found) != 1 or in_junction(found[0], plain_ids):
            break
        places.append(found[0])
    return places[::-1]


def pitch_back(
    waypoint: carla.Waypoint, count: int, pitch_m: float, plain_ids: Collection[int]
) -> list[carla.Waypoint]:
    """Return places behind at a pitch, nearest first; they end at a fork, a dead end or a junction."""
    places: list[carla.Waypoint] = []
    for _ in range(count):
        found = (places[-1] if places else waypoint).previous(pitch_m)
        if len(found) != 1 or in_junction(found[0], plain_ids):
            break
        places.append(found[0])
    return places
