"""From the camera packets of a saved tick to what is stored: colours, classes and depth, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.dataset.class_map import group_classes
from lead.dataset.depth import metric_depth, quantise_depth, repair_windows
from lead.expert.recording.camera_view import CameraView
from lead.expert.recording.sensors import camera_id
from lead.sensing.images import stitch
from lead.sensing.rigs import Camera

Packets = Mapping[str, tuple[int, Any]]
Image = NDArray[np.uint8]
_RED = 2


@dataclass(frozen=True)
class Pictures:
    """What one rig saw.

    Attributes:
        rgb: (h, w, 3) uint8 RGB, cameras side by side.
        views: Cameras with classes and depth, in the rig's order.
    """

    rgb: Image
    views: tuple[CameraView, ...]

    @classmethod
    def read(cls, packets: Packets, cameras: Sequence[Camera], *, is_perturbed: bool) -> Pictures:
        """Decode the packets of the rig or of its twin.

        Raises:
            SensorError: If a picture has another size than its camera.
        """

        def data(kind: str, number: int) -> Image:
            image: Image = packets[camera_id(kind, number, is_perturbed=is_perturbed)][1]
            return image

        numbers = range(1, len(cameras) + 1)
        views = []
        for number, camera in zip(numbers, cameras, strict=True):
            instance = data("instance", number)
            depth = metric_depth(data("depth", number))
            labels = np.asarray(cv2.extractChannel(data("semantics", number), _RED), np.uint8)
            depth = repair_windows(depth, labels, instance)
            views.append(CameraView(camera, depth, instance))
        return cls(
            stitch([data("rgb", number) for number in numbers], [_uncropped(each) for each in cameras]), tuple(views)
        )

    def semantics(self) -> Image:
        """Return the stored classes (h, w) uint8."""
        return np.concatenate([group_classes(view.classes) for view in self.views], axis=1)

    def depth(self) -> Image:
        """Return the stored depth codes (h / 4, w / 4) uint8."""
        stored: Image = np.concatenate([quantise_depth(view.depth_m) for view in self.views], axis=1)
        return stored


def _uncropped(camera: Camera) -> Camera:
    """Return the camera with all rows: pictures are stored whole."""
    return replace(camera, height_px=camera.recorded_height_px)
