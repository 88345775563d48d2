"""Collects every solid body of the world into one set, resolves contacts and gives the result back to its owners."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.simulator.world.actors import Actor
from lead.simulator.world.collisions import Bodies, Contact, LevelBoxes, resolve
from lead.simulator.world.props import PropSet
from lead.simulator.world.vehicles import VehicleFleet
from lead.simulator.world.walkers import WALKER_MASS_KG, WalkerCrowd

Array = NDArray[np.float64]

DOOR_OPEN_DEG = 70.0
"""How far doors swing out."""
_DOOR_HALF_LENGTH_M, _DOOR_HALF_WIDTH_M = 0.5, 0.04
_HINGE_GAP_M = 0.15
"""Between hinge and solid leaf, so that a door does not touch its own vehicle."""
_FRONT_HINGE, _REAR_HINGE = 0.35, -0.05
"""Place of the hinges, in half lengths of the vehicle."""
_DOOR_COUNT = 4


@dataclass(frozen=True, slots=True)
class CollisionEvent:
    """``actor`` touched ``other`` (None: the level box ``level_box``) and received ``impulse`` (x, y, z), N s."""

    actor: Actor
    other: Actor | None
    level_box: int
    impulse: tuple[float, float, float]


class ContactSolver:
    """One tick's contacts between vehicles, walkers, props and the level."""

    def __init__(self, fleet: VehicleFleet, crowd: WalkerCrowd, props: PropSet, level: LevelBoxes) -> None:
        self._fleet = fleet
        self._crowd = crowd
        self._props = props
        self._level = level

    def step(self) -> list[CollisionEvent]:
        """Part bodies that overlap and exchange impulses; returns events for both sides of every contact."""
        fleet, crowd, props = self._fleet, self._crowd, self._props
        vehicles = np.flatnonzero(fleet.column("collides"))
        walkers = np.flatnonzero(crowd.column("collides"))
        if not len(vehicles) and not len(walkers):
            return []
        obstacles = props.solid_rows()
        bodies = _gather(fleet, vehicles, crowd, walkers, props, obstacles)
        doors, owners = _open_doors(fleet)
        if owners:
            bodies = _join(bodies, doors)
        velocity, center = bodies.velocity.copy(), bodies.center.copy()
        spin = bodies.spin.copy()
        contacts = resolve(bodies, self._level)
        if not contacts and np.array_equal(center, bodies.center):
            return []
        self._hand_back(vehicles, walkers, bodies.center - center, bodies.velocity - velocity, bodies.spin - spin)
        return self._events(contacts, vehicles, walkers, obstacles, owners)

    def _hand_back(
        self,
        vehicles: NDArray[np.int64],
        walkers: NDArray[np.int64],
        shift: Array,
        change: Array,
        spin_change: Array,
    ) -> None:
        fleet, crowd = self._fleet, self._crowd
        count = len(vehicles)
        touched = np.flatnonzero(change[:count].any(axis=1) | shift[:count].any(axis=1) | (spin_change[:count] != 0.0))
        rows = vehicles[touched]
        fleet.column("position")[rows, :2] += shift[touched]
        fleet.column("unsettled")[rows] = True
        for index, row in zip(touched.tolist(), rows.tolist(), strict=True):
            actor = fleet.table.actors[row]
            if change[index].any():
                fleet.add_velocity(actor, np.append(change[index], 0.0))
            if spin_change[index]:
                fleet.add_spin(actor, float(spin_change[index]))
        span = slice(count, count + len(walkers))
        crowd.column("position")[walkers, :2] += shift[span]
        crowd.column("push")[walkers] += change[span]

    def _events(
        self,
        contacts: list[Contact],
        vehicles: NDArray[np.int64],
        walkers: NDArray[np.int64],
        obstacles: NDArray[np.int64],
        door_owners: list[Actor],
    ) -> list[CollisionEvent]:
        actors = [self._fleet.table.actors[row] for row in vehicles.tolist()]
        actors += [self._crowd.table.actors[row] for row in walkers.tolist()]
        actors += [self._props.table.actors[row] for row in obstacles.tolist()]
        actors += door_owners
        events = []
        for contact in contacts:
            x, y = contact.impulse
            actor = actors[contact.a]
            if contact.b < 0:
                events.append(CollisionEvent(actor, None, -1 - contact.b, (x, y, 0.0)))
                continue
            other = actors[contact.b]
            events.append(CollisionEvent(actor, other, -1, (x, y, 0.0)))
            events.append(CollisionEvent(other, actor, -1, (-x, -y, 0.0)))
        return events


