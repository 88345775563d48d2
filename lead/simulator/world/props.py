"""Everything that has a pose but no engine: props, sensors, controllers, the spectator.

Their records are written when they are moved, once per tick for those attached to another actor, and while a prop
falls: with physics on, it drops to the ground and stays there, immovable as before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.geometry.boxes import leaning_half_sizes
from lead.geometry.frames import rotation_matrices
from lead.maps.ground import GroundIndex
from lead.simulator.world.actors import Actor, ActorKind
from lead.simulator.world.collisions import Bodies
from lead.simulator.world.layout import PLAIN_RECORD
from lead.simulator.world.tables import RecordTable

_LOW_PROP_M = 0.15
"""Props flatter than this (debris, tiles, plastic bags) are driven over, as CARLA's wheels do."""

_GRAVITY_MPS2 = 9.81
_LANDED_M = 1e-3

_COLUMNS: dict[str, tuple[str, tuple[int, ...]]] = {
    "position": ("f8", (3,)),
    "rotation_deg": ("f8", (3,)),
    "collides": ("?", ()),
    "solid": ("?", ()),
    "half": ("f8", (3,)),
    "center": ("f8", (3,)),
    "physics": ("?", ()),
    "falling": ("?", ()),
    "fall_mps": ("f8", ()),
}


class PropSet:
    """All plain actors; the solid ones are immovable bodies for the contact solver."""

    def __init__(self) -> None:
        self.table = RecordTable(PLAIN_RECORD, _COLUMNS)

    def insert(self, actor: Actor, location: NDArray[np.float64], rotation_deg: NDArray[np.float64]) -> None:
        """Add an actor at a world pose."""
        row = self.table.insert(actor)
        solid = actor.kind == ActorKind.PROP and 2.0 * actor.extent[2] >= _LOW_PROP_M
        self.table.column("solid")[row] = solid
        self.table.column("collides")[row] = True
        self.table.column("half")[row] = actor.extent
        self.table.column("center")[row] = actor.box_center
        self.set_pose(actor, location, rotation_deg)

    def set_pose(self, actor: Actor, location: NDArray[np.float64], rotation_deg: NDArray[np.float64] | None) -> None:
        """Move an actor; plain actors go exactly where they are put."""
        row = actor.row
        self.table.column("position")[row] = location
        self.table.records["location"][row] = location
        if rotation_deg is not None:
            self.table.column("rotation_deg")[row] = rotation_deg
            self.table.records["rotation_deg"][row] = rotation_deg
        self._release(row)

    def set_physics(self, actor: Actor, enabled: bool) -> None:
        """Let a prop fall, or hold it where it is."""
        self.table.column("physics")[actor.row] = enabled and actor.kind == ActorKind.PROP
        self._release(actor.row)

    def fall(self, dt_s: float, ground: GroundIndex) -> None:
        """Move the props that are in the air one tick; they land on the lowest point of their boxes."""
        rows = np.flatnonzero(self.table.column("falling"))
        if not len(rows):
            return
        col = self.table.column
        speed, position = col("fall_mps"), col("position")
        speed[rows] += _GRAVITY_MPS2 * dt_s
        center, half = self._upright_boxes(rows)
        foot = position[rows, 2] + center[:, 2] - half[:, 2]
        # A prop that was put below the road stays there, as what is buried does in CARLA.
        height = np.maximum(foot - ground.query(position[rows]).z, 0.0)
        drop = np.minimum(speed[rows] * dt_s, height)
        position[rows, 2] -= drop
        self.table.records["location"][rows, 2] = position[rows, 2]
        landed = rows[height - drop < _LANDED_M]
        col("falling")[landed] = False
        speed[landed] = 0.0

    def _release(self, row: int) -> None:
        """Begin to fall, if physics allow."""
        self.table.column("falling")[row] = self.table.column("physics")[row]
        self.table.column("fall_mps")[row] = 0.0

    def _upright_boxes(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centres relative to the actors, turned by all but the yaw, and half sizes of boxes round those that lean."""
        pitch_deg, _, roll_deg = self.table.column("rotation_deg")[rows].T
        center, half = self.table.column("center")[rows], self.table.column("half")[rows]
        turned = rotation_matrices(pitch_deg, 0.0, roll_deg) @ center[..., None]
        return turned[..., 0], leaning_half_sizes(half, pitch_deg, roll_deg)

    def solid_rows(self) -> NDArray[np.int64]:
        """Rows of the props that vehicles can hit."""
        return np.flatnonzero(self.table.column("solid") & self.table.column("collides"))

    def bodies(self, rows: NDArray[np.int64]) -> Bodies:
        """Immovable bodies of the given rows."""
        col = self.table.column
        yaw = np.radians(col("rotation_deg")[rows, 1])
        (center, half), position = self._upright_boxes(rows), col("position")[rows]
        cos, sin = np.cos(yaw), np.sin(yaw)
        x = position[:, 0] + cos * center[:, 0] - sin * center[:, 1]
        y = position[:, 1] + sin * center[:, 0] + cos * center[:, 1]
        zeros = np.zeros(len(rows))
        return Bodies(
            center=np.stack([x, y], axis=1),
            z=position[:, 2] + center[:, 2],
            yaw=yaw,
            half=half[:, :2],
            half_z=half[:, 2],
            velocity=np.zeros((len(rows), 2)),
            spin=zeros,
            inverse_mass=zeros.copy(),
            inverse_inertia=zeros.copy(),
        )
