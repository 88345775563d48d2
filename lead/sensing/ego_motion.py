"""From GNSS, compass and speedometer to the ego's pose and its recent motion."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.config.legacy import PUBLISHED, Legacy
from lead.control.position_filter import AppliedControl, PositionFilter
from lead.control.sparse_route import world_to_ego
from lead.geometry.frames import wrap_rad
from lead.geometry.gnss_reference import GnssReference
from lead.sensing.errors import SensorError
from lead.sensing.stacking import RADAR_TICKS


@dataclass(frozen=True)
class EgoPose:
    """Pose of a tick and how it was reached.

    Attributes:
        measured_m: (2,) float64, world position by GNSS alone.
        filtered_m: (2,) float64, world position by the filter.
        yaw_rad: Heading by the compass, unwrapped.
        speed_mps: Speed by the speedometer.
        past_positions_ego: (n, 2) float64, smoothed positions of the last ticks in the present ego frame, oldest first,
            n <= 10; the last row is the present, (0, 0).
        past_yaws_rad: (n,) float64, headings by the compass relative to the present one.
    """

    measured_m: NDArray[np.float64]
    filtered_m: NDArray[np.float64]
    yaw_rad: float
    speed_mps: float
    past_positions_ego: NDArray[np.float64]
    past_yaws_rad: NDArray[np.float64]


class EgoMotion:
    """Keeps the position filter and the compass's turns."""

    def __init__(self, reference: GnssReference, legacy: Legacy = PUBLISHED) -> None:
        """Start without history.

        Args:
            reference: Converts fixes; the same one that converted the route.
            legacy: Quirks of the smoother.
        """
        self._reference = reference
        self._filter = PositionFilter(legacy)
        self._yaws_rad: deque[float] = deque(maxlen=RADAR_TICKS)

    def step(self, gnss: ArrayLike, compass_rad: float, speed_mps: float, control: AppliedControl) -> EgoPose:
        """Take the measurements of one tick.

        Args:
            gnss: Latitude and longitude in degrees, then perhaps the altitude.
            compass_rad: Compass, clockwise from north; NaN, which CARLA's IMU delivers at times, counts as 0.
            speed_mps: Speedometer.
            control: Control applied since the last tick.

        Raises:
            SensorError: If the fix or the speed is not finite.
        """
        fix = np.asarray(gnss, dtype=np.float64)
        if fix.ndim != 1 or len(fix) < 2 or not np.isfinite(fix[:2]).all():
            raise SensorError(f"the GNSS delivered {fix.tolist()} instead of a latitude and a longitude")
        if not math.isfinite(speed_mps):
            raise SensorError(f"the speedometer delivered {speed_mps}")
        if math.isinf(compass_rad):
            raise SensorError(f"the IMU's compass delivered {compass_rad}")
        yaw_rad = yaw_from_compass(compass_rad)
        if self._yaws_rad:
            yaw_rad = self._yaws_rad[-1] + math.remainder(yaw_rad - self._yaws_rad[-1], 2.0 * math.pi)
        self._yaws_rad.append(yaw_rad)
        measured = self._reference.to_world(fix[0], fix[1])
        filtered = self._filter.step(measured, yaw_rad, speed_mps, control)
        past = self._filter.smoothed(RADAR_TICKS)
        return EgoPose(
            measured,
            filtered[:2],
            yaw_rad,
            speed_mps,
            world_to_ego(past[:, :2], past[-1, :2], float(past[-1, 2])),
            wrap_rad(np.array(self._yaws_rad) - yaw_rad),
        )


def yaw_from_compass(compass_rad: float) -> float:
    """Heading in the world frame, wrapped, from a compass value; NaN counts as 0, as published."""
    if math.isnan(compass_rad):
        compass_rad = 0.0
    return math.remainder(compass_rad - 0.5 * math.pi, 2.0 * math.pi)
