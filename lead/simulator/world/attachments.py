"""Rigid attachment: where sensors and other children are, given where their parents are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import compose
from lead.simulator.world.actors import Actor
from lead.simulator.world.props import PropSet
from lead.simulator.world.tables import RecordTable

_BATCH = tuple[RecordTable, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


class Attachments:
    """Keeps attached plain actors at their place on their parents.

    Children are processed parents first; rows are looked up again only when an actor was added, removed or
    re-attached.
    """

    def __init__(self, actors: dict[int, Actor], props: PropSet) -> None:
        self._actors = actors
        self._props = props
        self._children: dict[int, Actor] = {}
        self._batches: list[_BATCH] = []
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

    def update(self, tables: tuple[RecordTable, ...]) -> None:
        """Move all children to their parents' current record poses."""
        if not self._children:
            return
        seen = (self._changes, *(table.generation for table in tables))
        if seen != self._seen:
            self._seen = seen
            self._batches = self._build()
        props = self._props.table
        for table, parents, rows, location, rotation in self._batches:
            parent = table.records
            world_location, world_rotation = compose(
                parent["location"][parents], parent["rotation_deg"][parents], location, rotation
            )
            props.column("position")[rows] = world_location
            props.column("rotation_deg")[rows] = world_rotation
            records = props.records
            records["location"][rows] = world_location
            records["rotation_deg"][rows] = world_rotation
            records["velocity"][rows] = parent["velocity"][parents]

    def _build(self) -> list[_BATCH]:
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
        batches: list[_BATCH] = []
        for key in order:
            children = groups[key]
            batches.append(
                (
                    tables[key[1]],
                    np.array([self._actors[child.parent_id].row for child in children], np.int64),
                    np.array([child.row for child in children], np.int64),
                    np.array([child.relative_location for child in children], np.float64),
                    np.array([child.relative_rotation_deg for child in children], np.float64),
                )
            )
        return batches
