"""All camera kinds: their image headers around what the renderer draws."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lead.simulator.rendering.interim import flat_image
from lead.simulator.sensors.base import Sensor, SensorContext

MAX_IMAGE_SIDE_PX = 16384
_FOV_LIMITS_DEG = (0.01, 179.9)

IMAGE_HEADER = np.dtype([("width", "<u4"), ("height", "<u4"), ("fov_deg", "<f4")])


class Camera(Sensor):
    """``sensor.camera.*``: a 12-byte header and pixels (or flow vectors, or events)."""

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        self.kind = blueprint_id.rsplit(".", 1)[-1]
        self.width_px = self._int("image_size_x", low=1, high=MAX_IMAGE_SIDE_PX)
        self.height_px = self._int("image_size_y", low=1, high=MAX_IMAGE_SIDE_PX)
        self.fov_deg = self._float("fov", low=_FOV_LIMITS_DEG[0], high=_FOV_LIMITS_DEG[1])
        self._body: bytes | None = None

    def _measure(self, context: SensorContext, elapsed_s: float) -> bytes:
        # The interim image never changes, so it is made once.
        if self._body is None:
            header = np.array((self.width_px, self.height_px, self.fov_deg), dtype=IMAGE_HEADER)
            self._body = header.tobytes() + flat_image(self.kind, self.width_px, self.height_px)
        return self._body
