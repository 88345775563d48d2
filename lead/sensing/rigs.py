"""The published sensor rigs as named objects: what is mounted where, and which window of the ground a model looks at.

A model is bound to one rig. Recording, training and driving all take cameras, LiDARs, radars and the bird's-eye-view
window from here, so that a checkpoint that names its rig names everything it needs from the vehicle. All poses are in
the ego frame (x forward, y right, z up; yaw clockwise seen from above).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lead.errors import LeadError


class RigError(LeadError):
    """A rig is unknown or is asked for cameras that it does not have."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        name: Sensor id.
        x_m: Mounting place ahead of the ego's origin.
        y_m: Mounting place to the right.
        z_m: Mounting place above the ground.
        yaw_deg: Viewing direction.
        width_px: Image columns.
        height_px: Image rows that a model sees.
        fov_deg: Horizontal field of view.
        recorded_height_px: Image rows of the sensor; what lies below ``height_px`` is cut off.
        pitch_deg: Upwards.
        roll_deg: Clockwise seen from behind.
    """

    name: str
    x_m: float
    y_m: float
    z_m: float
    yaw_deg: float
    width_px: int = 384
    height_px: int = 384
    fov_deg: float = 60.0
    recorded_height_px: int = 384
    pitch_deg: float = 0.0
    roll_deg: float = 0.0


@dataclass(frozen=True)
class Mount:
    """Place of a LiDAR or radar; attributes as those of :class:`Camera`."""

    name: str
    x_m: float
    y_m: float
    z_m: float
    yaw_deg: float


@dataclass(frozen=True)
class BevWindow:
    """A rectangle of the ground around the ego, rasterised: rows grow with y (right), columns with x (forward).

    Attributes:
        min_x_m: Rear edge; the centre of column 0 lies half a pixel ahead of it.
        max_x_m: Front edge.
        min_y_m: Left edge.
        max_y_m: Right edge.
        pixels_per_m: Resolution of the raster.
    """

    min_x_m: float
    max_x_m: float
    min_y_m: float
    max_y_m: float
    pixels_per_m: float = 4.0

    @property
    def length_m(self) -> float:
        """Extent along x."""
        return self.max_x_m - self.min_x_m

    @property
    def width_m(self) -> float:
        """Extent along y."""
        return self.max_y_m - self.min_y_m

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the raster."""
        return round(self.width_m * self.pixels_per_m), round(self.length_m * self.pixels_per_m)

    @property
    def cell_shape(self) -> tuple[int, int]:
        """Rows and columns of the grid of 1 m cells on which boxes are predicted."""
        return round(self.width_m), round(self.length_m)


@dataclass(frozen=True)
class SensorRig:
    """Everything mounted on a vehicle.

    Attributes:
        name: Key in :data:`RIGS`.
        cameras: Cameras in the order in which their images are put side by side, left to right.
        lidars: LiDARs.
        radars: Radars; a radar point carries the index of its sensor in this tuple.
        bev: Window of the ground for LiDAR rasters, semantics and boxes.
    """

    name: str
    cameras: tuple[Camera, ...]
    lidars: tuple[Mount, ...]
    radars: tuple[Mount, ...]
    bev: BevWindow

    def image_shape(self, used_cameras: Sequence[bool] | None = None) -> tuple[int, int]:
        """Rows and columns of the used cameras' images put side by side.

        Raises:
            RigError: If ``used_cameras`` has another length than the rig or uses no camera.
        """
        used = self.used(used_cameras)
        return used[0].height_px, sum(camera.width_px for camera in used)

    def used(self, used_cameras: Sequence[bool] | None = None) -> tuple[Camera, ...]:
        """Return the cameras that a model uses.

        Args:
            used_cameras: One flag per camera of the rig; None for all.

        Raises:
            RigError: If ``used_cameras`` has another length than the rig or uses no camera.
        """
        if used_cameras is None:
            return self.cameras
        if len(used_cameras) != len(self.cameras):
            raise RigError(
                f"the rig {self.name} has {len(self.cameras)} cameras, but used_cameras has {len(used_cameras)} entries"
            )
        used = tuple(camera for camera, is_used in zip(self.cameras, used_cameras, strict=True) if is_used)
        if not used:
            raise RigError("used_cameras switches every camera off")
        return used


_LIDARS = (Mount("lidar1", 0.0, 0.0, 2.5, -90.0), Mount("lidar2", 0.0, 0.0, 2.5, -270.0))
_RADARS = (
    Mount("radar1", 2.6, 0.0, 0.6, -45.0),
    Mount("radar2", 2.6, 0.0, 0.6, 45.0),
    Mount("radar3", -2.6, 0.0, 0.6, 135.0),
    Mount("radar4", -2.6, 0.0, 0.6, 225.0),
)
_CARLA_BEV = BevWindow(-32.0, 64.0, -40.0, 40.0)

CARLA_3_CAMERAS = SensorRig(
    "carla_3_cameras",
    (
        Camera("rgb_1", 0.1, -0.35, 2.25, -54.5),
        Camera("rgb_2", 0.35, 0.0, 2.25, 0.0),
        Camera("rgb_3", 0.1, 0.35, 2.25, 54.5),
    ),
    _LIDARS,
    _RADARS,
    _CARLA_BEV,
)
CARLA_6_CAMERAS = SensorRig(
    "carla_6_cameras",
    (
        Camera("rgb_1", 0.0, -0.3, 2.25, -57.5),
        Camera("rgb_2", 0.25, 0.0, 2.25, 0.0),
        Camera("rgb_3", 0.0, 0.3, 2.25, 57.5),
        Camera("rgb_4", -0.3, 0.3, 2.25, 122.5),
        Camera("rgb_5", -0.55, 0.0, 2.25, 180.0),
        Camera("rgb_6", -0.3, -0.3, 2.25, -122.5),
    ),
    _LIDARS,
    _RADARS,
    _CARLA_BEV,
)
CARLA_1_CAMERA = SensorRig(
    "carla_1_camera",
    (Camera("rgb_1", -1.5, 0.0, 2.0, 0.0, 1024, 384, 110.0, 512),),
    _LIDARS,
    _RADARS,
    _CARLA_BEV,
)
NAVSIM_4_CAMERAS = SensorRig(
    "navsim_4_cameras",
    (
        Camera("L0", 0.2567803, -0.1491271, 1.9611908, -56.00986, 480, 270, 63.71, 280, -0.1803083, -1.7908743),
        Camera("F0", 0.3435967, 0.0098150, 1.9520960, -1.02538, 480, 270, 63.71, 280, -2.3445634, 0.0040475),
        Camera("R0", 0.3627750, 0.1638098, 1.9540305, 54.26239, 480, 270, 63.71, 280, -0.5177262, 0.8908895),
        Camera("B0", -1.8371899, 0.0231246, 1.9105230, 180.0, 480, 270, 63.71, 280, 1.9819093, 0.0040475),
    ),
    (),
    (),
    BevWindow(-32.0, 32.0, -32.0, 32.0),
)
"""NAVSIM's cameras, at a quarter of their resolution."""
RIGS: Mapping[str, SensorRig] = MappingProxyType(
    {rig.name: rig for rig in (CARLA_3_CAMERAS, CARLA_6_CAMERAS, CARLA_1_CAMERA, NAVSIM_4_CAMERAS)}
)
"""All rigs by name."""
