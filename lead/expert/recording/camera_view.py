"""What the cameras of a tick show, pixel by pixel: class, engine instance and place of every pixel.

Labels need two things from it: how many pixels of an actor are visible, and which pixels belong to actors whose class
CARLA does not tell apart. Neither needs a whole cloud: only pixels as far away as a box, or of one class, are
unprojected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import rotation_matrices
from lead.sensing.rigs import Camera

Array = NDArray[np.float64]
Pixels = NDArray[np.intp]
"""Numbers of pixels, row by row."""

NEAR_M = 0.1
"""Box corners nearer to the picture plane than this make the whole picture a candidate."""
DEPTH_SLACK_M = 0.05
"""How far outside the depths of a box's corners pixels are looked at: far more than single precision rounds."""
_CORNERS = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
_REACH_SLACK_M = 1e-3
_RED = 2
_KNOWN_CLASSES = np.where(np.arange(256) < 32, np.arange(256), 0).astype(np.uint8)


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


class CameraView:
    """One camera's pixels.

    As in everything published, clouds are lowered by half of the sensor's mounting height.

    Attributes:
        classes: (h, w) uint8, CARLA's class ids; :mod:`lead.expert.recording.relabel` writes into it.
        depth_m: (h, w) float32.
    """

    def __init__(self, camera: Camera, depth_m: NDArray[np.float32], instance_bgra: NDArray[np.uint8]) -> None:
        """Take the decoded pictures of a tick.

        Args:
            camera: Where it sits.
            depth_m: (h, w) float32, distance from the picture plane.
            instance_bgra: (h, w, 4) uint8 of the instance camera.
        """
        self.depth_m = depth_m
        self.classes: NDArray[np.uint8] = np.asarray(
            cv2.LUT(cv2.extractChannel(instance_bgra, _RED), _KNOWN_CLASSES), np.uint8
        )
        self._instance_bgra = np.ascontiguousarray(instance_bgra).reshape(-1, 4)
        self._rotation = rotation_matrices(camera.pitch_deg, camera.yaw_deg, camera.roll_deg)
        self._place = np.array([camera.x_m, camera.y_m, camera.z_m - 0.5 * camera.z_m])
        self._focal_px = _focal_px(camera)
        self._middle_px = 0.5 * np.array([camera.width_px, camera.recorded_height_px])
        self._rays = _rays(camera)

    def of_class(self, carla_class: int) -> Pixels:
        """Return the pixels of a class."""
        return np.flatnonzero(self.classes == carla_class)

    def instances(self, pixels: Pixels) -> NDArray[np.int32]:
        """Return the engine's ids (n,) of what pixels show; those of actors are others."""
        code = self._instance_bgra[pixels].astype(np.int32)
        return np.asarray(code[:, 1] | (code[:, 0] << 8))

    def points(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return the places (n, 3) of pixels, ego frame, metres."""
        return self._unprojected(self.depth_m.reshape(-1)[pixels], self._rays.reshape(-1, 3)[pixels])

    def visible_pixels(self, boxes: Sequence[LabelBox], corners_ego: Array, pad_m: float) -> NDArray[np.int64]:
        """Count the pixels whose points lie in grown boxes.

        Args:
            boxes: n boxes.
            corners_ego: (n, 8, 3) corners of the grown boxes, ego frame.
            pad_m: How much they are grown on every side.

        Returns:
            (n,) int64.
        """
        height, width = self.depth_m.shape
        local = (corners_ego - self._place) @ self._rotation
        depth = local[..., 0]
        nearest, farthest = depth.min(axis=1), depth.max(axis=1)
        safe = np.maximum(depth, NEAR_M)
        left, right = _span(self._middle_px[0] + self._focal_px * local[..., 1] / safe, width)
        top, bottom = _span(self._middle_px[1] - self._focal_px * local[..., 2] / safe, height)
        is_across = nearest < NEAR_M
        left[is_across], right[is_across], top[is_across], bottom[is_across] = 0, width, 0, height
        counts = np.zeros(len(boxes), np.int64)
        for index in np.flatnonzero((farthest >= NEAR_M) & (left < right) & (top < bottom)).tolist():
            window = slice(top[index], bottom[index]), slice(left[index], right[index])
            part = self.depth_m[window]
            low, high = float(nearest[index]) - DEPTH_SLACK_M, float(farthest[index]) + DEPTH_SLACK_M
            is_candidate = (part >= low) & (part <= high)
            if is_candidate.any():
                points = self._unprojected(part[is_candidate], self._rays[window][is_candidate])
                counts[index] = np.count_nonzero(boxes[index].contains(points, pad_m))
        return counts

    def _unprojected(self, depth_m: NDArray[np.float32], rays: NDArray[np.float32]) -> NDArray[np.float32]:
        points = depth_m[:, None] * rays
        points += self._place.astype(np.float32)
        return points


def _span(position_px: Array, size_px: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first pixel and the one after the last that positions (n, 8) span, within the picture."""
    low = np.clip(np.floor(position_px.min(axis=1)), 0, size_px).astype(np.intp)
    high = np.clip(np.ceil(position_px.max(axis=1)) + 1, 0, size_px).astype(np.intp)
    return low, high


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


def visible_pixels(views: Sequence[CameraView], boxes: Sequence[LabelBox], pad_m: float) -> NDArray[np.int64]:
    """Count the pixels of all cameras whose points lie in grown boxes: (n,) int64."""
    counts = np.zeros(len(boxes), np.int64)
    if boxes:
        corners = _corners(boxes, pad_m)
        for view in views:
            counts += view.visible_pixels(boxes, corners, pad_m)
    return counts


def _corners(boxes: Sequence[LabelBox], pad_m: float) -> Array:
    """Return the corners (n, 8, 3) of grown boxes, ego frame."""
    half = np.array([box.half_m for box in boxes]) + pad_m
    yaw = np.array([box.yaw_rad for box in boxes])[:, None]
    x, y, z = np.moveaxis(_CORNERS * half[:, None], -1, 0)
    cosine, sine = np.cos(yaw), np.sin(yaw)
    turned = np.stack([x * cosine - y * sine, x * sine + y * cosine, z], axis=-1)
    return np.asarray(turned + np.array([box.center_ego for box in boxes])[:, None])


def points_inside(points_ego: Array, boxes: Sequence[LabelBox], pad_m: float) -> NDArray[np.int64]:
    """Count the points (m, 3) in grown boxes: (n,) int64."""
    # In order of x, a box needs only the points of a slice.
    order = np.argsort(points_ego[:, 0])
    columns = points_ego.T.take(order, axis=1)
    center = np.array([box.center_ego[0] for box in boxes])
    reach = np.array([math.hypot(*(box.half_m[:2] + pad_m).tolist()) for box in boxes]) + _REACH_SLACK_M
    first, last = np.searchsorted(columns[0], center - reach), np.searchsorted(columns[0], center + reach)
    slices = zip(boxes, first.tolist(), last.tolist(), strict=True)
    return np.array([np.count_nonzero(box.contains(columns[:, i:j].T, pad_m)) for box, i, j in slices], np.int64)
