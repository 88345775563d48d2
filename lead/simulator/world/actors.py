"""What the world knows of an actor besides its snapshot record: identity, description, attachment, box."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lead.simulator.sensors.base import Sensor
    from lead.simulator.world.blueprints import VehicleParameters
    from lead.simulator.world.tables import RecordTable

Vector = tuple[float, float, float]


class ActorKind(IntEnum):
    """Which table an actor lives in and which calls it accepts."""

    SPECTATOR = 0
    VEHICLE = 1
    WALKER = 2
    PROP = 3
    SENSOR = 4
    CONTROLLER = 5
    TRAFFIC_LIGHT = 6
    TRAFFIC_SIGN = 7


class AttachmentType(IntEnum):
    """How a child follows its parent."""

    RIGID = 0
    SPRING_ARM = 1
    SPRING_ARM_GHOST = 2


@dataclass(slots=True, eq=False)
class Actor:
    """One actor of the episode.

    ``box_center`` and ``extent`` (half sizes) are metres in the actor's frame, where the box is turned by
    ``box_yaw_deg``. ``relative_location`` and
    ``relative_rotation_deg`` (pitch, yaw, roll) are the pose in the parent's frame while attached. Brake lamps come on
    by themselves until ``lights_are_clients``: from then on a client decides about all lamps.
    """

    id: int
    kind: ActorKind
    type_id: str
    blueprint_uid: int = 0
    attributes: dict[str, str] = field(default_factory=dict)
    attribute_rows: list[list[object]] = field(default_factory=list)
    box_center: Vector = (0.0, 0.0, 0.0)
    extent: Vector = (0.0, 0.0, 0.0)
    box_yaw_deg: float = 0.0
    semantic_tag: int = 0
    parent_id: int = 0
    attachment: AttachmentType = AttachmentType.RIGID
    relative_location: Vector = (0.0, 0.0, 0.0)
    relative_rotation_deg: Vector = (0.0, 0.0, 0.0)
    stream_id: int = 0
    sensor: Sensor | None = None
    vehicle: VehicleParameters | None = None
    light_flags: int = 0
    lights_are_clients: bool = False
    open_doors: int = 0
    table: RecordTable | None = None
    row: int = -1

    @property
    def alive(self) -> bool:
        """False once destroyed (the object may live on as a tombstone)."""
        return self.row >= 0


class WorldError(Exception):
    """A call the world refuses; the text reaches the client as it is."""
