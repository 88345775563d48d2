"""The sensor models of CARLA's leaderboard: which keys an agent gives, and which values are the same for everybody.

Agents choose places, directions and picture sizes. Everything else (range and drop-off of the lidar, noise of GNSS and
IMU) is fixed by the leaderboard, so that results can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

SensorSpec = Mapping[str, Any]
"""One entry of an agent's ``sensors()`` list."""

OPENDRIVE_MAP = "sensor.opendrive_map"
SPEEDOMETER = "sensor.speedometer"
RGB_CAMERA = "sensor.camera.rgb"
SEMANTIC_CAMERA = "sensor.camera.semantic_segmentation"
DEPTH_CAMERA = "sensor.camera.depth"
INSTANCE_CAMERA = "sensor.camera.instance_segmentation"
LIDAR = "sensor.lidar.ray_cast"
RADAR = "sensor.other.radar"
GNSS = "sensor.other.gnss"
IMU = "sensor.other.imu"

PLACE_KEYS = ("x", "y", "z")
ROTATION_KEYS = ("roll", "pitch", "yaw")
FREQUENCY_KEY = "reading_frequency"
EVERY_KEY = "every_ticks"
"""Our own key of an entry: the sensor measures in every so many ticks only, from the first tick on."""


@dataclass(frozen=True)
class SensorModel:
    """One type of sensor.

    Attributes:
        place_keys: Keys of the mounting pose, metres and degrees in the ego's frame (x forward, y right, z up).
        parameters: Other keys an agent must give, each with the blueprint attribute it sets.
        fixed: Blueprint attributes that are the same for every agent.
        is_pseudo: Read from the client instead of spawned in the simulator.
    """

    place_keys: tuple[str, ...] = PLACE_KEYS + ROTATION_KEYS
    parameters: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)
    is_pseudo: bool = False

    @property
    def required_keys(self) -> tuple[str, ...]:
        """Keys that every entry of this type has beside ``type`` and ``id``."""
        return (*self.place_keys, *self.parameters)

    def attributes(self, spec: SensorSpec) -> dict[str, str]:
        """Return the blueprint attributes of a sensor, as text.

        Args:
            spec: Validated entry of the agent's list.
        """
        chosen = {attribute: str(spec[key]) for key, attribute in self.parameters.items()}
        return {**chosen, **{name: str(value) for name, value in self.fixed.items()}}

    def overruled(self, spec: SensorSpec) -> list[str]:
        """List the keys of an entry that ask for something else than the fixed values."""
        return [name for name, value in self.fixed.items() if name in spec and spec[name] != value]


_CAMERA = SensorModel(parameters={"width": "image_size_x", "height": "image_size_y", "fov": "fov"})

MODELS: Mapping[str, SensorModel] = MappingProxyType(
    {
        RGB_CAMERA: _CAMERA,
        SEMANTIC_CAMERA: _CAMERA,
        DEPTH_CAMERA: _CAMERA,
        INSTANCE_CAMERA: _CAMERA,
        LIDAR: SensorModel(
            fixed={
                "range": 85,
                "rotation_frequency": 10,
                "channels": 64,
                "upper_fov": 10,
                "lower_fov": -30,
                "points_per_second": 600000,
                "atmosphere_attenuation_rate": 0.004,
                "dropoff_general_rate": 0.45,
                "dropoff_intensity_limit": 0.8,
                "dropoff_zero_intensity": 0.4,
            }
        ),
        RADAR: SensorModel(
            parameters={"horizontal_fov": "horizontal_fov", "vertical_fov": "vertical_fov"},
            fixed={"points_per_second": 1500, "range": 100},
        ),
        GNSS: SensorModel(
            place_keys=PLACE_KEYS,
            fixed={
                **{f"noise_{axis}_stddev": 0.000005 for axis in ("alt", "lat", "lon")},
                **{f"noise_{axis}_bias": 0.0 for axis in ("alt", "lat", "lon")},
            },
        ),
        IMU: SensorModel(
            fixed={
                "noise_accel_stddev_x": 0.001,
                "noise_accel_stddev_y": 0.001,
                "noise_accel_stddev_z": 0.015,
                **{f"noise_gyro_stddev_{axis}": 0.001 for axis in "xyz"},
            }
        ),
        SPEEDOMETER: SensorModel(place_keys=(), is_pseudo=True),
        OPENDRIVE_MAP: SensorModel(place_keys=(), is_pseudo=True),
    }
)
"""All types that some benchmark permits."""
