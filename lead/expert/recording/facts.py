"""The parts of the metas that do not depend on how the expert decides: who, where, how moved, with what mounted."""

from __future__ import annotations

from typing import Any

import carla
import numpy as np

from lead.dataset.perturbation import Perturbation
from lead.dataset.weather_choice import nearest_preset, visibility_of
from lead.evaluation.observation import EgoState
from lead.expert.recording.boxes import EgoFrame
from lead.expert.recording.motion import Measured
from lead.routes.weather import presets
from lead.sensing.rigs import SensorRig


def weather_metas(world: carla.World) -> dict[str, Any]:
    """Return the weather that the simulator has, under the name of the nearest preset."""
    weather = world.get_weather()
    fields = next(iter(presets().values()))
    values = {name: float(getattr(weather, name)) for name in fields if hasattr(weather, name)}
    name = nearest_preset(values)
    return {"weather_setting": name, "weather_parameters": values, "visual_visibility": int(visibility_of(name))}


def sensor_metas(rig: SensorRig, target_dataset: int, stride: int, *, removes_ground: bool) -> dict[str, Any]:
    """Return what is mounted and how it is stored: the same in every frame of a route."""
    cameras = {
        number: {
            "pos": [camera.x_m, camera.y_m, camera.z_m],
            "rot": [camera.roll_deg, camera.pitch_deg, camera.yaw_deg],
            "width": camera.width_px,
            "height": camera.recorded_height_px,
            "cropped_height": camera.height_px,
            "fov": camera.fov_deg,
        }
        for number, camera in enumerate(rig.cameras, start=1)
    }
    radars = {
        str(number): {"pos": [mount.x_m, mount.y_m, mount.z_m], "rot": [0.0, 0.0, mount.yaw_deg]}
        for number, mount in enumerate(rig.radars, start=1)
    }
    lidars: dict[str, Any] = {}
    for number, mount in enumerate(rig.lidars, start=1):
        lidars[f"lidar_pos_{number}"] = [mount.x_m, mount.y_m, mount.z_m]
        lidars[f"lidar_rot_{number}"] = [0.0, 0.0, mount.yaw_deg]
    return {
        "dataset_information": {
            "save_depth_lower_resolution": True,
            "save_depth_resolution_ratio": 4,
            "save_depth_bits": 8,
            "save_only_non_ground_lidar": removes_ground,
            "target_dataset": target_dataset,
            "data_save_freq": stride,
            "save_grouped_semantic": True,
        },
        "sensor_information": {
            **lidars,
            "lidar_accumulation": True,
            "num_cameras": len(rig.cameras),
            "camera_calibration": cameras,
            "num_radar_sensors": len(rig.radars),
            "radar_calibration": radars,
        },
    }


def perturbation_metas(perturbation: Perturbation | None) -> dict[str, Any]:
    """Return the pose of the twin rig; zeros without one."""
    return {
        "perturbation_translation": 0.0 if perturbation is None else perturbation.translation_m,
        "perturbation_rotation": 0.0 if perturbation is None else perturbation.rotation_deg,
    }


def trace_metas(measured: Measured, ego: EgoState, frame: EgoFrame) -> dict[str, Any]:
    """Return what the futures of other frames are made of; recorded every tick."""
    return {
        "speed": measured.speed_mps,
        "theta": measured.yaw_rad,
        "privileged_yaw": ego.yaw_rad,
        "ego_matrix": frame.matrix.astype(np.float32),
    }


def motion_metas(measured: Measured, ego: EgoState) -> dict[str, Any]:
    """Return where the ego is, as known to all and as measured."""
    metas: dict[str, Any] = {
        "pos_global": ego.location.tolist(),
        "filtered_pos_global": measured.filtered_m.tolist(),
        "noisy_pos_global": measured.gnss_m.tolist(),
    }
    for index, axis in enumerate("xyz"):
        metas[f"accel_{axis}"] = float(measured.acceleration[index])
        metas[f"angular_velocity_{axis}"] = float(measured.turn_rate[index])
    return metas
