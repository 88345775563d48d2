"""Growable struct-of-records tables: one per kind of actor, dense rows, constant-time insert and remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lead.simulator.world.layout import ActorState

if TYPE_CHECKING:
    from lead.simulator.world.actors import Actor


Column = NDArray[Any]
"""View of one column; its dtype is the one the table was made with."""


class RecordTable:
    """Snapshot records of one actor kind plus named columns that do not travel.

    Rows stay dense: removing a row moves the last one into its place, and the moved actor's ``row`` is updated.

    Args:
        record: Snapshot record dtype; must have ``id`` and ``state``.
        columns: Extra per-row state, name to (dtype, item shape).
    """

    def __init__(self, record: np.dtype, columns: dict[str, tuple[str, tuple[int, ...]]] | None = None) -> None:
        self._records = np.zeros(16, record)
        self._columns = {name: np.zeros((16, *shape), kind) for name, (kind, shape) in (columns or {}).items()}
        self.actors: list[Actor] = []
        self.generation = 0
        """Rises with every insert and remove, so that callers know when arrays they derived from rows are stale."""
        self.records: NDArray[np.void] = self._records[:0]
        """View of the used rows' snapshot records."""
        self._views: dict[str, Column] = {}
        self._resized()

    def __len__(self) -> int:
        return len(self.actors)

    def column(self, name: str) -> Column:
        """View of the used rows of one extra column."""
        return self._views[name]

    def _resized(self) -> None:
        """Refresh the views after rows came or went."""
        count = len(self.actors)
        self.records = self._records[:count]
        self._views = {name: values[:count] for name, values in self._columns.items()}
        self.generation += 1

    def insert(self, actor: Actor) -> int:
        """Add a zeroed active row for ``actor`` and return its index."""
        row = len(self.actors)
        if row == len(self._records):
            self._records = np.concatenate([self._records, np.zeros_like(self._records)])
            for name, values in self._columns.items():
                self._columns[name] = np.concatenate([values, np.zeros_like(values)])
        self._records[row] = np.zeros((), self._records.dtype)
        for values in self._columns.values():
            values[row] = 0
        self._records[row]["id"] = actor.id
        self._records[row]["state"] = ActorState.ACTIVE
        self.actors.append(actor)
        actor.table = self
        actor.row = row
        self._resized()
        return row

    def remove(self, actor: Actor) -> None:
        """Drop the actor's row; the last row takes its place."""
        last = len(self.actors) - 1
        row = actor.row
        if row != last:
            self._records[row] = self._records[last]
            for values in self._columns.values():
                values[row] = values[last]
            self.actors[row] = self.actors[last]
            self.actors[row].row = row
        self.actors.pop()
        actor.row = -1
        self._resized()
