"""The sensors that a recording needs on the vehicle, as entries of an agent's sensor list.

Cameras see every saved tick only. LiDAR and radar measure every tick, because saved clouds hold the last ticks. The
perturbed twin of the rig shows what a vehicle beside its lane would have seen: it learns to come back from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lead.dataset.layout import PERTURBATED, THIRD_PERSON
from lead.dataset.perturbation import Perturbation
from lead.evaluation.sensors.models import (
    DEPTH_CAMERA,
    EVERY_KEY,
    GNSS,
    IMU,
    INSTANCE_CAMERA,
    LIDAR,
    RADAR,
    RGB_CAMERA,
    SEMANTIC_CAMERA,
    SPEEDOMETER,
)
from lead.sensing.preprocessor import GNSS_ID, IMU_ID, SPEED_ID
from lead.sensing.rigs import Camera, Mount, SensorRig

CAMERA_KINDS: Mapping[str, str] = MappingProxyType(
    {"rgb": RGB_CAMERA, "semantics": SEMANTIC_CAMERA, "depth": DEPTH_CAMERA, "instance": INSTANCE_CAMERA}
)
"""Name of a modality to the type of its camera."""
_RADAR_FIELD_DEG = {"horizontal_fov": 90.0, "vertical_fov": 0.1}


@dataclass(frozen=True)
class RecordedSensors:
    """What is mounted for a recording.

    Attributes:
        rig: Cameras, LiDARs and radars.
        perturbation: Pose of the twin rig; None for none.
        stride: Every how many ticks a frame is saved.
        uses_radar: Mount radars.
        third_person: Mount a camera that looks down from above.
        sensor_tick: Let the simulator render cameras on saved ticks only; otherwise they render all the time and what
            is between is dropped.
    """

    rig: SensorRig
    perturbation: Perturbation | None
    stride: int
    uses_radar: bool = True
    third_person: bool = False
    sensor_tick: bool = True

    def entries(self) -> list[dict[str, Any]]:
        """List the sensors as an agent's ``sensors()`` does."""
        saved_only = {EVERY_KEY: self.stride} if self.sensor_tick else {}
        entries = [_mounted(LIDAR, mount.name, mount) for mount in self.rig.lidars]
        if self.uses_radar:
            entries += [_mounted(RADAR, mount.name, mount) | _RADAR_FIELD_DEG for mount in self.rig.radars]
        entries += [
            {"type": IMU, "id": IMU_ID, **_at(0.0, 0.0, 0.0)},
            {"type": GNSS, "id": GNSS_ID, **_at(0.0, 0.0, 0.0)},
            {"type": SPEEDOMETER, "id": SPEED_ID},
        ]
        for number, camera in enumerate(self.rig.cameras, start=1):
            for kind in CAMERA_KINDS:
                entries.append(_camera(kind, number, camera) | saved_only)
        if self.perturbation is not None:
            entries += [entry | saved_only for entry in self._twin(self.perturbation)]
        if self.third_person:
            pose = _at(30.0, 0.0, 75.0) | {"pitch": -90.0}
            picture = {"width": 786, "height": 786, "fov": 90.0}
            entries.append({"type": RGB_CAMERA, "id": THIRD_PERSON, **pose, **picture, **saved_only})
        return entries

    def _twin(self, perturbation: Perturbation) -> list[dict[str, Any]]:
        """Cameras and radars as a vehicle beside its lane carries them."""
        entries = []
        for number, camera in enumerate(self.rig.cameras, start=1):
            for kind in CAMERA_KINDS:
                entries.append(_moved(_camera(kind, number, camera), perturbation))
        if self.uses_radar:
            for mount in self.rig.radars:
                entries.append(_moved(_mounted(RADAR, mount.name, mount) | _RADAR_FIELD_DEG, perturbation))
        return entries


def camera_id(kind: str, number: int, *, is_perturbed: bool = False) -> str:
    """Return the sensor id of a camera, counted from 1."""
    return f"{kind}_{number}{PERTURBATED if is_perturbed else ''}"


def _at(x_m: float, y_m: float, z_m: float) -> dict[str, float]:
    return {"x": x_m, "y": y_m, "z": z_m, "roll": 0.0, "pitch": 0.0, "yaw": 0.0}


def _mounted(type_id: str, name: str, mount: Mount) -> dict[str, Any]:
    return {"type": type_id, "id": name, **_at(mount.x_m, mount.y_m, mount.z_m), "yaw": mount.yaw_deg}


def _camera(kind: str, number: int, camera: Camera) -> dict[str, Any]:
    return {
        "type": CAMERA_KINDS[kind],
        "id": camera_id(kind, number),
        **_at(camera.x_m, camera.y_m, camera.z_m),
        "roll": camera.roll_deg,
        "pitch": camera.pitch_deg,
        "yaw": camera.yaw_deg,
        "width": camera.width_px,
        "height": camera.recorded_height_px,
        "fov": camera.fov_deg,
    }


def _moved(entry: dict[str, Any], perturbation: Perturbation) -> dict[str, Any]:
    place_m = (entry["x"], entry["y"], entry["z"])
    (x_m, y_m, z_m), (pitch, yaw, roll) = perturbation.move(place_m, (entry["pitch"], entry["yaw"], entry["roll"]))
    name = entry["id"] + PERTURBATED
    return entry | {"id": name, "x": x_m, "y": y_m, "z": z_m, "pitch": pitch, "yaw": yaw, "roll": roll}
