"""What a behaviour is given in a tick."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import carla
import numpy as np
from numpy.typing import NDArray

from lead.expert.forecast import leading_rows
from lead.expert.proposal import Commitment, Proposal
from lead.expert.route import ExpertRoute
from lead.expert.scene import Scene
from lead.scenarios.active import ActiveScenario

TICK_S = 0.05


@dataclass
class Notes:
    """What behaviours tell the record of a tick beside their proposals.

    Attributes:
        values: Keys of the record.
        dangerous: Ids of road users whom the ego must give way.
        safe: Ids of those it need not mind.
        ignored: Ids of those that are too far away to be judged.
        judged: Ids of those of whom a behaviour knows better than the general forecast that they will not be met.
        hurries: The ego makes use of a short gap.
    """

    values: dict[str, Any] = field(default_factory=dict)
    dangerous: set[int] = field(default_factory=set)
    safe: set[int] = field(default_factory=set)
    ignored: set[int] = field(default_factory=set)
    judged: set[int] = field(default_factory=set)
    hurries: bool = False


@dataclass(frozen=True)
class View:
    """Scene, path and scenarios of one tick.

    Attributes:
        scene: What is around the ego.
        route: The ego's path; behaviours may move it.
        free_mps: Speed on a free road.
        visibility: Class of the weather, 0 clear to 3 very limited.
        scenarios: Records of the scenarios that the ego may know of, nearest first.
        notes: For the record.
    """

    scene: Scene
    route: ExpertRoute
    free_mps: float
    visibility: int
    scenarios: Sequence[ActiveScenario]
    notes: Notes

    @property
    def speed_mps(self) -> float:
        """Speed of the ego."""
        return self.scene.ego_speed_mps

    @functools.cached_property
    def leading(self) -> NDArray[np.intp]:
        """Rows of the vehicles that drive ahead on the path."""
        return leading_rows(self.scene, self.route)

    @functools.cached_property
    def near_lane_change(self) -> bool:
        """A lane change is near."""
        return self.route.near_lane_change(self.speed_mps)

    def of(self, *names: str) -> list[ActiveScenario]:
        """Return the scenarios of some classes."""
        return [record for record in self.scenarios if record.name in names]


def stream_actors(record: ActiveScenario) -> list[carla.Actor]:
    """Return the cars and bicycles of a scenario's streams."""
    return [actor for key, value in record.memory.items() if key.startswith("adversarial_actors") for actor in value]


class SpeedBehaviour(Protocol):
    """Proposes speeds."""

    def propose(self, view: View) -> Sequence[Proposal]:
        """Return what it has to say in this tick; usually nothing."""


class PathBehaviour(Protocol):
    """Moves the path, and may commit to a manoeuvre."""

    def steer(self, view: View) -> tuple[Sequence[Proposal], Commitment | None]:
        """Move the path if need be; return speeds for the manoeuvre."""
