"""What does not change about an actor, asked once: planning and recording know the actors of a drive from here."""

from __future__ import annotations

from dataclasses import dataclass

import carla

from lead.evaluation.observation import ActorKind

BICYCLES = frozenset(("vehicle.diamondback.century", "vehicle.gazelle.omafiets", "vehicle.bh.crossbike"))
EMERGENCY_VEHICLES = frozenset(
    (
        "vehicle.dodge.charger_police_2020",
        "vehicle.dodge.charger_police",
        "vehicle.ford.ambulance",
        "vehicle.carlamotors.firetruck",
    )
)


@dataclass(frozen=True)
class Known:
    """What does not change about an actor.

    Attributes:
        actor: The actor itself.
        kind: Vehicle, walker or prop.
        type_id: Its blueprint.
        role: Its role name, empty if it has none.
        base_type: Its kind of vehicle, such as bicycle; empty for others.
        mesh_path: Mesh of a parked car that is a prop; None for others.
        half: Half sizes of the box, metres.
        offset: Centre of the box in the actor's frame, metres.
    """

    actor: carla.Actor
    kind: ActorKind
    type_id: str
    role: str
    base_type: str
    mesh_path: str | None
    half: tuple[float, float, float]
    offset: tuple[float, float, float]

    @classmethod
    def of(cls, actor: carla.Actor) -> Known | None:
        """Ask an actor; None for actors that take no room on the road."""
        type_id = str(actor.type_id)
        if type_id.startswith("vehicle."):
            kind = ActorKind.VEHICLE
        elif type_id.startswith("walker."):
            kind = ActorKind.WALKER
        elif type_id.startswith("static."):
            kind = ActorKind.PROP
        else:
            return None
        box = actor.bounding_box
        attributes = actor.attributes
        return cls(
            actor=actor,
            kind=kind,
            type_id=type_id,
            role=str(attributes.get("role_name", "")),
            base_type=str(attributes.get("base_type", "")),
            mesh_path=attributes.get("mesh_path") or None,
            half=(box.extent.x, box.extent.y, box.extent.z),
            offset=(box.location.x, box.location.y, box.location.z),
        )

    @property
    def is_vehicle(self) -> bool:
        """Tell whether it is a vehicle."""
        return self.kind is ActorKind.VEHICLE

    @property
    def is_bicycle(self) -> bool:
        """Tell whether it is a bicycle."""
        return self.type_id in BICYCLES or self.base_type == "bicycle"

    @property
    def is_emergency(self) -> bool:
        """Tell whether it is an emergency vehicle."""
        return self.type_id in EMERGENCY_VEHICLES

    @property
    def is_parked_car(self) -> bool:
        """Tell whether it is a prop that looks like a parked car."""
        return self.kind is ActorKind.PROP and self.mesh_path is not None and "Car" in self.mesh_path


class KnownActors:
    """All actors met so far."""

    def __init__(self, world: carla.World) -> None:
        """Start empty."""
        self._world = world
        self._known: dict[int, Known | None] = {}

    def of(self, ids: list[int]) -> list[tuple[int, Known]]:
        """Return what is known of those actors that take room on the road, with their ids, in the order given."""
        unknown = [number for number in ids if number not in self._known]
        if unknown:
            self._known.update((int(actor.id), Known.of(actor)) for actor in self._world.get_actors(unknown))
        return [(number, known) for number in ids if (known := self._known.get(number)) is not None]
