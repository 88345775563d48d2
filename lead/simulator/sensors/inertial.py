"""Sensors of the body's own motion: GNSS and IMU."""

from __future__ import annotations

from collections.abc import Mapping

import msgpack
import numpy as np
from numpy.typing import NDArray

from lead.geometry.geodesy import world_to_geo
from lead.simulator.sensors.base import Sensor, SensorContext

# The original remembers "no previous tick" as the largest float, which leaves its first output nothing but
# gravity.
_NO_PREVIOUS_TICK_S = float(np.finfo(np.float32).max)


class Gnss(Sensor):
    """``sensor.other.gnss``: latitude, longitude and altitude with bias and white noise."""

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        axes = ("lat", "lon", "alt")
        self._bias = np.array([self._float(f"noise_{axis}_bias") for axis in axes])
        self._stddev = np.array([self._float(f"noise_{axis}_stddev", low=0.0) for axis in axes])

    def _measure(self, context: SensorContext, elapsed_s: float) -> bytes:
        x, y, z = context.location
        exact = np.array(world_to_geo(x, y, z, *context.geo_reference))
        noisy = exact + self._bias + self._stddev * self._rng.standard_normal(3)
        return bytes(msgpack.packb(noisy.tolist()))


class Imu(Sensor):
    """``sensor.other.imu``: accelerometer, gyroscope and compass.

    The accelerometer differentiates the sensor's own positions, so the first outputs carry the artefacts of
    the original: it starts from two positions at the world's origin.
    """

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        self._accel_stddev = np.array([self._float(f"noise_accel_stddev_{axis}", low=0.0) for axis in "xyz"])
        self._gyro_stddev = np.array([self._float(f"noise_gyro_stddev_{axis}", low=0.0) for axis in "xyz"])
        self._gyro_bias = np.array([self._float(f"noise_gyro_bias_{axis}") for axis in "xyz"])
        self._previous = np.zeros(3)
        self._before = np.zeros(3)
        self._previous_step_s = _NO_PREVIOUS_TICK_S

    def _measure(self, context: SensorContext, elapsed_s: float) -> bytes:
        noise = self._rng.standard_normal(6)
        acceleration = self._acceleration(context, elapsed_s) + self._accel_stddev * noise[:3]
        gyroscope = self._angular_velocity(context) + self._gyro_bias + self._gyro_stddev * noise[3:]
        compass = (np.radians(context.rotation_deg[1]) + np.pi / 2.0) % (2.0 * np.pi)
        return bytes(msgpack.packb([acceleration.tolist(), gyroscope.tolist(), float(compass)]))

    def _acceleration(self, context: SensorContext, step_s: float) -> NDArray[np.float64]:
        """Second derivative of the parabola through three positions, plus gravity, in the sensor's frame."""
        location, before_s = context.location, self._previous_step_s
        span_s = step_s + before_s
        world = 2.0 * (
            self._before / (before_s * span_s) - self._previous / (step_s * before_s) + location / (step_s * span_s)
        )
        world[2] += context.gravity_mps2
        self._before, self._previous, self._previous_step_s = self._previous, np.array(location), step_s
        return np.asarray(world @ context.rotation)

    def _angular_velocity(self, context: SensorContext) -> NDArray[np.float64]:
        """Angular velocity of the parent in its frame, turned by the mount.

        The mount's rotation is applied forwards, as the original does: it matters for rotated mounts only. A
        sensor without parent stands still.
        """
        if context.parent_rotation is None:
            return np.zeros(3)
        in_parent = context.parent_rotation.T @ context.parent_angular_velocity
        mount = context.parent_rotation.T @ context.rotation
        return np.asarray(mount @ in_parent)
