"""Rotating lidars: the firing pattern, drop-off and noise of ``ray_cast`` and ``ray_cast_semantic``."""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lead.simulator.rendering.scene import LEVEL_OBJECT_BIT, RayBundle, RayHits
from lead.simulator.sensors.base import RaySensor, SensorContext

logger = logging.getLogger(__name__)

_MAX_CHANNELS = 4096
_MAX_POINTS_PER_SECOND = 100_000_000
SEMANTIC_POINT = np.dtype(
    [("xyz", "<f4", 3), ("cos_incidence", "<f4"), ("actor_id", "<u4"), ("label", "<u4")], align=False
)


class _RotatingLidar(RaySensor):
    """Firing pattern common to both lidars; angles in degrees because the phase is defined in degrees."""

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        self.channels = self._int("channels", low=1, high=_MAX_CHANNELS)
        self.range_m = self._float("range", low=0.01)
        self._points_per_second = self._int("points_per_second", low=0, high=_MAX_POINTS_PER_SECOND)
        self._frequency_hz = self._float("rotation_frequency", low=0.0)
        self._horizontal_fov_deg = self._float("horizontal_fov", low=0.001, high=360.0)
        upper, lower = self._float("upper_fov"), self._float("lower_fov")
        elevation = np.radians(np.linspace(upper, lower, self.channels))
        self._cos_elevation, self._sin_elevation = np.cos(elevation), np.sin(elevation)
        self._phase_deg = 0.0
        self._warned = False
        self._channel = np.zeros(0, np.int64)  # of the rays that were fired in this tick

    def _aim(self, context: SensorContext) -> RayBundle | None:
        # Half away from zero, as the original rounds; the tick, not the time since the last output, sets the
        # count.
        per_channel = math.floor(self._points_per_second * context.dt_s / self.channels + 0.5)
        if per_channel == 0:
            if not self._warned:
                logger.warning("%s has no point per channel and tick and stays silent", self.blueprint_id)
                self._warned = True
            return None
        directions = self._fire(per_channel, context.dt_s)
        kept = self._fired(len(directions))
        self._channel = np.repeat(np.arange(self.channels), per_channel)
        if kept is not None:
            directions, self._channel = directions[kept], self._channel[kept]
        return RayBundle(context.location, directions, self.range_m, context.rotation)

    def _pack(self, context: SensorContext, elapsed_s: float, bundle: RayBundle, hits: RayHits) -> bytes:
        seen = np.flatnonzero(np.isfinite(hits.distance))
        points, seen = self._points(bundle.directions[seen], hits.take(seen), seen)
        counts = np.bincount(self._channel[seen], minlength=self.channels).astype("<u4")
        angle = np.array([math.radians(self._phase_deg)], dtype="<f4")
        return angle.tobytes() + np.array([self.channels], dtype="<u4").tobytes() + counts.tobytes() + points

    def _fire(self, per_channel: int, dt_s: float) -> NDArray[np.float32]:
        """Unit vectors of this tick's rays in the sensor frame, channel by channel; advances the phase."""
        fov = self._horizontal_fov_deg
        sweep = self._frequency_hz * fov * dt_s
        azimuth = np.fmod(self._phase_deg + np.arange(per_channel) * (sweep / per_channel), fov) - fov / 2.0
        self._phase_deg = math.fmod(self._phase_deg + sweep, fov)
        azimuth = np.radians(azimuth)
        directions = np.empty((self.channels, per_channel, 3), dtype=np.float32)
        directions[..., 0] = self._cos_elevation[:, None] * np.cos(azimuth)
        directions[..., 1] = self._cos_elevation[:, None] * np.sin(azimuth)
        directions[..., 2] = self._sin_elevation[:, None]
        return directions.reshape(-1, 3)

    def _fired(self, count: int) -> NDArray[np.intp] | None:
        """Indices of the rays that are traced at all; None for all."""
        return None

    @abstractmethod
    def _points(
        self, directions: NDArray[np.float32], hits: RayHits, seen: NDArray[np.intp]
    ) -> tuple[bytes, NDArray[np.intp]]:
        """Records of the hits, and those of ``seen`` (ray numbers) that survived."""


class Lidar(_RotatingLidar):
    """``sensor.lidar.ray_cast``: points with intensity, drop-off and noise."""

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        self._attenuation = self._float("atmosphere_attenuation_rate", low=0.0)
        self._general_rate = self._float("dropoff_general_rate", low=0.0, high=1.0)
        self._intensity_limit = self._float("dropoff_intensity_limit", low=0.0, high=1.0)
        self._zero_intensity = self._float("dropoff_zero_intensity", low=0.0, high=1.0)
        self._noise_stddev_m = self._float("noise_stddev", low=0.0)

    def _fired(self, count: int) -> NDArray[np.intp] | None:
        if self._general_rate == 0.0:
            return None
        return np.flatnonzero(self._rng.random(count, dtype=np.float32) >= self._general_rate)

    def _points(
        self, directions: NDArray[np.float32], hits: RayHits, seen: NDArray[np.intp]
    ) -> tuple[bytes, NDArray[np.intp]]:
        intensity = np.exp(np.float32(-self._attenuation) * hits.distance)
        distance = hits.distance
        if self._noise_stddev_m > 0.0:
            noise = self._rng.standard_normal(len(seen), dtype=np.float32)
            distance = distance + np.float32(self._noise_stddev_m) * noise
        records = np.empty((len(seen), 4), dtype="<f4")
        np.multiply(directions, distance[:, None], out=records[:, :3])
        records[:, 3] = intensity
        if self._zero_intensity > 0.0 and self._intensity_limit > 0.0:
            slope = np.float32(self._zero_intensity / self._intensity_limit)
            chance = slope * intensity + np.float32(1.0 - self._zero_intensity)
            draw = self._rng.random(len(seen), dtype=np.float32)
            kept = np.flatnonzero((intensity > self._intensity_limit) | (draw < chance))
            records, seen = records[kept], seen[kept]
        return records.tobytes(), seen


class SemanticLidar(_RotatingLidar):
    """``sensor.lidar.ray_cast_semantic``: points with incidence, actor and class; no noise or drop-off."""

    def _points(
        self, directions: NDArray[np.float32], hits: RayHits, seen: NDArray[np.intp]
    ) -> tuple[bytes, NDArray[np.intp]]:
        records = np.zeros(len(seen), dtype=SEMANTIC_POINT)
        records["xyz"] = directions * hits.distance[:, None]
        records["cos_incidence"] = hits.cos_incidence
        records["label"] = hits.label
        on_level = (hits.object_id & LEVEL_OBJECT_BIT) != 0
        records["actor_id"] = np.where(on_level, np.uint32(0), hits.object_id)
        return records.tobytes(), seen
