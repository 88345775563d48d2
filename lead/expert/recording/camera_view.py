"""What the cameras of a tick show, pixel by pixel: class, engine instance and place of every pixel.

Labels need two things from it: how many pixels of an actor are visible, and which pixels belong to actors whose class
CARLA does not tell apart. Neither needs the whole cloud: only pixels near a box, or of one class, are unprojected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import rotation_matrices
from lead.sensing.rigs import Camera

Array = NDArray[np.float64]

NEAR_M = 0.1
"""Box corners nearer to the picture plane than this make the whole picture a candidate."""
_CORNERS = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])


@dataclass(frozen=True)
class LabelBox:
    """A box in the ego frame, as labels have it: upright, around an actor's origin.

    Attributes:
        center_ego: (3,) float64, metres.
        half_m: (3,) float64 half sizes.
        yaw_rad: Heading relative to the ego.
    """

    center_ego: Array
    half_m: Array
    yaw_rad: float

    def contains(self, points_ego: NDArray[np.floating], pad_m: float) -> NDArray[np.bool_]:
        """Tell which points (n, 3) lie in the box grown by a margin on every side."""
        # Python numbers, so that a cloud in single precision stays in it.
        center, half = self.center_ego.tolist(), (self.half_m + pad_m).tolist()
        x, y, z = (points_ego[:, axis] - center[axis] for axis in range(3))
        cosine, sine = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        is_inside = np.abs(z) <= half[2]
        is_inside &= np.abs(x * cosine + y * sine) <= half[0]
        is_inside &= np.abs(y * cosine - x * sine) <= half[1]
        return np.asarray(is_inside)

    def corners(self, pad_m: float) -> Array:
        """Return the corners (8, 3) of the grown box, ego frame."""
        local = _CORNERS * (self.half_m + pad_m)
        return np.asarray(local @ rotation_matrices(0.0, math.degrees(self.yaw_rad), 0.0).T + self.center_ego)


class CameraView:
    """One camera's pixels.

    As in everything published, clouds are lowered by half of the sensor's mounting height.

    Attributes:
        classes: (h, w) uint8, CARLA's class ids; :mod:`lead.expert.recording.relabel` writes into it.
        instances: (h, w) int32, ids of the engine; not those of actors.
        depth_m: (h, w) float32.
        cloud: (h, w, 3) float32, ego frame, metres.
    """

    def __init__(self, camera: Camera, depth_m: NDArray[np.float32], instance_bgra: NDArray[np.uint8]) -> None:
        """Take the decoded pictures of a tick.

        Args:
            camera: Where it sits.
            depth_m: (h, w) float32, distance from the picture plane.
            instance_bgra: (h, w, 4) uint8 of the instance camera.
        """
        self.depth_m = depth_m
        self.classes: NDArray[np.uint8] = np.where(instance_bgra[..., 2] < 32, instance_bgra[..., 2], 0).astype(
            np.uint8
        )
        self.instances = instance_bgra[..., 1].astype(np.int32) | (instance_bgra[..., 0].astype(np.int32) << 8)
        self._rotation = rotation_matrices(camera.pitch_deg, camera.yaw_deg, camera.roll_deg)
        self._place = np.array([camera.x_m, camera.y_m, camera.z_m - 0.5 * camera.z_m])
        self._focal_px = _focal_px(camera)
        self._middle_px = 0.5 * np.array([camera.width_px, camera.recorded_height_px])
        self._camera = camera

    @cached_property
    def cloud(self) -> NDArray[np.float32]:
        """Places of the pixels; worked out when first asked for, which for the twin's cameras is never."""
        cloud = self.depth_m[..., None] * _rays(self._camera)
        cloud += self._place.astype(np.float32)
        return cloud

    def of_class(self, carla_class: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns of the pixels of a class."""
        rows, columns = np.nonzero(self.classes == carla_class)
        return rows, columns

    def visible_pixels(self, box: LabelBox, pad_m: float) -> int:
        """Count the pixels whose points lie in a grown box."""
        window = self._window(box, pad_m)
        if window is None:
            return 0
        top, bottom, left, right = window
        return int(box.contains(self.cloud[top:bottom, left:right].reshape(-1, 3), pad_m).sum())

    def _window(self, box: LabelBox, pad_m: float) -> tuple[int, int, int, int] | None:
        """Return the part of the picture in which the box's points can be: top, bottom, left, right; None if none."""
        height, width = self.depth_m.shape
        local = (box.corners(pad_m) - self._place) @ self._rotation
        depth = local[:, 0]
        if (depth < NEAR_M).all():
            return None
        if (depth < NEAR_M).any():
            return 0, height, 0, width
        column = self._middle_px[0] + self._focal_px * local[:, 1] / depth
        row = self._middle_px[1] - self._focal_px * local[:, 2] / depth
        left, right = max(math.floor(column.min()), 0), min(math.ceil(column.max()) + 1, width)
        top, bottom = max(math.floor(row.min()), 0), min(math.ceil(row.max()) + 1, height)
        return (top, bottom, left, right) if top < bottom and left < right else None


def _focal_px(camera: Camera) -> float:
    return 0.5 * camera.width_px / math.tan(math.radians(0.5 * camera.fov_deg))


@lru_cache(maxsize=16)
def _rays(camera: Camera) -> NDArray[np.float32]:
    """Directions (h, w, 3) of a camera's pixels in the ego frame, as long as one metre of depth needs."""
    row, column = np.indices((camera.recorded_height_px, camera.width_px), dtype=np.float64)
    right = (column - 0.5 * camera.width_px) / _focal_px(camera)
    down = (row - 0.5 * camera.recorded_height_px) / _focal_px(camera)
    local = np.stack([np.ones_like(right), right, -down], axis=-1)
    rays: NDArray[np.float32] = (local @ rotation_matrices(camera.pitch_deg, camera.yaw_deg, camera.roll_deg).T).astype(
        np.float32
    )
    return rays


def visible_pixels(views: Sequence[CameraView], box: LabelBox, pad_m: float) -> int:
    """Count the pixels of all cameras whose points lie in a grown box."""
    return sum(view.visible_pixels(box, pad_m) for view in views)
