"""``sensor.other.radar``: rays in an ellipse around the boresight, and the speed of what they hit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lead.simulator.rendering.scene import RayBundle, RayHits
from lead.simulator.sensors.base import RaySensor, SensorContext

_MAX_POINTS_PER_SECOND = 10_000_000
# A count such as 2100 * 0.05 comes out as 104.99999999999999; the original multiplies in single precision.
_COUNT_SLACK = 1e-6


class Radar(RaySensor):
    """Radar; its own velocity is the difference of its positions, as in the original."""

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        fov = [self._float(f"{axis}_fov", low=0.0, high=179.0) for axis in ("horizontal", "vertical")]
        self._half_width, self._half_height = np.tan(np.radians(fov) / 2.0)
        self.range_m = self._float("range", low=0.01)
        self._points_per_second = self._int("points_per_second", low=0, high=_MAX_POINTS_PER_SECOND)
        self._previous: NDArray[np.float64] | None = None

    def _aim(self, context: SensorContext) -> RayBundle:
        count = int(self._points_per_second * context.dt_s + _COUNT_SLACK)
        radius, angle = self._rng.random(count), self._rng.random(count) * (2.0 * np.pi)
        ends = np.ones((count, 3))
        ends[:, 1] = self._half_width * radius * np.cos(angle)
        ends[:, 2] = self._half_height * radius * np.sin(angle)
        # The rays end on a plane at `range`, so off the boresight they are a little longer.
        longest_m = self.range_m * float(np.hypot(1.0, np.hypot(self._half_width, self._half_height)))
        rays = ends / np.linalg.norm(ends, axis=1, keepdims=True)
        return RayBundle(context.location, rays.astype(np.float32), longest_m, context.rotation)

    def _pack(self, context: SensorContext, elapsed_s: float, bundle: RayBundle, hits: RayHits) -> bytes:
        velocity = context.velocity if self._previous is None else (context.location - self._previous) / elapsed_s
        self._previous = np.array(context.location)
        rays = bundle.directions.astype(np.float64)
        seen = np.flatnonzero(hits.distance * rays[:, 0] <= self.range_m)
        rays = rays[seen]
        closing = (context.velocity_of(hits.instance[seen]) - velocity) @ context.rotation
        x, y, z = rays.T
        records = np.empty((len(seen), 4), dtype="<f4")
        records[:, 0] = (closing * rays).sum(axis=1)
        records[:, 1] = np.arctan2(y, x)
        records[:, 2] = np.arctan2(z, np.hypot(x, y))
        records[:, 3] = hits.distance[seen]
        return records.tobytes()
