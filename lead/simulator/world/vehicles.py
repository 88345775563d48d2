"""All vehicles of a world as arrays: controls in, one dynamics step, snapshot records out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import wrap_rad
from lead.simulator.world import dynamics
from lead.simulator.world.actors import Actor
from lead.simulator.world.layout import VEHICLE_RECORD, LightState
from lead.simulator.world.tables import Column, RecordTable

if TYPE_CHECKING:
    from lead.maps.ground import GroundIndex

Array = NDArray[np.float64]

DEFAULT_SPEED_LIMIT_KMH = 30.0
_SKID_FRICTION_MPS2 = 0.7 * dynamics.GRAVITY_MPS2
_SKID_SPIN_FRICTION_RADPS2 = 5.0
_MAX_SUBSTEP_S = 0.05
_STEP_UP_M = 0.5
_BURIED_M = 1.0

_COLUMNS: dict[str, tuple[str, tuple[int, ...]]] = {
    "position": ("f8", (3,)),
    "yaw": ("f8", ()),
    "pitch": ("f8", ()),
    "roll": ("f8", ()),
    "speed": ("f8", ()),
    "skid": ("f8", (2,)),
    "skid_spin": ("f8", ()),
    "velocity": ("f8", (3,)),
    "spin": ("f8", ()),
    "vertical_speed": ("f8", ()),
    "grounded": ("?", ()),
    "unsettled": ("?", ()),
    "physics": ("?", ()),
    "awake": ("?", ()),
    "gravity": ("?", ()),
    "collides": ("?", ()),
    "constant_speed": ("?", ()),
    "constant_velocity": ("f8", (3,)),
    "rear_m": ("f8", ()),
    "steer_gain": ("f8", ()),
    "drive_scale": ("f8", ()),
    "brake_scale": ("f8", ()),
    "mass": ("f8", ()),
    "inertia": ("f8", ()),
    "half": ("f8", (3,)),
    "center": ("f8", (3,)),
}


class VehicleFleet:
    """Every vehicle of the episode, stepped together.

    Positions are the actor origins (on the ground below the body), world frame, metres; angles radians. The rows of
    :attr:`table` are the vehicles' snapshot records, written by :meth:`publish`.
    """

    def __init__(self, ground: GroundIndex) -> None:
        self.table = RecordTable(VEHICLE_RECORD, _COLUMNS)
        self._ground = ground

    def __len__(self) -> int:
        return len(self.table)

    def column(self, name: str) -> Column:
        """View of one state column, one entry per vehicle."""
        return self.table.column(name)

    @property
    def active(self) -> NDArray[np.bool_]:
        """Vehicles whose bodies move by physics: simulated and not dormant."""
        return self.column("physics") & self.column("awake")

    def insert(self, actor: Actor, location: Array, rotation_deg: Array) -> None:
        """Add a vehicle at rest at a world pose (rotation pitch, yaw, roll in degrees)."""
        row = self.table.insert(actor)
        parameters = actor.vehicle
        if parameters is None:
            raise ValueError(f"{actor.type_id} has no vehicle parameters")
        col = self.column
        for name in ("physics", "awake", "gravity", "collides"):
            col(name)[row] = True
        col("rear_m")[row], col("steer_gain")[row] = dynamics.bicycle_scaling(parameters.wheelbase_m)
        col("half")[row] = actor.extent
        col("center")[row] = actor.box_center
        self.set_mass(actor, parameters.mass_kg)
        self.set_pose(actor, location, rotation_deg)
        record = self.table.records[row]
        record["speed_limit_kmh"] = DEFAULT_SPEED_LIMIT_KMH
        record["light_state"] = LightState.GREEN
        record["control"]["gear"] = 1

    def set_mass(self, actor: Actor, mass_kg: float) -> None:
        """Set a vehicle's mass and what follows from it (inertia, driving and braking scales)."""
        col = self.column
        length, width = 2.0 * actor.extent[0], 2.0 * actor.extent[1]
        col("mass")[actor.row] = mass_kg
        col("inertia")[actor.row] = mass_kg * (length * length + width * width) / 12.0
        base_type = actor.vehicle.base_type if actor.vehicle else "car"
        col("drive_scale")[actor.row], col("brake_scale")[actor.row] = dynamics.mass_scales(mass_kg, base_type)

    def set_pose(self, actor: Actor, location: Array, rotation_deg: Array | None) -> None:
        """Teleport; velocity is kept, the vehicle settles on the ground from the next step on."""
        row, col = actor.row, self.column
        col("position")[row] = location
        if rotation_deg is not None:
            pitch, yaw, roll = np.radians(rotation_deg)
            col("pitch")[row], col("yaw")[row], col("roll")[row] = pitch, yaw, roll
            self.table.records["rotation_deg"][row] = rotation_deg
        col("grounded")[row] = False
        col("unsettled")[row] = True
        col("vertical_speed")[row] = 0.0
        self.table.records["location"][row] = location

    def set_velocity(self, actor: Actor, velocity: Array) -> None:
        """Give the body a world velocity: the part along its course rolls on, the rest skids."""
        row, col = actor.row, self.column
        ahead = self._course(row)
        speed = float(velocity[:2] @ ahead)
        col("speed")[row] = speed
        col("skid")[row] = velocity[:2] - speed * ahead
        col("vertical_speed")[row] = velocity[2]
        if velocity[2] > 0.1:
            col("grounded")[row] = False
        col("unsettled")[row] = True

    def add_velocity(self, actor: Actor, change: Array) -> None:
        """Change the body's world velocity by ``change`` (3,), m/s; what it did before is left as it was."""
        row, col = actor.row, self.column
        ahead = self._course(row)
        gain = float(change[:2] @ ahead)
        col("speed")[row] += gain
        col("skid")[row] += change[:2] - gain * ahead
        col("velocity")[row] += change
        col("vertical_speed")[row] += change[2]
        if change[2] > 0.1:
            col("grounded")[row] = False
        col("unsettled")[row] = True

    def _course(self, row: int) -> Array:
        """Direction (2,) in which a vehicle rolls: its heading turned by the slip of its steered wheels."""
        one = slice(row, row + 1)
        steer = self.table.records["control"]["steer"][one].astype(np.float64)
        slip = dynamics.slip_angle(steer, self.column("steer_gain")[one])
        course = float(self.column("yaw")[row] + slip[0])
        return np.array([math.cos(course), math.sin(course)])

    def add_spin(self, actor: Actor, change_radps: float) -> None:
        """Change the yaw rate; it decays by tyre friction."""
        self.column("skid_spin")[actor.row] += change_radps
        self.column("unsettled")[actor.row] = True

    def set_physics(self, actor: Actor, enabled: bool) -> None:
        """Freeze or release the body."""
        row, col = actor.row, self.column
        col("physics")[row] = enabled
        if not enabled:
            for name in ("speed", "skid", "skid_spin", "vertical_speed"):
                col(name)[row] = 0.0
        else:
            col("unsettled")[row] = True

    def step(self, dt_s: float) -> None:
        """Advance all bodies by ``dt_s`` without contacts between them."""
        if not len(self.table):
            return
        parts = max(1, math.ceil(dt_s / _MAX_SUBSTEP_S - 1e-6))
        for _ in range(parts):
            self._step_planar(dt_s / parts)
            self._step_vertical(dt_s / parts)

    def _step_planar(self, dt_s: float) -> None:
        col = self.column
        control = self.table.records["control"]
        physics = self.active
        grounded = col("grounded")
        speed = col("speed")
        manual = control["manual_gear_shift"] != 0
        backward = (control["reverse"] != 0) | (manual & (control["gear"] < 0))
        gear_sign = np.where(manual & (control["gear"] == 0), 0.0, np.where(backward, -1.0, 1.0))
        driven = dynamics.step_speed(
            speed,
            control["throttle"].astype(np.float64),
            control["brake"].astype(np.float64),
            control["hand_brake"] != 0,
            gear_sign,
            col("drive_scale"),
            col("brake_scale"),
            dt_s,
        )
        np.copyto(speed, driven, where=grounded & physics)
        np.copyto(speed, col("constant_velocity")[:, 0], where=col("constant_speed") & physics)
        slip = dynamics.slip_angle(control["steer"].astype(np.float64), col("steer_gain"))
        skid, skid_spin = col("skid"), col("skid_spin")
        spin = speed / col("rear_m") * np.sin(slip)
        yaw = col("yaw")
        course = yaw + slip
        velocity = col("velocity")
        velocity[:, 0] = speed * np.cos(course)
        velocity[:, 1] = speed * np.sin(course)
        if skid.any() or skid_spin.any():
            velocity[:, :2] += skid
            spin += skid_spin
            self._decay_skid(dt_s)
        velocity[:, :2] *= physics[:, None]
        spin *= physics
        col("spin")[:] = spin
        yaw += spin * dt_s
        yaw[:] = wrap_rad(yaw)
        col("position")[:, :2] += velocity[:, :2] * dt_s

    def _decay_skid(self, dt_s: float) -> None:
        """Tyre friction on motion that the wheels do not roll along."""
        col = self.column
        skid, skid_spin = col("skid"), col("skid_spin")
        grounded = col("grounded")
        slide = np.hypot(skid[:, 0], skid[:, 1])
        kept = np.maximum(slide - _SKID_FRICTION_MPS2 * dt_s * grounded, 0.0)
        skid *= np.divide(kept, slide, out=np.zeros_like(slide), where=slide > 0.0)[:, None]
        loss = _SKID_SPIN_FRICTION_RADPS2 * dt_s * grounded
        skid_spin[:] = np.sign(skid_spin) * np.maximum(np.abs(skid_spin) - loss, 0.0)

    def _step_vertical(self, dt_s: float) -> None:
        """Follow the road, fall towards it, or rest; bodies at rest on the ground are skipped."""
        col = self.column
        position, velocity = col("position"), col("velocity")
        moving = (velocity[:, 0] != 0.0) | (velocity[:, 1] != 0.0) | ~col("grounded") | col("unsettled")
        rows = np.flatnonzero(moving & self.active)
        velocity[:, 2] = 0.0
        if not len(rows):
            return
        hits = self._ground.query(position[rows])
        z, falling = position[rows, 2], col("vertical_speed")[rows]
        gap = z - hits.z
        was_grounded = col("grounded")[rows]
        buried = gap < -_BURIED_M
        on_road = ~buried & ((gap <= 1e-3) | (was_grounded & (gap < _STEP_UP_M))) & (falling <= 0.1)
        free = ~on_road & ~buried & col("gravity")[rows]
        falling = np.where(free, falling - dynamics.GRAVITY_MPS2 * dt_s, np.where(buried, 0.0, falling))
        fallen = z + falling * dt_s
        landed = free & (fallen <= hits.z)
        on_road |= landed
        new_z = np.where(on_road, hits.z, fallen)
        velocity[rows, 2] = (new_z - z) / dt_s
        position[rows, 2] = new_z
        col("vertical_speed")[rows] = np.where(on_road, 0.0, falling)
        col("grounded")[rows] = on_road
        col("unsettled")[rows] = ~(on_road | buried)
        self._tilt(rows[on_road], hits.grade_x[on_road], hits.grade_y[on_road])

    def _tilt(self, rows: NDArray[np.int64], grade_x: Array, grade_y: Array) -> None:
        """Lay grounded vehicles onto the surface gradient."""
        yaw = self.column("yaw")[rows]
        cos, sin = np.cos(yaw), np.sin(yaw)
        self.column("pitch")[rows] = np.arctan(grade_x * cos + grade_y * sin)
        self.column("roll")[rows] = np.arctan(grade_x * sin - grade_y * cos)

    def publish(self, dt_s: float) -> None:
        """Write the snapshot records from the state; acceleration is the velocity change over the tick."""
        if not len(self.table):
            return
        col, records = self.column, self.table.records
        velocity = col("velocity")
        active = self.active
        np.multiply(velocity, active[:, None], out=velocity)
        records["acceleration"] = (velocity - records["velocity"]) / dt_s
        records["velocity"] = velocity
        records["location"] = col("position")
        rotation = records["rotation_deg"]
        rotation[:, 0] = np.degrees(col("pitch"))
        rotation[:, 1] = np.degrees(col("yaw"))
        rotation[:, 2] = np.degrees(col("roll"))
        records["angular_velocity_deg"][:, 2] = np.degrees(col("spin") * active)
        control = records["control"]
        automatic = control["manual_gear_shift"] == 0
        gears = np.where(control["reverse"] != 0, -1, 1 + np.minimum(np.abs(col("speed")) / 7.0, 5.0).astype(np.int32))
        np.copyto(control["gear"], gears, where=automatic, casting="same_kind")
