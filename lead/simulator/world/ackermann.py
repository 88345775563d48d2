"""Ackermann control: holds a steering angle, a speed and an acceleration limit by working the pedals every tick.

Two cascaded controllers with CARLA's gains: the speed controller asks for an acceleration inside the commanded limit,
the acceleration controller corrects the pedal that the vehicle model says will give it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from lead.simulator.world.actors import Actor
from lead.simulator.world.dynamics import drive_acceleration, full_brake_deceleration, steer_for_curvature
from lead.simulator.world.vehicles import VehicleFleet

_STANDSTILL_MPS = 0.1
_MAX_ACCELERATION_MPS2 = 3.0
_MAX_DECELERATION_MPS2 = 8.0
_SPEED_HORIZON_S = 0.5
"""Time in which a speed error is to be closed, limits permitting."""
_SMOOTHING_S = 0.3
"""Time constant of the acceleration measurement: single ticks are too rough for the derivative gain."""
_MAX_CORRECTION = 0.2
_PEDAL_BISECTIONS = 14


@dataclass(slots=True)
class AckermannTarget:
    """What the client asked for: steering angle (rad), its rate (rad/s, 0: at once), speed, acceleration, jerk."""

    steer_rad: float
    steer_speed_radps: float
    speed_mps: float
    acceleration_mps2: float
    jerk_mps3: float


@dataclass(slots=True)
class AckermannGains:
    """Gains of the two controllers, CARLA's defaults."""

    speed_kp: float = 0.15
    speed_ki: float = 0.0
    speed_kd: float = 0.25
    accel_kp: float = 0.01
    accel_ki: float = 0.0
    accel_kd: float = 0.01

    def to_wire(self) -> list[float]:
        """The gains in wire order."""
        return [self.speed_kp, self.speed_ki, self.speed_kd, self.accel_kp, self.accel_ki, self.accel_kd]


@dataclass(slots=True)
class _Pid:
    """Textbook PID; the first call has no derivative."""

    integral: float = 0.0
    previous: float | None = None

    def run(self, error: float, gains: tuple[float, float, float], dt_s: float) -> float:
        kp, ki, kd = gains
        self.integral += error * dt_s
        slope = 0.0 if self.previous is None else (error - self.previous) / dt_s
        self.previous = error
        return kp * error + ki * self.integral + kd * slope


@dataclass(slots=True)
class _Driver:
    """Controller state of one vehicle."""

    actor: Actor
    target: AckermannTarget
    gains: AckermannGains
    steer_rad: float = 0.0
    acceleration_mps2: float = 0.0
    measured_mps2: float = 0.0
    speed_pid: _Pid = field(default_factory=_Pid)
    accel_pid: _Pid = field(default_factory=_Pid)