def gather_bodies(fleet: VehicleFleet, crowd: WalkerCrowd, props: PropSet) -> Bodies:
    """Every solid body of the world: vehicles, walkers, props, in this order."""
    vehicles = np.flatnonzero(fleet.column("collides"))
    walkers = np.flatnonzero(crowd.column("collides"))
    return _gather(fleet, vehicles, crowd, walkers, props, props.solid_rows())


def _gather(
    fleet: VehicleFleet,
    vehicles: NDArray[np.int64],
    crowd: WalkerCrowd,
    walkers: NDArray[np.int64],
    props: PropSet,
    obstacles: NDArray[np.int64],
) -> Bodies:
    bodies = _vehicle_bodies(fleet, vehicles)
    others = [_walker_bodies(crowd, walkers)] if len(walkers) else []
    if len(obstacles):
        others.append(props.bodies(obstacles))
    return _join(bodies, *others) if others else bodies


def _vehicle_bodies(fleet: VehicleFleet, rows: NDArray[np.int64]) -> Bodies:
    col = fleet.column
    yaw, center, half, position = col("yaw")[rows], col("center")[rows], col("half")[rows], col("position")[rows]
    cos, sin = np.cos(yaw), np.sin(yaw)
    planar = np.stack(
        [
            position[:, 0] + cos * center[:, 0] - sin * center[:, 1],
            position[:, 1] + sin * center[:, 0] + cos * center[:, 1],
        ],
        axis=1,
    )
    movable = fleet.active[rows]
    return Bodies(
        center=planar,
        z=position[:, 2] + center[:, 2],
        yaw=yaw,
        half=half[:, :2],
        half_z=half[:, 2],
        velocity=col("velocity")[rows, :2],
        spin=col("spin")[rows],
        inverse_mass=movable / col("mass")[rows],
        inverse_inertia=movable / col("inertia")[rows],
    )


def _open_doors(fleet: VehicleFleet) -> tuple[Bodies, list[Actor]]:
    """Leaves of opened doors, which stop others but are not pushed, and the vehicles that they belong to."""
    owners: list[Actor] = []
    leaves: list[tuple[float, ...]] = []
    for actor in fleet.table.actors:
        if not actor.open_doors or not fleet.column("collides")[actor.row]:
            continue
        x, y, z = fleet.column("position")[actor.row].tolist()
        yaw = float(fleet.column("yaw")[actor.row])
        for index in range(_DOOR_COUNT):
            if not actor.open_doors >> index & 1:
                continue
            side = -1.0 if index % 2 == 0 else 1.0
            hinge = (_FRONT_HINGE if index < 2 else _REAR_HINGE) * actor.extent[0] + actor.box_center[0]
            # The leaf points backwards from its hinge, and outwards by the angle to which it is open.
            leaf_yaw = yaw + math.pi - side * math.radians(DOOR_OPEN_DEG)
            reach = _HINGE_GAP_M + _DOOR_HALF_LENGTH_M
            out = side * actor.extent[1] + actor.box_center[1]
            center_x = x + math.cos(yaw) * hinge - math.sin(yaw) * out + math.cos(leaf_yaw) * reach
            center_y = y + math.sin(yaw) * hinge + math.cos(yaw) * out + math.sin(leaf_yaw) * reach
            leaves.append((center_x, center_y, z + actor.box_center[2], leaf_yaw, 0.8 * actor.extent[2]))
            owners.append(actor)
    table = np.array(leaves, dtype=np.float64).reshape(-1, 5)
    zeros = np.zeros(len(table))
    return Bodies(
        center=table[:, :2],
        z=table[:, 2],
        yaw=table[:, 3],
        half=np.tile([_DOOR_HALF_LENGTH_M, _DOOR_HALF_WIDTH_M], (len(table), 1)),
        half_z=table[:, 4],
        velocity=np.zeros((len(table), 2)),
        spin=zeros,
        inverse_mass=zeros.copy(),
        inverse_inertia=zeros.copy(),
    ), owners


def _walker_bodies(crowd: WalkerCrowd, rows: NDArray[np.int64]) -> Bodies:
    col = crowd.column
    position, half = col("position")[rows], col("half")[rows]
    movable = crowd.active[rows]
    return Bodies(
        center=position[:, :2],
        z=position[:, 2],
        yaw=np.radians(col("rotation_deg")[rows, 1]),
        half=half[:, :2],
        half_z=half[:, 2],
        velocity=col("velocity")[rows, :2],
        spin=np.zeros(len(rows)),
        inverse_mass=movable / WALKER_MASS_KG,
        inverse_inertia=np.zeros(len(rows)),
    )


def _join(*parts: Bodies) -> Bodies:
    names = Bodies.__slots__
    return Bodies(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
