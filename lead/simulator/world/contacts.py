"""Collects every solid body of the world into one set, resolves contacts and gives the result back to its owners."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.simulator.world.actors import Actor
from lead.simulator.world.collisions import Bodies, Contact, LevelBoxes, resolve
from lead.simulator.world.props import PropSet
from lead.simulator.world.vehicles import VehicleFleet
from lead.simulator.world.walkers import WALKER_MASS_KG, WalkerCrowd

Array = NDArray[np.float64]


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
        velocity, center = bodies.velocity.copy(), bodies.center.copy()
        spin = bodies.spin.copy()
        contacts = resolve(bodies, self._level)
        if not contacts and np.array_equal(center, bodies.center):
            return []
        self._hand_back(vehicles, walkers, bodies.center - center, bodies.velocity - velocity, bodies.spin - spin)
        return self._events(contacts, vehicles, walkers, obstacles)

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
    ) -> list[CollisionEvent]:
        actors = [self._fleet.table.actors[row] for row in vehicles.tolist()]
        actors += [self._crowd.table.actors[row] for row in walkers.tolist()]
        actors += [self._props.table.actors[row] for row in obstacles.tolist()]
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