class AckermannDrivers:
    """The vehicles under Ackermann control; an ordinary VehicleControl releases a vehicle."""

    def __init__(self, fleet: VehicleFleet) -> None:
        self._fleet = fleet
        self._drivers: dict[int, _Driver] = {}
        self._gains: dict[int, AckermannGains] = {}

    def command(self, actor: Actor, target: AckermannTarget) -> None:
        """Start or continue driving towards a target; the controller state of a vehicle already driven is kept."""
        driver = self._drivers.get(actor.id)
        if driver is None:
            driver = self._drivers[actor.id] = _Driver(actor, target, self.gains(actor))
        driver.target = target

    def release(self, actor: Actor) -> None:
        """Give the vehicle back to ordinary control."""
        self._drivers.pop(actor.id, None)

    def forget(self, actor: Actor) -> None:
        """Drop everything known of a destroyed vehicle."""
        self.release(actor)
        self._gains.pop(actor.id, None)

    def gains(self, actor: Actor) -> AckermannGains:
        """Controller gains of a vehicle."""
        return self._gains.get(actor.id, AckermannGains())

    def set_gains(self, actor: Actor, gains: AckermannGains) -> None:
        """Change the gains, from the next tick on."""
        self._gains[actor.id] = gains
        if actor.id in self._drivers:
            self._drivers[actor.id].gains = gains

    def step(self, dt_s: float) -> None:
        """Work the pedals and the wheel of every driven vehicle for the coming tick."""
        for driver in self._drivers.values():
            self._drive(driver, dt_s)

    def _drive(self, driver: _Driver, dt_s: float) -> None:
        fleet, row, target = self._fleet, driver.actor.row, driver.target
        speed = float(fleet.column("speed")[row])
        control = fleet.table.records["control"][row]
        control["steer"] = self._steer(driver, dt_s)
        backward = target.speed_mps < 0.0
        along = -speed if backward else speed
        arrived = abs(target.speed_mps) < _STANDSTILL_MPS and abs(speed) < _STANDSTILL_MPS
        if arrived or along < -_STANDSTILL_MPS:
            # Standing at the target, or rolling the wrong way: stop first.
            driver.acceleration_mps2 = driver.measured_mps2 = 0.0
            driver.speed_pid, driver.accel_pid = _Pid(), _Pid()
            control["throttle"], control["brake"] = 0.0, 1.0
            return
        pedal = self._pedal(driver, abs(target.speed_mps) - along, dt_s)
        control["throttle"], control["brake"] = max(pedal, 0.0), max(-pedal, 0.0)
        control["hand_brake"], control["manual_gear_shift"] = 0, 0
        control["reverse"] = backward

    def _steer(self, driver: _Driver, dt_s: float) -> float:
        """Normalised steering after ``dt_s`` of turning the wheel at the commanded rate."""
        parameters = driver.actor.vehicle
        assert parameters is not None
        limit = math.radians(parameters.max_steer_deg)
        wanted = min(max(driver.target.steer_rad, -limit), limit)
        rate = driver.target.steer_speed_radps * dt_s
        change = wanted - driver.steer_rad
        driver.steer_rad += math.copysign(min(abs(change), rate), change) if rate > 0.0 else change
        gain = float(self._fleet.column("steer_gain")[driver.actor.row])
        rear = float(self._fleet.column("rear_m")[driver.actor.row])
        return steer_for_curvature(math.tan(driver.steer_rad) / parameters.wheelbase_m, rear, gain)

    def _pedal(self, driver: _Driver, speed_error: float, dt_s: float) -> float:
        """Pedal value in [-1, 1] from the speed error in the driving direction."""
        gains = driver.gains
        limit = abs(driver.target.acceleration_mps2)
        high = limit or _MAX_ACCELERATION_MPS2
        low = -(limit or _MAX_DECELERATION_MPS2)
        speed_gains = (gains.speed_kp, gains.speed_ki, gains.speed_kd)
        asked = speed_error / _SPEED_HORIZON_S + driver.speed_pid.run(speed_error, speed_gains, dt_s)
        wanted = min(max(asked, low), high)
        if driver.target.jerk_mps3 > 0.0:
            step = driver.target.jerk_mps3 * dt_s
            wanted = min(max(wanted, driver.acceleration_mps2 - step), driver.acceleration_mps2 + step)
        driver.acceleration_mps2 = wanted
        driver.measured_mps2 += (self._acceleration(driver) - driver.measured_mps2) * min(dt_s / _SMOOTHING_S, 1.0)
        accel_gains = (gains.accel_kp, gains.accel_ki, gains.accel_kd)
        correction = driver.accel_pid.run(wanted - driver.measured_mps2, accel_gains, dt_s)
        correction = min(max(correction, -_MAX_CORRECTION), _MAX_CORRECTION)
        return min(max(self._model_pedal(driver.actor, wanted) + correction, -1.0), 1.0)

    def _model_pedal(self, actor: Actor, wanted_mps2: float) -> float:
        """Pedal in [-1, 1] that gives an acceleration according to the vehicle model."""
        col, row = self._fleet.column, actor.row
        speed = np.array([abs(float(col("speed")[row]))])
        drive_scale = float(col("drive_scale")[row])

        def gain(throttle: float) -> float:
            value = float(drive_acceleration(speed, np.array([throttle]))[0])
            return value * drive_scale if value > 0.0 else value

        coasting = gain(0.0)
        if wanted_mps2 <= coasting:
            full = -float(full_brake_deceleration(speed)[0]) * float(col("brake_scale")[row])
            return -(wanted_mps2 - coasting) / (full - coasting)
        low, high = 0.0, 1.0
        for _ in range(_PEDAL_BISECTIONS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if gain(middle) < wanted_mps2 else (low, middle)
        return high

    def _acceleration(self, driver: _Driver) -> float:
        """Acceleration of the last tick along the driving direction."""
        record = self._fleet.table.records[driver.actor.row]
        yaw = float(self._fleet.column("yaw")[driver.actor.row])
        x, y = float(record["acceleration"][0]), float(record["acceleration"][1])
        ahead = x * math.cos(yaw) + y * math.sin(yaw)
        return -ahead if driver.target.speed_mps < 0.0 else ahead
