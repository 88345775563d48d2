"""Sentences of events that carry numbers: written by criteria, read back by scoring tools.

Public result files keep an event only as its sentence, and tools pick the numbers out of it by position or pattern.
Writing and reading are kept together here so that they cannot drift apart.
"""

from __future__ import annotations

import re

from lead.errors import LeadError
from lead.scoring.penalties import EventType, RouteEvent

_METRES_TOKEN = 8
_NUMBER = re.compile(r"\d{1,12}(\.\d*)?([eE]-\d{1,3})?")
_PERCENT = re.compile(r"\b(\d+\.?\d*)%")
_LONGEST_PERCENT = 40


class MessageError(LeadError):
    """A sentence does not hold the number it should."""


def min_speed_event(percent: float, frame: int = -1) -> RouteEvent:
    """Report the mean speed of a section of the route.

    Args:
        percent: Speed of the ego in percent of the traffic's. The sentence keeps it, for the efficiency tables; the
            value that is scored ends at 100, because being faster than the traffic must not raise a score.
        frame: Simulator frame.
    """
    message = f"Average speed is {round(percent, 2)}% of the surrounding traffic's one"
    return RouteEvent(EventType.MIN_SPEED_INFRACTION, message, {"percentage": min(percent, 100.0)}, frame)


def outside_lanes_event(distance_m: float, percent: float, frame: int = -1) -> RouteEvent:
    """Report the distance driven outside the lanes of the route.

    Args:
        distance_m: Metres outside.
        percent: The same in percent of the completed route.
        frame: Simulator frame.
    """
    message = (
        f"Agent went outside its route lanes for about {round(distance_m, 3)} meters "
        f"({round(percent, 2)}% of the completed route)"
    )
    values = {"distance": distance_m, "percentage": percent}
    return RouteEvent(EventType.OUTSIDE_ROUTE_LANES_INFRACTION, message, values, frame)


def outside_metres(message: str) -> float:
    """Read the metres driven outside the route's lanes: the ninth word, as public tools do.

    Raises:
        MessageError: If there is no number at that place.
    """
    words = message.split(" ")
    if len(words) <= _METRES_TOKEN or not _NUMBER.fullmatch(words[_METRES_TOKEN]):
        raise MessageError(f"no metres can be read from the sentence {message!r}")
    return float(words[_METRES_TOKEN])


def percentage(message: str) -> float:
    """Read the first percentage of a sentence (minimum speed, lanes).

    Raises:
        MessageError: If it holds none.
    """
    found = _PERCENT.search(message)
    if found is None or len(found.group(1)) > _LONGEST_PERCENT:
        raise MessageError(f"no percentage can be read from the sentence {message!r}")
    return float(found.group(1))
