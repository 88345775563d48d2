"""Lamps of vehicles and streets: which shine in this tick, and what they light up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import rotation_matrices
from lead.simulator.rendering.scene import Lights
from lead.simulator.scenery.furniture import LAMP_ARM_M
from lead.simulator.scenery.materials import LampChannel
from lead.simulator.world.actors import Actor
from lead.simulator.world.lamps import INTENSITY_LM
from lead.simulator.world.layout import ActorState

if TYPE_CHECKING:
    from lead.simulator.world.world import World

Array = NDArray[np.float64]

_VEHICLE_BITS = 0x7FF
_BRAKING = 0.05
_BLINK_HZ, _FLASH_HZ = 1.5, 3.0
_STREET_REACH_M, _MAX_STREET = 130.0, 48
_VEHICLE_REACH_M, _MAX_VEHICLE = 90.0, 24
_STREET_RANGE_M, _STREET_CONE_DEG = 26.0, (50.0, 78.0)
_STREET_STRENGTH = 26.0
_BEAM_RANGE_M, _BEAM_CONE_DEG, _BEAM_STRENGTH = 55.0, (16.0, 38.0), 60.0
_FAR_BEAM_RANGE_M, _FAR_BEAM_STRENGTH = 110.0, 150.0
_BEAM_COLOR = (1.0, 0.95, 0.84)
_BEAM_DIP_RAD, _FAR_BEAM_DIP_RAD = 0.085, 0.02


def vehicle_states(world: World, actors: list[Actor]) -> NDArray[np.uint32]:
    """Lamp bits of vehicles, uint32 (n,), `LampChannel`: what clients switched on.

    Brake lamps of vehicles whose lights no client has ever set come on while they brake.

    Blinkers and beacons flash with simulation time.
    """
    flags = np.array([actor.light_flags & _VEHICLE_BITS for actor in actors], np.uint32)
    rows = np.array([actor.row for actor in actors], np.int64)
    control = world.fleet.table.records["control"][rows]
    is_alone = np.array([not actor.lights_are_clients for actor in actors], bool)
    flags |= np.where(is_alone & (control["brake"] > _BRAKING), np.uint32(1 << LampChannel.BRAKE), np.uint32(0))
    flags |= np.where(control["reverse"] != 0, np.uint32(1 << LampChannel.REVERSE), np.uint32(0))
    if world.elapsed_s * _BLINK_HZ % 1.0 >= 0.5:
        flags &= ~np.uint32(1 << LampChannel.RIGHT_BLINKER | 1 << LampChannel.LEFT_BLINKER)
    beacons = np.uint32(1 << LampChannel.SPECIAL_1 | 1 << LampChannel.SPECIAL_2)
    alight = LampChannel.SPECIAL_1 if world.elapsed_s * _FLASH_HZ % 1.0 < 0.5 else LampChannel.SPECIAL_2
    return np.where(flags & beacons, (flags & ~beacons) | np.uint32(1 << alight), flags)


def collect_lights(world: World, near_xy: Array) -> Lights:
    """Street lamps that burn and head lights that are on, the nearest ones."""
    parts = [part for part in (_street_lights(world, near_xy), _head_lights(world, near_xy)) if len(part)]
    if not parts:
        return Lights()
    return Lights(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def _nearest(places_xy: Array, near_xy: Array, reach_m: float, limit: int) -> NDArray[np.int64]:
    """Rows of the places (n, 2) nearest to any of some points, at most `limit`, in ascending order."""
    if not len(places_xy) or not len(near_xy):
        return np.zeros(0, np.int64)
    gap = np.full(len(places_xy), np.inf)
    for point in near_xy:
        np.minimum(gap, np.hypot(places_xy[:, 0] - point[0], places_xy[:, 1] - point[1]), out=gap)
    order = np.argsort(gap, kind="stable")[:limit]
    return np.sort(order[gap[order] < reach_m])


def _street_lights(world: World, near_xy: Array) -> Lights:
    burning = np.flatnonzero(world.lamps.burning() & world.present[world.scene.first_lamp : world.scene.first_signal])
    places = world.scene.lamps[burning]
    burning = burning[_nearest(places[:, :2], near_xy, _STREET_REACH_M, _MAX_STREET)]
    if not len(burning):
        return Lights()
    yaw = world.scene.lamp_yaw[burning]
    spots = world.scene.lamps[burning] + np.stack([np.sin(yaw), -np.cos(yaw), 0.0 * yaw], axis=1) * LAMP_ARM_M
    lamps = [world.lamps.lamps[index] for index in burning.tolist()]
    color = (np.array([lamp.color for lamp in lamps]) / 255.0) ** 2.2
    strength = _STREET_STRENGTH * np.array([lamp.intensity for lamp in lamps]) / INTENSITY_LM
    count = len(burning)
    return Lights(
        position=spots.astype(np.float32),
        direction=np.tile(np.array([0.0, 0.0, -1.0], np.float32), (count, 1)),
        color=(color * strength[:, None]).astype(np.float32),
        cos_inner=np.full(count, np.cos(np.radians(_STREET_CONE_DEG[0])), np.float32),
        cos_outer=np.full(count, np.cos(np.radians(_STREET_CONE_DEG[1])), np.float32),
        range_m=np.full(count, _STREET_RANGE_M, np.float32),
    )


def _head_lights(world: World, near_xy: Array) -> Lights:
    table = world.fleet.table
    beams = 1 << LampChannel.LOW_BEAM | 1 << LampChannel.HIGH_BEAM
    rows = np.array([actor.row for actor in table.actors if actor.light_flags & beams], np.int64)
    rows = rows[table.records["state"][rows] == ActorState.ACTIVE]
    rows = rows[
        _nearest(table.records["location"][rows, :2].astype(np.float64), near_xy, _VEHICLE_REACH_M, _MAX_VEHICLE)
    ]
    if not len(rows):
        return Lights()
    actors = [table.actors[row] for row in rows.tolist()]
    records = table.records[rows]
    rotation = rotation_matrices(*records["rotation_deg"].astype(np.float64).T)
    extent = np.array([actor.extent for actor in actors])
    local = np.stack([extent[:, 0] + 0.05, np.zeros(len(rows)), np.minimum(0.9 * extent[:, 2], 1.1)], axis=1)
    far = np.array([bool(actor.light_flags >> LampChannel.HIGH_BEAM & 1) for actor in actors])
    dip = np.where(far, _FAR_BEAM_DIP_RAD, _BEAM_DIP_RAD)
    ahead = np.stack([np.cos(dip), np.zeros(len(rows)), -np.sin(dip)], axis=1)
    strength = np.where(far, _FAR_BEAM_STRENGTH, _BEAM_STRENGTH)
    return Lights(
        position=(records["location"] + (rotation @ local[..., None])[..., 0]).astype(np.float32),
        direction=(rotation @ ahead[..., None])[..., 0].astype(np.float32),
        color=(strength[:, None] * np.array(_BEAM_COLOR)).astype(np.float32),
        cos_inner=np.full(len(rows), np.cos(np.radians(_BEAM_CONE_DEG[0])), np.float32),
        cos_outer=np.full(len(rows), np.cos(np.radians(_BEAM_CONE_DEG[1])), np.float32),
        range_m=np.where(far, _FAR_BEAM_RANGE_M, _BEAM_RANGE_M).astype(np.float32),
    )
