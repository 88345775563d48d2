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
_KEPT_PATTERNS = 8
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
        # Numbers of the rays that were fired in this tick, channel by channel, and how many a channel has.
        self._fired, self._per_channel = np.zeros(0, np.intp), 1
        self._patterns: dict[tuple[float, int, float], NDArray[np.float32]] = {}

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
        self._fired, self._per_channel = self._choose(len(directions)), per_channel
        rays = directions.take(self._fired, axis=0)
        return RayBundle(context.location, rays, self.range_m, context.rotation)

    def _pack(self, context: SensorContext, elapsed_s: float, bundle: RayBundle, hits: RayHits) -> bytes:
        seen = np.flatnonzero(np.isfinite(hits.distance))
        points, seen = self._points(bundle.directions, hits, seen)
        counts = np.bincount(self._fired[seen] // self._per_channel, minlength=self.channels).astype("<u4")
        angle = np.array([math.radians(self._phase_deg)], dtype="<f4")
        return angle.tobytes() + np.array([self.channels], dtype="<u4").tobytes() + counts.tobytes() + points

    def _fire(self, per_channel: int, dt_s: float) -> NDArray[np.float32]:
        """Unit vectors of this tick's rays in the sensor frame, channel by channel; advances the phase."""
        fov = self._horizontal_fov_deg
        sweep = self._frequency_hz * fov * dt_s
        start = self._phase_deg
        self._phase_deg = math.fmod(start + sweep, fov)
        key = start, per_channel, sweep
        if key not in self._patterns:  # a lidar that turns evenly repeats itself after some ticks
            if len(self._patterns) >= _KEPT_PATTERNS:
                self._patterns.clear()
            azimuth = np.fmod(start + np.arange(per_channel) * (sweep / per_channel), fov) - fov / 2.0
            self._patterns[key] = self._pattern(np.radians(azimuth))
        return self._patterns[key]

    def _pattern(self, azimuth: NDArray[np.float64]) -> NDArray[np.float32]:
        """Unit vectors of all channels at azimuths in radians."""
        per_channel = len(azimuth)
        directions = np.empty((self.channels, per_channel, 3), dtype=np.float32)
        directions[..., 0] = self._cos_elevation[:, None] * np.cos(azimuth)
        directions[..., 1] = self._cos_elevation[:, None] * np.sin(azimuth)
        directions[..., 2] = self._sin_elevation[:, None]
        return directions.reshape(-1, 3)

    def _choose(self, count: int) -> NDArray[np.intp]:
        """Numbers of the rays that are traced at all."""
        return np.arange(count)

    @abstractmethod
    def _points(
        self, directions: NDArray[np.float32], hits: RayHits, seen: NDArray[np.intp]
    ) -> tuple[bytes, NDArray[np.intp]]:
        """Records of the rays that were ``seen`` again, and those of them that survived."""


class Lidar(_RotatingLidar):
    """``sensor.lidar.ray_cast``: points with intensity, drop-off and noise."""

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        self._attenuation = self._float("atmosphere_attenuation_rate", low=0.0)
        self._general_rate = self._float("dropoff_general_rate", low=0.0, high=1.0)
        self._intensity_limit = self._float("dropoff_intensity_limit", low=0.0, high=1.0)
        self._zero_intensity = self._float("dropoff_zero_intensity", low=0.0, high=1.0)
        self._noise_stddev_m = self._float("noise_stddev", low=0.0)

    def _choose(self, count: int) -> NDArray[np.intp]:
        if self._general_rate == 0.0:
            return super()._choose(count)
        return np.flatnonzero(self._rng.random(count, dtype=np.float32) >= self._general_rate)

    def _points(
        self, directions: NDArray[np.float32], hits: RayHits, seen: NDArray[np.intp]
    ) -> tuple[bytes, NDArray[np.intp]]:
        distance = hits.distance.take(seen)
        intensity = np.exp(np.float32(-self._attenuation) * distance)
        if self._noise_stddev_m > 0.0:
            noise = self._rng.standard_normal(len(seen), dtype=np.float32)
            distance = distance + np.float32(self._noise_stddev_m) * noise
        if self._zero_intensity > 0.0 and self._intensity_limit > 0.0:
            slope = np.float32(self._zero_intensity / self._intensity_limit)
            chance = slope * intensity + np.float32(1.0 - self._zero_intensity)
            draw = self._rng.random(len(seen), dtype=np.float32)
            kept = np.flatnonzero((intensity > self._intensity_limit) | (draw < chance))
            seen, distance, intensity = seen.take(kept), distance.take(kept), intensity.take(kept)
        # Column by column: rows of three are too short for the processor's vectors.
        rays = directions.take(seen, axis=0)
        records = np.empty((len(seen), 4), dtype="<f4")
        for axis in range(3):
            np.multiply(rays[:, axis], distance, out=records[:, axis])
        records[:, 3] = intensity
        return records.tobytes(), seen


class SemanticLidar(_RotatingLidar):
    """``sensor.lidar.ray_cast_semantic``: points with incidence, actor and class; no noise or drop-off."""

    def _points(
        self, directions: NDArray[np.float32], hits: RayHits, seen: NDArray[np.intp]
    ) -> tuple[bytes, NDArray[np.intp]]:
        records = np.zeros(len(seen), dtype=SEMANTIC_POINT)
        hits = hits.take(seen)
        records["xyz"] = directions[seen] * hits.distance[:, None]
        records["cos_incidence"] = hits.cos_incidence
        records["label"] = hits.label
        on_level = (hits.object_id & LEVEL_OBJECT_BIT) != 0
        records["actor_id"] = np.where(on_level, np.uint32(0), hits.object_id)
        return records.tobytes(), seen
