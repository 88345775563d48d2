"""Looking at who crosses the road in a drive: when he sets off, where, how fast, in which direction, until when."""

from dataclasses import dataclass

import numpy as np
from scenario_support import Drive

from lead.scenarios.messages import TrafficMessage

_MOVED_M = 0.02


@dataclass(frozen=True)
class Crossing:
    """One actor's way across: numbers of the first and last tick on it, counted from 1 as messages are.

    ``course_deg`` is measured from the direction of the road, clockwise.
    """

    first: int
    last: int
    start: np.ndarray
    length_m: float
    speed_mps: float
    course_deg: float


def crossing(drive: Drive, actor: int, name: str, road_yaw_deg: float) -> Crossing:
    """The way of an actor after it was put in its place."""
    placed = drive.phases[name].triggered + 5
    track = [(index + 1, np.array(motion.xyz)) for index, motion in drive.track(actor) if index + 1 >= placed]
    start = track[0][1]
    moving = [(tick, xyz) for tick, xyz in track if np.hypot(*(xyz - start)[:2]) > _MOVED_M]
    (first, _), (last, end) = moving[0], moving[-1]
    steps = np.diff([xyz for _, xyz in moving], axis=0)[:, :2]
    way = end[:2] - start[:2]
    seconds = drive.ticks[last - 1].time_s - drive.ticks[first - 1].time_s
    course = np.degrees(np.arctan2(way[1], way[0])) - road_yaw_deg
    length_m = float(np.hypot(*way))
    return Crossing(first, last, start, length_m, float(np.hypot(*steps.T).sum()) / seconds, float(course % 360.0))


def arrival_s(drive: Drive, tick: int, place) -> float:
    """Time after which the ego would be at a place, at the speed of a tick."""
    return distance_m(drive, tick, place) / drive.ticks[tick - 1].ego.speed_mps


def distance_m(drive: Drive, tick: int, place) -> float:
    """Distance of the ego from a place at a tick."""
    return float(np.linalg.norm(np.array(drive.ticks[tick - 1].ego.xyz) - (place.x, place.y, place.z)))


def set_off(drive: Drive, place, time_s: float, near_m: float, since: int) -> int:
    """The first tick since one at which the ego is a time or a distance away from a place."""
    for tick in range(since, len(drive.ticks) + 1):
        speed = drive.ticks[tick - 1].ego.speed_mps
        if distance_m(drive, tick, place) < near_m or (speed > 0.0 and arrival_s(drive, tick, place) < time_s):
            return tick
    raise AssertionError("the ego never came near")


def tick_of(drive: Drive, kind: type[TrafficMessage]) -> int:
    """The tick at which the only message of a kind was posted."""
    (tick,) = [tick for tick, message in drive.messages if isinstance(message, kind)]
    return tick


def driven_m(drive: Drive, first: int, last: int) -> float:
    """Metres that the ego drove between two ticks."""
    way = np.array([tick.ego.xyz for tick in drive.ticks[first - 1 : last]])
    return float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())
