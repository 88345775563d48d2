"""All pedestrians of a world as arrays: walker controls in, ground following, snapshot records out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lead.simulator.world.actors import Actor
from lead.simulator.world.dynamics import GRAVITY_MPS2
from lead.simulator.world.layout import WALKER_RECORD
from lead.simulator.world.tables import Column, RecordTable

if TYPE_CHECKING:
    from lead.maps.ground import GroundIndex

Array = NDArray[np.float64]

WALKER_MASS_KG = 75.0
_JUMP_MPS = 4.2
_STEP_UP_M = 0.5
_BURIED_M = 1.0
_PUSH_DECAY_MPS2 = 5.0

_COLUMNS: dict[str, tuple[str, tuple[int, ...]]] = {
    "position": ("f8", (3,)),
    "rotation_deg": ("f8", (3,)),
    "velocity": ("f8", (3,)),
    "push": ("f8", (2,)),
    "vertical_speed": ("f8", ()),
    "physics": ("?", ()),
    "awake": ("?", ()),
    "collides": ("?", ()),
    "grounded": ("?", ()),
    "half": ("f8", (3,)),
    "way": ("f8", ()),
}


class WalkerCrowd:
    """Every pedestrian of the episode.

    A walker's origin is its box centre, half its height above the ground. ``direction`` and ``speed`` of the snapshot
    record are the walker's control; knocks from vehicles live in the ``push`` column and fade.
    """

    def __init__(self, ground: GroundIndex) -> None:
        self.table = RecordTable(WALKER_RECORD, _COLUMNS)
        self._ground = ground

    def __len__(self) -> int:
        return len(self.table)

    def column(self, name: str) -> Column:
        """View of one state column, one entry per walker."""
        return self.table.column(name)

    @property
    def active(self) -> NDArray[np.bool_]:
        """Walkers that move by physics: simulated and not dormant."""
        return self.column("physics") & self.column("awake")

    def insert(self, actor: Actor, location: Array, rotation_deg: Array) -> None:
        """Add a standing walker at a world pose."""
        row = self.table.insert(actor)
        self.column("physics")[row] = True
        self.column("awake")[row] = True
        self.column("collides")[row] = True
        self.column("half")[row] = actor.extent
        self.table.records["direction"][row] = (1.0, 0.0, 0.0)
        self.set_pose(actor, location, rotation_deg)

    def set_pose(self, actor: Actor, location: Array, rotation_deg: Array | None) -> None:
        """Teleport a walker."""
        row = actor.row
        self.column("position")[row] = location
        if rotation_deg is not None:
            self.column("rotation_deg")[row] = rotation_deg
            self.table.records["rotation_deg"][row] = rotation_deg
        self.column("grounded")[row] = False
        self.column("vertical_speed")[row] = 0.0
        self.table.records["location"][row] = location

    def add_velocity(self, actor: Actor, change: Array) -> None:
        """Knock a walker; the push fades by friction."""
        self.column("push")[actor.row] += change[:2]

    def step(self, dt_s: float) -> None:
        """Advance all walkers by ``dt_s``."""
        if not len(self.table):
            return
        records, col = self.table.records, self.column
        physics = self.active
        push, velocity = col("push"), col("velocity")
        stride = records["direction"][:, :2] * records["speed"][:, None]
        velocity[:, :2] = (stride + push) * physics[:, None]
        velocity[:, 2] = 0.0
        col("way")[:] += np.hypot(velocity[:, 0], velocity[:, 1]) * dt_s
        slide = np.hypot(push[:, 0], push[:, 1])
        kept = np.maximum(slide - _PUSH_DECAY_MPS2 * dt_s, 0.0)
        push *= np.divide(kept, slide, out=np.zeros_like(slide), where=slide > 0.0)[:, None]
        walking = physics & (np.abs(stride).sum(axis=1) > 0.05)
        heading = np.degrees(np.arctan2(stride[:, 1], stride[:, 0]))
        np.copyto(col("rotation_deg")[:, 1], heading, where=walking)
        col("position")[:, :2] += velocity[:, :2] * dt_s
        self._step_vertical(dt_s)

    def _step_vertical(self, dt_s: float) -> None:
        records, col = self.table.records, self.column
        velocity, position = col("velocity"), col("position")
        jumping = (records["jump"] != 0) & col("grounded")
        col("vertical_speed")[jumping] = _JUMP_MPS
        moving = (velocity[:, 0] != 0.0) | (velocity[:, 1] != 0.0) | ~col("grounded") | jumping
        rows = np.flatnonzero(moving & self.active)
        if not len(rows):
            return
        feet = position[rows].copy()
        feet[:, 2] -= col("half")[rows, 2]
        hits = self._ground.query(feet)
        gap, falling = feet[:, 2] - hits.z, col("vertical_speed")[rows]
        buried = gap < -_BURIED_M
        on_ground = ~buried & (falling <= 0.0) & ((gap <= 1e-3) | (col("grounded")[rows] & (gap < _STEP_UP_M)))
        free = ~on_ground & ~buried
        falling = np.where(free, falling - GRAVITY_MPS2 * dt_s, 0.0)
        fallen = feet[:, 2] + falling * dt_s
        on_ground |= free & (falling < 0.0) & (fallen <= hits.z)
        new_feet = np.where(on_ground, hits.z, fallen)
        velocity[rows, 2] = (new_feet - feet[:, 2]) / dt_s
        position[rows, 2] += new_feet - feet[:, 2]
        col("vertical_speed")[rows] = np.where(on_ground, 0.0, falling)
        col("grounded")[rows] = on_ground | buried

    def publish(self, dt_s: float) -> None:
        """Write the snapshot records from the state."""
        if not len(self.table):
            return
        records, col = self.table.records, self.column
        velocity = col("velocity")
        records["acceleration"] = (velocity - records["velocity"]) / dt_s
        records["velocity"] = velocity
        records["location"] = col("position")
        records["rotation_deg"] = col("rotation_deg")
