"""From the raw sensor packets of a tick to the inputs of a model: one way for recording, training and driving.

The order of the steps and their quirks are those of the published agent, because published weights were trained on what
it makes. Images go through JPEG on a second thread while the clouds are worked on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.config.legacy import PUBLISHED, Legacy
from lead.control.position_filter import AppliedControl
from lead.control.sparse_route import SparseRoutePlanner, TargetPointRules, TargetPoints, one_hot_command
from lead.geometry.gnss_reference import estimate_reference
from lead.sensing.ego_motion import EgoMotion, EgoPose
from lead.sensing.errors import SensorError
from lead.sensing.images import jpeg_round_trip, reduce_fov, stitch
from lead.sensing.lidar import checked_cloud, quantise, to_ego
from lead.sensing.radar import radar_tensor, radar_to_ego
from lead.sensing.rigs import SensorRig
from lead.sensing.stacking import RADAR_TICKS, CloudStack

GNSS_ID, IMU_ID, SPEED_ID = "gps", "imu", "speed"


@dataclass(frozen=True)
class PreprocessorSettings:
    """What a checkpoint was trained on and how it is driven (published keys in parentheses).

    Attributes:
        used_cameras: One flag per camera of the rig; None for all (``used_cameras``). Only these have to be mounted.
            The published agent compresses all cameras' images and cuts the others out afterwards, which differs in
            the outermost columns where an unused camera stood in between.
        black_shape: Rows and columns of a black image in place of those of cameras (``blind_cameras``), none of which
            then has to be mounted.
        jpeg_quality: Quality of the round trip (``jpeg_quality``); None for none.
        fov_reduction_px: Columns cut off both sides (``horizontal_fov_reduction``).
        removes_ground: Leave ground points out of clouds.
        uses_radar: Make the radar detector's input (``use_radars``).
        max_age: LiDAR and radar of fewer ticks than this.
        filters_route_position: Drop passed route points by the filtered position (``use_kalman_filter_for_gps``).
        filters_target_position: Express target points from the filtered position (``use_kalman_filter``).
        target_points: How target points are chosen.
        route_reach_m: How far along the route points are looked at (``route_planner_max_distance``).
        legacy: Quirks that the weights were trained with.
    """

    used_cameras: tuple[bool, ...] | None = None
    black_shape: tuple[int, int] | None = None
    jpeg_quality: int | None = 90
    fov_reduction_px: int = 0
    removes_ground: bool = True
    uses_radar: bool = True
    max_age: int = RADAR_TICKS
    filters_route_position: bool = True
    filters_target_position: bool = False
    target_points: TargetPointRules = field(default_factory=TargetPointRules)
    route_reach_m: float = 50.0
    legacy: Legacy = PUBLISHED


@dataclass(frozen=True)
class RawSensors:
    """What the sensors of one tick delivered.

    Attributes:
        images: One (rows, columns, 3 or 4) uint8 BGR(A) array per used camera.
        lidars: One (n, 3 or more) array per LiDAR: x, y, z in the sensor's frame, metres.
        radars: One (n, 4) array per radar: range, altitude, azimuth, velocity.
        gnss: Latitude, longitude in degrees, altitude in metres.
        compass_rad: The IMU's compass.
        speed_mps: Speedometer.
    """

    images: Sequence[NDArray[np.uint8]]
    lidars: Sequence[NDArray[np.floating]]
    radars: Sequence[NDArray[np.floating]]
    gnss: NDArray[np.float64]
    compass_rad: float
    speed_mps: float


def raw_sensors(
    packets: Mapping[str, tuple[int, Any]], rig: SensorRig, used_cameras: Sequence[bool] | None = None
) -> RawSensors:
    """Collect what a leaderboard hands to an agent.

    Args:
        packets: Frame number and data by sensor id: those of the rig, ``gps``, ``imu`` (compass last) and ``speed``.
        rig: The mounted rig.
        used_cameras: Which of its cameras are mounted; None for all.

    Raises:
        SensorError: If a sensor is missing.
    """

    def data(name: str) -> Any:
        if name not in packets:
            raise SensorError(f"the sensor {name} of the rig {rig.name} delivered nothing; there are {sorted(packets)}")
        return packets[name][1]

    speed = data(SPEED_ID)
    return RawSensors(
        tuple(data(camera.name) for camera in rig.used(used_cameras)),
        tuple(data(lidar.name) for lidar in rig.lidars),
        tuple(data(radar.name) for radar in rig.radars),
        np.asarray(data(GNSS_ID), dtype=np.float64),
        float(data(IMU_ID)[-1]),
        float(speed["speed"] if isinstance(speed, Mapping) else speed),
    )


@dataclass(frozen=True)
class ModelInputs:
    """Inputs of a model for one tick, and what else an agent needs of them.

    Attributes:
        rgb: (3, rows, columns) uint8, red first, the used cameras side by side.
        rasterized_lidar: (1, rows, columns) float32 in {0, 0.2, .. 1}.
        radar: (75 * radars, 5) float32; None unless the model uses radar.
        targets: Target points in the ego frame and commands.
        pose: Measured and filtered pose and the recent motion.
        newest_cloud: (n, 3) float64, this tick's cloud without ground, ego frame.
    """

    rgb: NDArray[np.uint8]
    rasterized_lidar: NDArray[np.float32]
    radar: NDArray[np.float32] | None
    targets: TargetPoints
    pose: EgoPose
    newest_cloud: NDArray[np.float64]

    def batch(self) -> dict[str, NDArray[Any]]:
        """Arrays with a leading batch axis of 1 under the published names; float32 but for ``rgb`` (uint8)."""
        arrays: dict[str, NDArray[Any]] = {
            "rgb": self.rgb,
            "rasterized_lidar": self.rasterized_lidar,
            "speed": np.asarray(self.pose.speed_mps, dtype=np.float32),
            "command": one_hot_command(self.targets.command),
            "next_command": one_hot_command(self.targets.next_command),
            "target_point_previous": self.targets.previous_ego.astype(np.float32),
            "target_point": self.targets.current_ego.astype(np.float32),
            "target_point_next": self.targets.next_ego.astype(np.float32),
        }
        if self.radar is not None:
            arrays["radar"] = self.radar
        return {key: array[None] for key, array in arrays.items()}


class Preprocessor:
    """Follows one vehicle on one route, tick by tick."""

    def __init__(
        self,
        rig: SensorRig,
        plan_lat_lon_deg: ArrayLike,
        plan_xy_m: ArrayLike,
        plan_commands: Sequence[int],
        settings: PreprocessorSettings | None = None,
    ) -> None:
        """Start at the beginning of a route.

        Args:
            rig: The mounted rig.
            plan_lat_lon_deg: (n, 2) sparse route in degrees.
            plan_xy_m: (n, 2) the same points in world metres; only their relation to the degrees is used.
            plan_commands: n CARLA road options.
            settings: What the model was trained on; the published agent's by default.

        Raises:
            GnssError: If the two forms of the plan do not fit each other.
            SparseRouteError: If the plan cannot be followed.
            RigError: If the settings' cameras do not fit the rig.
        """
        self.rig = rig
        self.settings = settings or PreprocessorSettings()
        self._cameras = rig.used(self.settings.used_cameras)
        legacy = self.settings.legacy
        plan = np.asarray(plan_lat_lon_deg, dtype=np.float64)
        self.reference = estimate_reference(plan, plan_xy_m, legacy)
        points = self.reference.to_world(plan[:, 0], plan[:, 1])
        self.route = SparseRoutePlanner(points, plan_commands, max_distance_m=self.settings.route_reach_m)
        self.route.start(self.settings.target_points.pop_distance_m)  # An unknown distance must not wait for a tick.
        self._motion = EgoMotion(self.reference, legacy)
        self._stack = CloudStack(rig.bev, self.settings.removes_ground, legacy)
        self._images = ThreadPoolExecutor(max_workers=1, thread_name_prefix="images")

    def step(self, raw: RawSensors, control: AppliedControl) -> ModelInputs:
        """Take the sensor packets of one tick.

        Args:
            raw: What the sensors delivered.
            control: Control applied since the last tick; a full brake on the first one.

        Returns:
            Inputs of the model.

        Raises:
            SensorError: If a sensor is missing or delivered something that cannot be used.
        """
        settings = self.settings
        rgb = self._images.submit(self._image, raw.images)
        pose, radars = self.follow(raw, control)
        targets = self.route.target_points(
            pose.filtered_m if settings.filters_target_position else pose.measured_m,
            pose.yaw_rad,
            settings.target_points,
        )
        return ModelInputs(
            rasterized_lidar=self._raster(pose),
            radar=radar_tensor(radars, self.rig.bev) if settings.uses_radar else None,
            targets=targets,
            pose=pose,
            newest_cloud=self._stack.newest,
            rgb=rgb.result(),
        )

    def follow(self, raw: RawSensors, control: AppliedControl) -> tuple[EgoPose, list[NDArray[np.float64]]]:
        """Take a tick; enough for those of which no inputs are wanted, but which later inputs will hold.

        Args:
            raw: What the sensors delivered; images are not looked at.
            control: As for :meth:`step`.

        Returns:
            The pose, and per radar its points in the ego frame.

        Raises:
            SensorError: As :meth:`step`.
        """
        pose = self._motion.step(raw.gnss, raw.compass_rad, raw.speed_mps, control)
        self.route.step(pose.filtered_m if self.settings.filters_route_position else pose.measured_m)
        return pose, self._push(raw)

    def close(self) -> None:
        """End the thread for images."""
        self._images.shutdown(wait=False)

    def stacked_cloud(self, pose: EgoPose) -> NDArray[np.float64]:
        """Cloud of the last ticks as it is stored in data sets: (n, 4) x, y, z (0.1 m), age in ticks."""
        stack = self._stack.stack(pose.past_positions_ego, pose.past_yaws_rad, self.settings.max_age)
        stack[:, :3] = quantise(stack[:, :3])
        return stack

    def _push(self, raw: RawSensors) -> list[NDArray[np.float64]]:
        """Put this tick's clouds into the queues and return the radar points in the ego frame."""
        for kind, mounts, delivered in (
            ("LiDARs", self.rig.lidars, raw.lidars),
            ("radars", self.rig.radars, raw.radars),
        ):
            if len(delivered) != len(mounts):
                raise SensorError(f"{len(mounts)} {kind} are mounted, but {len(delivered)} clouds were delivered")
        lidars = [
            to_ego(checked_cloud(points, 3, mount.name), mount)
            for points, mount in zip(raw.lidars, self.rig.lidars, strict=True)
        ]
        if lidars and not any(len(points) for points in lidars):
            raise SensorError("no LiDAR delivered a single point: is the server rendering?")
        radars = [
            radar_to_ego(checked_cloud(points, 4, mount.name), mount)
            for points, mount in zip(raw.radars, self.rig.radars, strict=True)
        ]
        self._stack.push(lidars, radars)
        return radars

    def _raster(self, pose: EgoPose) -> NDArray[np.float32]:
        return self._stack.raster(pose.past_positions_ego, pose.past_yaws_rad, self.settings.max_age)

    def _image(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        import cv2

        if self.settings.black_shape is not None:
            return np.zeros((3, *self.settings.black_shape), np.uint8)
        image = stitch(images, self._cameras)
        if self.settings.jpeg_quality is not None:
            image = jpeg_round_trip(image, self.settings.jpeg_quality)
        image = reduce_fov(image, self.settings.fov_reduction_px)
        return np.stack(cv2.split(image))
