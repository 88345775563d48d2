"""Moves replayed actors: writes recorded states over what the world's own dynamics would do with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.simulator.recorder.motion import PLACE, PLAIN, SPIN, TURN, VEHICLE, VELOCITY, WALKER, column
from lead.simulator.world.actors import Actor, ActorKind
from lead.simulator.world.tables import RecordTable
from lead.simulator.world.world import World

Array = NDArray[np.float64]
_Rows = NDArray[np.int64]

_PEDALS = {name: column(VEHICLE, name) for name in ("throttle", "steer", "brake")}
_SWITCHES, _GEAR = column(VEHICLE, "switches"), column(VEHICLE, "gear")
_LIGHTS, _DOORS = column(VEHICLE, "lights"), column(VEHICLE, "doors")
_DIRECTION = slice(VELOCITY.stop, VELOCITY.stop + 3)
_WALKING_SPEED = column(WALKER, "speed")


@dataclass
class _Posed:
    """What :meth:`Cast.publish` needs of the actors posed before the tick."""

    actors: list[Actor]
    velocity: Array
    former_velocity: Array
    spin_deg: Array | None = None
    gears: NDArray[np.int32] | None = None

    @property
    def rows(self) -> _Rows:
        return np.array([actor.row for actor in self.actors], np.int64)


class Cast:
    """The replayed actors of a world.

    Args:
        world: The world.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._posed: dict[str, _Posed] = {}

    def pose(self, kind: str, actors: list[Actor], places: _Rows, states: Array, fresh: list[Actor]) -> None:
        """Put actors where a recording has them; call before the tick.

        Args:
            kind: Kind of recorded motion.
            actors: Live actors to move.
            places: Their rows in ``states``.
            states: (recorded actors, channels).
            fresh: Actors that were made for this tick and so have no former velocity.
        """
        self._posed.pop(kind, None)
        table = self._tables[kind]
        chosen = [index for index, actor in enumerate(actors) if actor.table is table]
        actors, wanted = [actors[index] for index in chosen], states[places[chosen]]
        if not actors:
            return
        rows = np.array([actor.row for actor in actors], np.int64)
        table.records["location"][rows] = wanted[:, PLACE]
        table.records["rotation_deg"][rows] = wanted[:, TURN]
        table.column("position")[rows] = wanted[:, PLACE]
        if kind == PLAIN:
            self._pose_plain(actors, rows, wanted)
            return
        velocity = wanted[:, VELOCITY]
        former = table.records["velocity"][rows].astype(np.float64)
        new = np.isin(rows, [actor.row for actor in fresh if actor.table is table])
        former[new] = velocity[new]
        posed = _Posed(actors, velocity, former)
        if kind == VEHICLE:
            self._pose_vehicles(actors, rows, wanted)
            posed.spin_deg, posed.gears = wanted[:, SPIN], wanted[:, _GEAR].astype(np.int32)
        else:
            self._pose_walkers(rows, wanted)
        self._posed[kind] = posed

    @property
    def _tables(self) -> dict[str, RecordTable]:
        world = self._world
        return {VEHICLE: world.fleet.table, WALKER: world.crowd.table, PLAIN: world.props.table}

    def _pose_vehicles(self, actors: list[Actor], rows: _Rows, wanted: Array) -> None:
        col = self._world.fleet.column
        pitch, yaw, roll = np.radians(wanted[:, TURN]).T
        col("pitch")[rows], col("yaw")[rows], col("roll")[rows] = pitch, yaw, roll
        vx, vy, _ = wanted[:, VELOCITY].T
        col("speed")[rows] = vx * np.cos(yaw) + vy * np.sin(yaw)
        for name in ("physics", "constant_speed"):
            col(name)[rows] = False
        for name in ("skid", "skid_spin", "vertical_speed"):
            col(name)[rows] = 0.0
        control = self._world.fleet.table.records["control"]
        for name, index in _PEDALS.items():
            control[name][rows] = wanted[:, index]
        switches = wanted[:, _SWITCHES].astype(np.int64)
        for bit, name in enumerate(("hand_brake", "reverse", "manual_gear_shift")):
            control[name][rows] = switches >> bit & 1
        lamps, doors = wanted[:, _LIGHTS].astype(np.int64).tolist(), wanted[:, _DOORS].astype(np.int64).tolist()
        for actor, lit, opened in zip(actors, lamps, doors, strict=True):
            actor.light_flags, actor.open_doors = lit, opened

    def _pose_walkers(self, rows: _Rows, wanted: Array) -> None:
        crowd = self._world.crowd
        crowd.column("rotation_deg")[rows] = wanted[:, TURN]
        crowd.column("physics")[rows] = False
        crowd.column("push")[rows] = 0.0
        crowd.table.records["direction"][rows] = wanted[:, _DIRECTION]
        crowd.table.records["speed"][rows] = wanted[:, _WALKING_SPEED]

    def _pose_plain(self, actors: list[Actor], rows: _Rows, wanted: Array) -> None:
        """Attached ones follow their parents; writing their place is harmless."""
        self._world.props.table.column("rotation_deg")[rows] = wanted[:, TURN]

    def publish(self, dt_s: float) -> None:
        """Write recorded velocities, yaw rates and gears into the snapshot records; call after the tick.

        Args:
            dt_s: Length of the tick.
        """
        for kind, posed in self._posed.items():
            records, rows = self._tables[kind].records, posed.rows
            records["velocity"][rows] = posed.velocity
            records["acceleration"][rows] = (posed.velocity - posed.former_velocity) / dt_s
            if posed.spin_deg is not None:
                records["angular_velocity_deg"][rows] = posed.spin_deg
                records["control"]["gear"][rows] = posed.gears
        self._carry_velocities()

    def _carry_velocities(self) -> None:
        """Attached actors move as fast as their parents."""
        props = self._world.props.table
        for actor in props.actors:
            parent = self._world.actors.get(actor.parent_id)
            if parent is not None and parent.table is not None:
                props.records["velocity"][actor.row] = parent.table.records["velocity"][parent.row]

    def release(self, actors: list[Actor]) -> None:
        """Give actors back to the world's dynamics: vehicles roll on with the brake applied, walkers stop."""
        fleet, crowd = self._world.fleet, self._world.crowd
        for actor in actors:
            if actor.kind == ActorKind.VEHICLE:
                self._world.ackermann.release(actor)
                velocity = fleet.table.records["velocity"][actor.row].astype(np.float64) * (1.0, 1.0, 0.0)
                fleet.set_physics(actor, True)
                fleet.column("grounded")[actor.row] = True
                fleet.set_velocity(actor, velocity)
                control = fleet.table.records["control"]
                control["throttle"][actor.row], control["steer"][actor.row] = 0.0, 0.0
                control["brake"][actor.row] = 1.0
            elif actor.kind == ActorKind.WALKER:
                crowd.column("physics")[actor.row] = True
                crowd.table.records["speed"][actor.row] = 0.0
        self._posed.clear()
