"""All camera kinds: which picture each needs of its view, and the bytes it makes of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.simulator.rendering.scene import ColorStyle
from lead.simulator.sensors import encode
from lead.simulator.sensors.base import Picture, Sensor, SensorContext
from lead.simulator.sensors.events_camera import EventCamera

MAX_IMAGE_SIDE_PX = 8192
_FOV_LIMITS_DEG = (0.01, 179.9)
_MAX_GAMMA = 20.0
_USUAL_ISO, _USUAL_FSTOP, _USUAL_SHUTTER = 100.0, 1.4, 200.0
_MAX_EXPOSURE_STOPS = 30.0

IMAGE_HEADER = np.dtype([("width", "<u4"), ("height", "<u4"), ("fov_deg", "<f4")])


@dataclass(frozen=True)
class Optics:
    """What decides which cameras share one view, their pose apart."""

    width_px: int
    height_px: int
    fov_deg: float


class Camera(Sensor):
    """``sensor.camera.*``: a 12-byte header and pixels.

    Attributes:
        optics: Size and field of view of its images.
        style: How colours are developed.
        needs: What must be computed for it besides the ground truth; cameras of one pose and of one need share it.
    """

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        self.optics = Optics(
            self._int("image_size_x", low=1, high=MAX_IMAGE_SIDE_PX),
            self._int("image_size_y", low=1, high=MAX_IMAGE_SIDE_PX),
            self._float("fov", low=_FOV_LIMITS_DEG[0], high=_FOV_LIMITS_DEG[1]),
        )
        self.style = self._style() if "gamma" in attributes else ColorStyle()
        self.needs: frozenset[Hashable] = frozenset()
        header = np.array((self.optics.width_px, self.optics.height_px, self.optics.fov_deg), dtype=IMAGE_HEADER)
        self._header = header.tobytes()

    def _style(self) -> ColorStyle:
        """Gamma, exposure and effects; a manual exposure is relative to the attributes' defaults."""
        stops = self._float("exposure_compensation", low=-_MAX_EXPOSURE_STOPS, high=_MAX_EXPOSURE_STOPS)
        exposure = 2.0**stops
        if self._attributes["exposure_mode"] == "manual":
            exposure *= self._float("iso", low=0.0) / _USUAL_ISO
            exposure *= _USUAL_SHUTTER / self._float("shutter_speed", low=1e-3)
            exposure *= (_USUAL_FSTOP / self._float("fstop", low=1e-2)) ** 2
        return ColorStyle(
            gamma=self._float("gamma", low=0.01, high=_MAX_GAMMA),
            exposure=exposure,
            effects=self._bool("enable_postprocess_effects"),
        )

    def _measure(self, context: SensorContext, elapsed_s: float) -> tuple[bytes, memoryview]:
        if context.picture is None:
            raise RuntimeError(f"nothing was rendered for {self.blueprint_id}")
        # Flat bytes: the standard library's transports take the length of a view for its size.
        return self._header, self._pixels(context.picture, context).reshape(-1).view(np.uint8).data

    @abstractmethod
    def _pixels(self, picture: Picture, context: SensorContext) -> NDArray[Any]:
        """Body of the image, C-contiguous."""


class RgbCamera(Camera):
    """``sensor.camera.rgb``."""

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        self.needs = frozenset({self.style})

    def _pixels(self, picture: Picture, context: SensorContext) -> NDArray[Any]:
        return picture.color(self.style)


class DepthCamera(Camera):
    """``sensor.camera.depth``: along the optical axis."""

    def _pixels(self, picture: Picture, context: SensorContext) -> NDArray[Any]:
        return picture.encoded("depth")


class SemanticCamera(Camera):
    """``sensor.camera.semantic_segmentation``."""

    def _pixels(self, picture: Picture, context: SensorContext) -> NDArray[Any]:
        return picture.encoded("semantic")


class InstanceCamera(Camera):
    """``sensor.camera.instance_segmentation``: classes and the lower 16 bits of actor ids."""

    def _pixels(self, picture: Picture, context: SensorContext) -> NDArray[Any]:
        return picture.encoded("instance")


class NormalsCamera(Camera):
    """``sensor.camera.normals``: in the world frame."""

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        self.needs = frozenset({"normals"})

    def _pixels(self, picture: Picture, context: SensorContext) -> NDArray[Any]:
        return encode.normal_pixels(picture.normals())


class FlowCamera(Camera):
    """``sensor.camera.optical_flow``: motion since the tick before."""

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        self.needs = frozenset({"flow"})

    def _pixels(self, picture: Picture, context: SensorContext) -> NDArray[Any]:
        return encode.flow_pixels(picture.flow())


class DvsCamera(Camera):
    """``sensor.camera.dvs``: a record for every pixel whose brightness crossed a threshold."""

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        super().__init__(blueprint_id, attributes, rng)
        self.needs = frozenset({self.style})
        self._events = EventCamera(
            thresholds=(self._float("positive_threshold", low=0.001), self._float("negative_threshold", low=0.001)),
            sigmas=(
                self._float("sigma_positive_threshold", low=0.0),
                self._float("sigma_negative_threshold", low=0.0),
            ),
            refractory_ns=self._int("refractory_period_ns", low=0),
            log_eps=self._float("log_eps", low=1e-9) if self._bool("use_log") else None,
            rng=rng,
        )

    def _pixels(self, picture: Picture, context: SensorContext) -> NDArray[Any]:
        brightness: NDArray[np.float32] = encode.luminance(picture.color(self.style))
        return self._events.watch(brightness, context.time_s)
