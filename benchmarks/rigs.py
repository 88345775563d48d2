"""Sensor rigs that the benchmarks mount: those of a driving policy and of the expert that records its training data."""

from __future__ import annotations

from dataclasses import dataclass, field

VEHICLE = "vehicle.lincoln.mkz_2020"
FRONT_CAMERAS = ((0.10, -0.35, 2.25, -54.5), (0.35, 0.0, 2.25, 0.0), (0.10, 0.35, 2.25, 54.5))
SIX_CAMERAS = (
    (0.0, -0.30, 2.25, -57.5),
    (0.25, 0.0, 2.25, 0.0),
    (0.0, 0.30, 2.25, 57.5),
    (-0.30, 0.30, 2.25, 122.5),
    (-0.55, 0.0, 2.25, 180.0),
    (-0.30, -0.30, 2.25, -122.5),
)
"""x, y, z in metres and yaw in degrees, in the vehicle's frame."""
RADARS = ((2.6, 0.0, 0.6, -45.0), (2.6, 0.0, 0.6, 45.0), (-2.6, 0.0, 0.6, 135.0), (-2.6, 0.0, 0.6, 225.0))
LIDARS = ((0.0, 0.0, 2.5, -90.0), (0.0, 0.0, 2.5, -270.0))
EXPERT_CAMERAS = ("rgb", "depth", "semantic_segmentation", "instance_segmentation")
_PERTURBED_Y_M, _PERTURBED_YAW_DEG = 0.6, -7.0

_LIDAR = {
    "channels": "64",
    "range": "85",
    "points_per_second": "600000",
    "rotation_frequency": "10",
    "upper_fov": "10",
    "lower_fov": "-30",
    "atmosphere_attenuation_rate": "0.004",
    "dropoff_general_rate": "0.45",
    "dropoff_intensity_limit": "0.8",
    "dropoff_zero_intensity": "0.4",
}
_RADAR = {"horizontal_fov": "90", "vertical_fov": "0.1", "points_per_second": "1500", "range": "100"}


@dataclass(frozen=True)
class Mount:
    """One sensor on a vehicle: blueprint, x, y, z (m) and yaw (degrees) in the vehicle's frame, attributes."""

    blueprint: str
    pose: tuple[float, float, float, float]
    attributes: dict[str, str] = field(default_factory=dict)


def camera(kind: str, pose: tuple[float, float, float, float], width: int, height: int, fov_deg: float) -> Mount:
    """A camera of a kind, e.g. ``rgb``."""
    size = {"image_size_x": str(width), "image_size_y": str(height), "fov": str(fov_deg)}
    return Mount(f"sensor.camera.{kind}", pose, size)


def cameras(poses: tuple[tuple[float, float, float, float], ...], kinds: tuple[str, ...] = ("rgb",)) -> list[Mount]:
    """Cameras of 384 x 384 pixels and 60 degrees at every pose."""
    return [camera(kind, pose, 384, 384, 60.0) for pose in poses for kind in kinds]


def lidars_and_radars() -> list[Mount]:
    """The two LiDARs and four radars of every rig."""
    return [Mount("sensor.lidar.ray_cast", pose, _LIDAR) for pose in LIDARS] + [
        Mount("sensor.other.radar", pose, _RADAR) for pose in RADARS
    ]


def evaluation_rig() -> list[Mount]:
    """What a driving policy needs: 3 colour cameras, 2 LiDARs, 4 radars."""
    return [*cameras(FRONT_CAMERAS), *lidars_and_radars()]


def expert_rig() -> list[Mount]:
    """What the expert records: 4 camera kinds at 3 poses and at 3 perturbed ones, 2 LiDARs, 4 radars."""
    perturbed = tuple((x, y + _PERTURBED_Y_M, z, yaw + _PERTURBED_YAW_DEG) for x, y, z, yaw in FRONT_CAMERAS)
    return [*cameras(FRONT_CAMERAS + perturbed, EXPERT_CAMERAS), *lidars_and_radars()]
