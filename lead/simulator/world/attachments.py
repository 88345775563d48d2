"""Attachment: where sensors and other children are, given where their parents are.

Rigid children turn with their parent in all axes. Spring arms ignore its roll and lag behind its position, which makes
calm chase cameras.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import compose
from lead.simulator.world.actors import Actor, AttachmentType
from lead.simulator.world.props import PropSet
from lead.simulator.world.tables import RecordTable

_SPRING_RATE_PER_S = 10.0
"""A spring arm closes this share of its lag per second (exponentially)."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Children of the same depth whose parents live in one table; parallel arrays."""

    table: RecordTable
    parents: NDArray[np.int64]
    rows: NDArray[np.int64]
    location: NDArray[np.float64]
    rotation_deg: NDArray[np.float64]
    springs: NDArray[np.int64]


class Attachments:
    """Keeps attached plain actors at their place on their parents.

    Children are processed parents first; rows are looked up again only when an actor was added, removed or
    re-attached.
    """

    def __init__(self, actors: dict[int, Actor], props: PropSet) -> None:
        self._actors = actors
        self._props = props
        self._children: dict[int, Actor] = {}
        self._batches: list[_Batch] = []
        self._seen: tuple[int, ...] = ()
        self._changes = 0

    def attach(self, child: Actor) -> None:
        """Register a child whose ``parent_id`` and relative pose are set; call again after that pose changed."""
        self._children[child.id] = child
        self._changes += 1

    def detach(self, actor: Actor) -> None:
        """Forget an actor as a child, and let its own children stay where they are."""
        self._children.pop(actor.id, None)
        for child in [child for child in self._children.values() if child.parent_id == actor.id]:
            child.parent_id = 0
            del self._children[child.id]
        self._changes += 1

    def has_children(self, actor_id: int) -> bool:
        """True while something is attached to the actor."""
        return any(child.parent_id == actor_id for child in self._children.values())

    def place(self, child: Actor, tables: tuple[RecordTable, ...]) -> None:
        """Put a newly attached child where it belongs at once, without any spring lag."""
        attachment, child.attachment = child.attachment, AttachmentType.RIGID
        self._changes += 1
        self.update(tables, 0.0)
        child.attachment = attachment
        self._changes += 1

    def update(self, tables: tuple[RecordTable, ...], dt_s: float) -> None:
        """Move all children to their parents' current record poses.

        Args:
            tables: All tables parents may live in.
            dt_s: Time since the last update, for spring arms.
        """
        if not self._children:
            return
        seen = (self._changes, *(table.generation for table in tables))
        if seen != self._seen:
            self._seen = seen
            self._batches = self._build()
        for batch in self._batches:
            self._move(batch, dt_s)

    def _move(self, batch: _Batch, dt_s: float) -> None:
        props, parent, rows = self._props.table, batch.table.records, batch.rows
        parent_rotation = parent["rotation_deg"][batch.parents]
        parent_rotation[batch.springs, 2] = 0.0
        location, rotation = compose(
            parent["location"][batch.parents], parent_rotation, batch.location, batch.rotation_deg
        )
        if len(batch.springs):
            before = props.column("position")[rows[batch.springs]]
            share = 1.0 - math.exp(-_SPRING_RATE_PER_S * dt_s)
            location[batch.springs] = before + (location[batch.springs] - before) * share
        props.column("position")[rows] = location
        props.column("rotation_deg")[rows] = rotation
        props.records["location"][rows] = location
        props.records["rotation_deg"][rows] = rotation
        props.records["velocity"][rows] = parent["velocity"][batch.parents]

    def _build(self) -> list[_Batch]:
        """Group children by depth below an unattached actor, then by the parent's table."""
        groups: dict[tuple[int, int], list[Actor]] = {}
        order: list[tuple[int, int]] = []
        tables: dict[int, RecordTable] = {}
        for child in self._children.values():
            depth, ancestor = 0, self._actors[child.parent_id]
            table = ancestor.table
            if table is None:
                continue
            while ancestor.parent_id:
                depth, ancestor = depth + 1, self._actors[ancestor.parent_id]
            key = (depth, id(table))
            tables[id(table)] = table
            if key not in groups:
                groups[key] = []
                order.append(key)
            groups[key].append(child)
        order.sort(key=lambda key: key[0])
        batches: list[_Batch] = []
        for key in order:
            children = groups[key]
            springs = [k for k, child in enumerate(children) if child.attachment != AttachmentType.RIGID]
            batches.append(
                _Batch(
                    table=tables[key[1]],
                    parents=np.array([self._actors[child.parent_id].row for child in children], np.int64),
                    rows=np.array([child.row for child in children], np.int64),
                    location=np.array([child.relative_location for child in children], np.float64),
                    rotation_deg=np.array([child.relative_rotation_deg for child in children], np.float64),
                    springs=np.array(springs, np.int64),
                )
            )
        return batches
