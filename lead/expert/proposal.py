"""What behaviours say, and how the most careful of them wins."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class Hazard(Enum):
    """Kinds of reasons to be slow that records tell apart."""

    NONE = "none"
    VEHICLE = "vehicle"
    WALKER = "walker"
    LIGHT = "light"
    STOP_SIGN = "stop_sign"


@dataclass(frozen=True)
class Proposal:
    """A speed not to be exceeded.

    Attributes:
        speed_mps: The speed; 0 asks for a full brake.
        reason: Behaviour and cause in a few words.
        hazard: Kind of the cause.
        actor_id: Actor that causes it; None if none does.
        actor_type: Its blueprint, or what else causes it.
        distance_m: Distance to the cause.
    """

    speed_mps: float
    reason: str
    hazard: Hazard = Hazard.NONE
    actor_id: int | None = None
    actor_type: str | None = None
    distance_m: float | None = None


@dataclass(frozen=True)
class Commitment:
    """A manoeuvre that must be finished once begun: its speed holds instead of the usual one.

    Attributes:
        speed_mps: Speed of the manoeuvre.
        reason: Behaviour that committed.
        until_index: Point of the path at which it ends.
    """

    speed_mps: float
    reason: str
    until_index: int


@dataclass
class Verdict:
    """Result of the arbiter.

    Attributes:
        speed_mps: Speed to drive at most.
        winner: The proposal that decided; None if the road is free.
        proposals: All of them.
    """

    speed_mps: float
    winner: Proposal | None
    proposals: list[Proposal] = field(default_factory=list)

    def has(self, hazard: Hazard) -> bool:
        """Tell whether the winner is of a kind."""
        return self.winner is not None and self.winner.hazard is hazard


def most_careful(free_mps: float, proposals: Iterable[Proposal]) -> Verdict:
    """Take the lowest speed; among equal ones the first."""
    listed = list(proposals)
    winner: Proposal | None = None
    lowest = math.inf
    for proposal in listed:
        if proposal.speed_mps < min(lowest, free_mps):
            winner, lowest = proposal, proposal.speed_mps
    return Verdict(min(free_mps, lowest), winner, listed)
