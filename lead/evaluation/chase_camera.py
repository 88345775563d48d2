"""Cameras that follow the ego, for videos; their pictures arrive whenever the client's stream thread gets to it."""

from __future__ import annotations

import queue
import time
from collections import deque
from dataclasses import dataclass

import carla
import cv2
import numpy as np
from numpy.typing import NDArray

KEPT_PICTURES = 40
"""Pictures that may wait, two seconds of driving; a slow reader loses the oldest."""


@dataclass(frozen=True)
class Mount:
    """Where a camera sits on the ego and what it takes.

    Attributes:
        location: x, y, z in the ego frame, metres.
        pitch_deg: Pitch.
        width: Picture width, pixels.
        height: Picture height, pixels.
        fov_deg: Horizontal field of view.
    """

    location: tuple[float, float, float]
    pitch_deg: float
    width: int
    height: int
    fov_deg: float


class FollowCamera:
    """Films the ego from a fixed place relative to it."""

    def __init__(self, world: carla.World, ego: carla.Vehicle, mount: Mount, period_s: float = 0.0) -> None:
        """Spawn the camera; its first picture is that of the next tick.

        Args:
            world: The world.
            ego: Vehicle to follow.
            mount: Place and optics.
            period_s: Simulated time between pictures; 0 for every tick.
        """
        blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
        for name, value in (
            ("image_size_x", mount.width),
            ("image_size_y", mount.height),
            ("fov", mount.fov_deg),
            ("sensor_tick", period_s),
            ("motion_blur_intensity", 0.0),
        ):
            blueprint.set_attribute(name, str(value))
        x, y, z = mount.location
        pose = carla.Transform(carla.Location(x, y, z), carla.Rotation(pitch=mount.pitch_deg))
        self._arrivals: queue.SimpleQueue[carla.Image] = queue.SimpleQueue()
        self._kept: deque[carla.Image] = deque(maxlen=KEPT_PICTURES)
        self._camera = world.spawn_actor(blueprint, pose, attach_to=ego)
        self._camera.listen(self._arrivals.put)

    def take(self, timeout_s: float = 0.0) -> tuple[int, NDArray[np.uint8]] | None:
        """The oldest picture not yet taken: its frame and (height, width, 3) RGB; None if there is none in time."""
        if not self._collect(timeout_s if not self._kept else 0.0):
            return None
        image = self._kept.popleft()
        return image.frame, _rgb(image)

    def picture_of(self, frame: int, timeout_s: float = 0.0) -> NDArray[np.uint8] | None:
        """The picture of a frame, or the nearest one if the camera skipped that frame; ask for rising frames.

        Args:
            frame: Frame wanted.
            timeout_s: Longest wait.

        Returns:
            (height, width, 3) uint8 RGB; None if pictures of this time did not arrive yet.
        """
        deadline_s = time.monotonic() + timeout_s
        self._collect(0.0)
        while not self._kept or self._kept[-1].frame < frame:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0.0 or not self._collect(left_s, only_new=True):
                return None
        while len(self._kept) > 1 and abs(self._kept[1].frame - frame) <= abs(self._kept[0].frame - frame):
            self._kept.popleft()
        return _rgb(self._kept[0])

    def close(self) -> None:
        """Stop filming; the episode removes the camera with its other actors.

        Destroying it here, while sensors of the agent listen, could make the client wait for itself.

        Raises:
            RuntimeError: If the simulator does not answer.
        """
        self._camera.stop()

    def _collect(self, timeout_s: float, *, only_new: bool = False) -> bool:
        """Take over what has arrived, waiting for the first one; tell whether there is any."""
        before = len(self._kept)
        wait_s = timeout_s
        arrived = False
        while True:
            try:
                image = self._arrivals.get(timeout=wait_s) if wait_s > 0.0 else self._arrivals.get_nowait()
            except queue.Empty:
                return arrived if only_new else arrived or before > 0
            self._kept.append(image)
            arrived, wait_s = True, 0.0


def _rgb(image: carla.Image) -> NDArray[np.uint8]:
    pixels = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB), np.uint8)
