"""Everything solid as upright boxes, for those who ask for boxes: obstacle sensors and clients' ray queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lead.geometry.boxes import leaning_half_sizes
from lead.geometry.frames import rotation_matrices
from lead.simulator.world.actors import ActorKind

if TYPE_CHECKING:
    from lead.simulator.world.tables import RecordTable
    from lead.simulator.world.world import World


def _none(kind: str, *shape: int) -> NDArray[Any]:
    return np.zeros((0, *shape), kind)


@dataclass(frozen=True, eq=False)
class Solids:
    """Boxes and the ground around a point, world frame.

    Attributes:
        center: float64 (n, 3), metres.
        yaw: float64 (n,), rad.
        half: float64 (n, 3), half sizes, metres.
        actor_id: int64 (n,), 0 for the level.
        label: uint8 (n,), CityObjectLabel.
        ground_z: Height of the ground under the point, metres.
        grade_x: Slope dz/dx of the ground there.
        grade_y: Slope dz/dy.
    """

    center: NDArray[np.float64] = field(default_factory=lambda: _none("f8", 3))
    yaw: NDArray[np.float64] = field(default_factory=lambda: _none("f8"))
    half: NDArray[np.float64] = field(default_factory=lambda: _none("f8", 3))
    actor_id: NDArray[np.int64] = field(default_factory=lambda: _none("i8"))
    label: NDArray[np.uint8] = field(default_factory=lambda: _none("u1"))
    ground_z: float = 0.0
    grade_x: float = 0.0
    grade_y: float = 0.0


def solids_near(world: World, location: NDArray[np.float64], radius_m: float) -> Solids:
    """What is solid within `radius_m` of a point (3,): vehicles, walkers, props and the level objects shown."""
    tables = (world.fleet.table, world.crowd.table, world.props.table)
    parts = [*(_actor_boxes(table) for table in tables), _level_boxes(world)]
    center, yaw, half, actor_id, label = (np.concatenate(column) for column in zip(*parts, strict=True))
    near = np.linalg.norm(center - location, axis=1) < radius_m + np.linalg.norm(half, axis=1)
    ground = world.ground.query(location[None])
    return Solids(
        center=center[near],
        yaw=yaw[near],
        half=half[near],
        actor_id=actor_id[near],
        label=label[near],
        ground_z=float(ground.z[0]),
        grade_x=float(ground.grade_x[0]),
        grade_y=float(ground.grade_y[0]),
    )


_Columns = tuple[NDArray[Any], ...]


def _actor_boxes(table: RecordTable) -> _Columns:
    actors = [actor for actor in table.actors if actor.kind in _SOLID_KINDS and max(actor.extent) > 0.0]
    records = table.records[np.array([actor.row for actor in actors], np.int64)]
    rotation = rotation_matrices(*records["rotation_deg"].astype(np.float64).T)
    extents = np.array([actor.extent for actor in actors], np.float64).reshape(-1, 3)
    local = np.array([actor.box_center for actor in actors], np.float64).reshape(-1, 3)
    return (
        records["location"].astype(np.float64) + (rotation @ local[..., None])[..., 0],
        np.radians(records["rotation_deg"][:, 1].astype(np.float64)),
        leaning_half_sizes(extents, records["rotation_deg"][:, 0], records["rotation_deg"][:, 2]),
        records["id"].astype(np.int64),
        np.array([actor.semantic_tag for actor in actors], np.uint8),
    )


_SOLID_KINDS = (ActorKind.VEHICLE, ActorKind.WALKER, ActorKind.PROP)


def _level_boxes(world: World) -> _Columns:
    shown = np.flatnonzero(world.present)
    boxes = world.scene.boxes[shown]
    return (
        np.stack([boxes["x"], boxes["y"], boxes["z"]], axis=1).astype(np.float64),
        boxes["yaw"].astype(np.float64),
        np.stack([boxes["ext_x"], boxes["ext_y"], boxes["ext_z"]], axis=1).astype(np.float64),
        np.zeros(len(shown), np.int64),
        boxes["label"].astype(np.uint8),
    )
