"""What the expert decided in a tick, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lead.expert.proposal import Hazard, Proposal


@dataclass(frozen=True)
class Control:
    """Pedals and steering.

    Attributes:
        throttle: 0 to 1.
        steer: -1 (left) to 1 (right).
        brake: 0 to 1.
        is_braking: The brake as the record keeps it.
    """

    throttle: float
    steer: float
    brake: float
    is_braking: bool


@dataclass(frozen=True)
class Decision:
    """One tick's decision.

    Attributes:
        control: What the ego does.
        target_speed_mps: Speed it wants.
        reason: Behaviour that decided, in a few words.
        hazards: Kinds of the causes of the lowest speed; empty on a free road.
        cause: The proposal that decided; None on a free road.
    """

    control: Control
    target_speed_mps: float
    reason: str
    hazards: frozenset[Hazard]
    cause: Proposal | None
    _metas: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def metas(self) -> dict[str, object]:
        """Return the record of the tick under the published names."""
        return dict(self._metas)
