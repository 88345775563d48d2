"""How a result came about: the ``lead`` block that our result files carry next to the public content.

A score means something only together with the rules it was driven under and with the knowledge whether the route
was driven at all, or lost to a broken simulator. Public tools ignore the extra block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lead.errors import LeadError

BLOCK = "lead"
SCENARIO_MODES = ("driven", "ignored", "none")


class ProvenanceError(LeadError):
    """A ``lead`` block is not what this version writes."""


@dataclass(frozen=True)
class Provenance:
    """Circumstances of one driven route.

    Attributes:
        profile: Key of the benchmark profile, such as "bench2drive-0.0.4".
        infrastructure_failure: True if the simulator or the machine failed and every retry did, too.
        attempts: Number of attempts, the last one included.
        scenarios: "driven", "ignored" (the route has some, they were left out) or "none" (the route has none).
        traffic_manager_seed: Seed of the Traffic Manager.
        simulator: Name and version of the simulator.
    """

    profile: str
    infrastructure_failure: bool
    attempts: int
    scenarios: str
    traffic_manager_seed: int
    simulator: str

    def as_json(self) -> dict[str, Any]:
        """Return the block as plain JSON data."""
        return dict(self.__dict__)


def provenance_from_json(data: Any, where: str) -> Provenance:
    """Check a block and turn it into an object.

    Args:
        data: JSON data.
        where: File and key, for messages.

    Raises:
        ProvenanceError: If a key is missing or holds another type; names it.
    """
    if not isinstance(data, Mapping):
        raise ProvenanceError(f"{where} is not an object")
    kinds = {"profile": str, "infrastructure_failure": bool, "attempts": int, "scenarios": str}
    kinds |= {"traffic_manager_seed": int, "simulator": str}
    for key, kind in kinds.items():
        if key not in data:
            raise ProvenanceError(f"{where}.{key} is missing")
        if not isinstance(data[key], kind) or (kind is int and isinstance(data[key], bool)):
            raise ProvenanceError(f"{where}.{key} is {data[key]!r}, not of type {kind.__name__}")
    if data["scenarios"] not in SCENARIO_MODES:
        modes = ", ".join(SCENARIO_MODES)
        raise ProvenanceError(f"{where}.scenarios is {data['scenarios']!r}, not one of {modes}")
    return Provenance(**{key: data[key] for key in kinds})


def checkpoint_block(profile: str, routes: Mapping[str, Provenance]) -> dict[str, Any]:
    """Return the block of a file with several records.

    Args:
        profile: Key of the profile of the evaluation.
        routes: Circumstances by the ``route_id`` of the records.
    """
    return {"profile": profile, "routes": {route_id: block.as_json() for route_id, block in routes.items()}}
