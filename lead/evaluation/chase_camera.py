"""A camera that follows the ego, for videos; its pictures arrive whenever the client's stream thread gets to it."""

from __future__ import annotations

import queue

import carla
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FOV_DEG = 480, 540, 70.0
PERIOD_S = 0.1
_BEHIND_M, _ABOVE_M, _PITCH_DEG = 7.5, 3.6, -10.0


class ChaseCamera:
    """Films the ego from behind.

    Args:
        world: The world.
        ego: Vehicle to follow.
    """

    def __init__(self, world: carla.World, ego: carla.Vehicle) -> None:
        blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
        for name, value in (
            ("image_size_x", WIDTH),
            ("image_size_y", HEIGHT),
            ("fov", FOV_DEG),
            ("sensor_tick", PERIOD_S),
        ):
            blueprint.set_attribute(name, str(value))
        half = ego.bounding_box.extent
        pose = carla.Transform(
            carla.Location(x=-half.x - _BEHIND_M, z=2.0 * half.z + _ABOVE_M - 1.5), carla.Rotation(pitch=_PITCH_DEG)
        )
        self._pictures: queue.SimpleQueue[carla.Image] = queue.SimpleQueue()
        self._camera = world.spawn_actor(blueprint, pose, attach_to=ego)
        self._camera.listen(self._pictures.put)

    def take(self, timeout_s: float = 0.0) -> tuple[int, NDArray[np.uint8]] | None:
        """The oldest picture not yet taken: its frame and (HEIGHT, WIDTH, 3) RGB; None if there is none in time."""
        try:
            image = self._pictures.get(timeout=timeout_s) if timeout_s > 0.0 else self._pictures.get_nowait()
        except queue.Empty:
            return None
        pixels = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
        return image.frame, np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB), np.uint8)

    def close(self) -> None:
        """Stop filming and remove the camera."""
        self._camera.stop()
        self._camera.destroy()
