"""What does not change about an actor, asked once: its class in labels, its box, and what CARLA says about it.

CARLA's boxes of some parked cars and props are wrong; published labels have the sizes of the list below instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import carla
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MESH_HALF_SIZES_M: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "Lincoln": (2.44619, 1.11530, 0.76062),
        "Charger": (2.50391, 1.04854, 0.76736),
        "VolkswagenT2_2021": (2.22109, 0.93888, 0.99360),
        "FordCrown": (2.68284, 0.97323, 0.78748),
        "NissanPatrol2021": (2.78291, 1.21757, 1.02257),
        "MercedesCCC": (2.33682, 1.00115, 0.72598),
        "TeslaM3": (2.39589, 1.08173, 0.74383),
        "Mini2021": (2.27635, 1.09264, 0.88358),
        "PlasticTable": (1.24110, 1.24110, 1.23990),
        "PlasticChair": (0.36524, 0.37522, 0.63568),
        "ConstructionCone": (0.17203, 0.17203, 0.29288),
    }
)
"""Half sizes by a word in the mesh's name."""
TYPE_HALF_SIZES_M: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "static.prop.trafficwarning": (1.18671, 1.43529),
        "static.prop.constructioncone": (0.17203, 0.17203),
    }
)
"""Half length and half width by type."""
CAR, WALKER, STATIC = "car", "walker", "static"


@dataclass(frozen=True)
class ActorFacts:
    """One actor.

    Attributes:
        actor: Handle of the client.
        label: Class in ``bboxes``: car, walker or static.
        half_m: (3,) float64 half sizes.
        type_id: Blueprint.
        role_name: Role, empty if it has none.
        base_type: Kind of vehicle, such as "car" or "bicycle"; empty for others.
        mesh_path: Mesh of a prop; None if it has none.
    """

    actor: carla.Actor
    label: str
    half_m: Array
    type_id: str
    role_name: str
    base_type: str
    mesh_path: str | None

    @classmethod
    def of(cls, actor: carla.Actor) -> ActorFacts | None:
        """Ask an actor; None if labels have no such thing."""
        type_id = str(actor.type_id)
        label = _label(type_id)
        if label is None:
            return None
        attributes = actor.attributes
        mesh_path = attributes.get("mesh_path") or None
        extent = actor.bounding_box.extent
        half = np.array([extent.x, extent.y, extent.z], dtype=np.float64)
        if label == STATIC:
            half = _static_half_sizes(half, type_id, mesh_path)
        return cls(
            actor,
            label,
            half,
            type_id,
            attributes.get("role_name", ""),
            attributes.get("base_type", ""),
            mesh_path,
        )


def _label(type_id: str) -> str | None:
    if "vehicle" in type_id:
        return CAR
    if "walker.pedestrian" in type_id:
        return WALKER
    return STATIC if type_id.startswith("static") else None


def _static_half_sizes(half: Array, type_id: str, mesh_path: str | None) -> Array:
    mesh = (mesh_path or "").rsplit("/", 1)[-1]
    for word, size in MESH_HALF_SIZES_M.items():
        if word in mesh:
            return np.array(size, dtype=np.float64)
    if type_id in TYPE_HALF_SIZES_M:
        return np.array([*TYPE_HALF_SIZES_M[type_id], half[2]], dtype=np.float64)
    return half


class ActorCatalogue:
    """Facts of all actors met so far."""

    def __init__(self, world: carla.World) -> None:
        """Start empty."""
        self._world = world
        self._facts: dict[int, ActorFacts | None] = {}

    def of(self, ids: list[int]) -> list[ActorFacts]:
        """Return the facts of those actors that labels know, in the order given."""
        unknown = [number for number in ids if number not in self._facts]
        if unknown:
            self._facts.update(dict.fromkeys(unknown))
            self._facts.update((int(actor.id), ActorFacts.of(actor)) for actor in self._world.get_actors(unknown))
        return [facts for number in ids if (facts := self._facts[number]) is not None]
