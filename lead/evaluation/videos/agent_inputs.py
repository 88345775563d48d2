"""What an agent's sensors saw, in the ego frame: pictures side by side, lidar points and radar returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import rotation_matrices, transform_points
from lead.visualization.projection import PinholeCamera

CAMERA, LIDAR, RADAR = "sensor.camera.rgb", "sensor.lidar.ray_cast", "sensor.other.radar"
Inputs = Mapping[str, tuple[int, Any]]


class AgentInputs:
    """Reads the data of an agent's sensors by their mounting.

    Attributes:
        cameras: The RGB cameras in the agent's order.
    """

    def __init__(self, sensors: Sequence[Mapping[str, Any]]) -> None:
        """Take note of the sensors as the agent asked for them."""
        cameras = [spec for spec in sensors if spec["type"] == CAMERA]
        self.cameras = [_camera(spec) for spec in cameras]
        self._camera_ids = [str(spec["id"]) for spec in cameras]
        self._lidars = [(str(spec["id"]), *_pose(spec)) for spec in sensors if spec["type"] == LIDAR]
        self._radars = [(str(spec["id"]), *_pose(spec)) for spec in sensors if spec["type"] == RADAR]

    def pictures(self, inputs: Inputs) -> list[NDArray[np.uint8]]:
        """Return the (h, w, 3) uint8 RGB pictures of one tick, in the order of :attr:`cameras`."""
        return [np.asarray(cv2.cvtColor(inputs[name][1], cv2.COLOR_BGRA2RGB), np.uint8) for name in self._camera_ids]

    def lidar_ego(self, inputs: Inputs) -> NDArray[np.float64] | None:
        """Return the (n, 3) points of all lidars, metres; None without a lidar."""
        clouds = [transform_points(turn, at, inputs[name][1][:, :3]) for name, turn, at in self._lidars]
        return np.concatenate(clouds) if clouds else None

    def radar_ego(self, inputs: Inputs) -> NDArray[np.float64] | None:
        """Return the (n, 4) returns of all radars: x, y, z (m), speed along the ray (m/s); None without a radar."""
        found = []
        for name, turn, at in self._radars:
            depth_m, altitude_rad, azimuth_rad, speed_mps = np.asarray(inputs[name][1], np.float64).reshape(-1, 4).T
            flat_m = depth_m * np.cos(altitude_rad)
            places = [flat_m * np.cos(azimuth_rad), flat_m * np.sin(azimuth_rad), depth_m * np.sin(altitude_rad)]
            ego = transform_points(turn, at, np.stack(places, axis=1))
            found.append(np.concatenate([ego, speed_mps[:, None]], axis=1))
        return np.concatenate(found) if found else None


def side_by_side(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Join pictures from left to right, each scaled to the height of the first."""
    height = pictures[0].shape[0]
    return np.concatenate([_with_height(picture, height) for picture in pictures], axis=1)


def _with_height(picture: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    if picture.shape[0] == height:
        return picture
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _camera(spec: Mapping[str, Any]) -> PinholeCamera:
    turn, at = _pose(spec)
    return PinholeCamera(at, turn, int(spec["width"]), int(spec["height"]), float(spec["fov"]))


def _pose(spec: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a sensor's rotation and location in the ego frame."""
    turn = rotation_matrices(*(float(spec.get(name, 0.0)) for name in ("pitch", "yaw", "roll")))
    return turn, np.array([float(spec.get(name, 0.0)) for name in ("x", "y", "z")])
