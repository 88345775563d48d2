"""Records one drive of the expert: gathers sensors and labels of every tick and hands them to the writer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from lead.config.legacy import CORRECTED, PUBLISHED, with_clouds
from lead.control.position_filter import AppliedControl
from lead.dataset.acceptance import EXACT_CLOUDS
from lead.dataset.frame import Frame, PointCloud
from lead.dataset.layout import PERTURBATED, THIRD_PERSON
from lead.dataset.perturbation import Perturbation
from lead.dataset.route_writer import RouteWriter
from lead.evaluation.agent import PrivilegedContext
from lead.evaluation.observation import Observation
from lead.expert.actors import EMERGENCY_VEHICLES
from lead.expert.decision import Decision
from lead.expert.recording.actor_labels import CAR, STATIC
from lead.expert.recording.boxes import Box, BoxBuilder, EgoFrame, Seen, label_box
from lead.expert.recording.facts import motion_metas, perturbation_metas, sensor_metas, trace_metas, weather_metas
from lead.expert.recording.motion import Motion
from lead.expert.recording.pictures import Packets, Pictures
from lead.expert.recording.relabel import CONE_TYPES, CONES, EMERGENCY, STOPS, relabel
from lead.expert.recording.sensors import RecordedSensors
from lead.expert.recording.sign_boxes import SignBoxes
from lead.geometry.gnss_reference import estimate_reference
from lead.maps.hdmap import HdMap
from lead.sensing.lidar import checked_cloud, to_ego
from lead.sensing.preprocessor import GNSS_ID, IMU_ID, SPEED_ID
from lead.sensing.radar import radar_to_ego
from lead.sensing.stacking import RADAR_TICKS, CloudStack

Array = NDArray[np.float64]

STOP_RELABEL_M = 64.0
_RADAR_COLUMNS = 4


@dataclass(frozen=True)
class Target:
    """What is recorded where.

    Attributes:
        route_dir: Folder of the route.
        scenario: Type of its scenario, the name of the folder above.
        town: Town of the route.
        target_dataset: Published number of the rig.
        jpeg_quality: Quality of camera images.
        removes_ground: Leave the ground out of clouds.
        exact_clouds: Keep what is straight ahead, behind and beside in clouds, and align old sweeps exactly.
    """

    route_dir: Path
    scenario: str
    town: str
    target_dataset: int
    jpeg_quality: int
    removes_ground: bool = True
    exact_clouds: bool = False


@dataclass(frozen=True)
class Plan:
    """The sparse route as agents get it.

    Attributes:
        lat_lon_deg: (n, 2) float64.
        xy_m: (n, 2) float64, world frame.
        commands: n CARLA road options.
    """

    lat_lon_deg: Array
    xy_m: Array
    commands: Sequence[int]


class Recorder:
    """Records until it is finished or abandoned."""

    def __init__(
        self, target: Target, sensors: RecordedSensors, context: PrivilegedContext, plan: Plan, hd_map: HdMap
    ) -> None:
        """Open the route's folder.

        Args:
            target: What is recorded where.
            sensors: What is mounted.
            context: The running drive.
            plan: The sparse route.
            hd_map: Raster of the town.

        Raises:
            DatasetError: If the folder cannot be used.
            GnssError: If the plan does not give a reference.
        """
        self._target = target
        self._sensors = sensors
        self._context = context
        self._hd_map = hd_map
        rig = sensors.rig
        legacy = with_clouds(PUBLISHED, exact=target.exact_clouds)
        self._stack = CloudStack(rig.bev, target.removes_ground, legacy)
        # The exact one: positions of the world and points of the plan are compared in the labels.
        reference = estimate_reference(plan.lat_lon_deg, plan.xy_m, CORRECTED)
        self._motion = Motion(reference, reference.to_world(*plan.lat_lon_deg.T), plan.commands)
        self._boxes = BoxBuilder(context.world, context.map, context.ego, target.scenario)
        self._signs = SignBoxes(context, target.town)
        self._constant = {
            "town": target.town,
            "scenario": target.scenario,
            "jpeg_storage_quality": target.jpeg_quality,
            **sensor_metas(rig, target.target_dataset, sensors.stride, removes_ground=target.removes_ground),
            **perturbation_metas(sensors.perturbation),
        }
        self._control = AppliedControl(brake=1.0)
        self._step = 0
        self._writer = RouteWriter(target.route_dir, sensors.stride, target.jpeg_quality)

    def step(self, packets: Packets, observation: Observation, decision: Decision) -> None:
        """Record a tick.

        Args:
            packets: The agent's sensor data.
            observation: State of the world.
            decision: What the expert decided.

        Raises:
            DatasetError: If something cannot be recorded.
            SensorError: If a sensor delivered something that cannot be used.
        """
        speed_mps = float(packets[SPEED_ID][1]["speed"])
        imu, fix = (np.asarray(packets[name][1], dtype=np.float64) for name in (IMU_ID, GNSS_ID))
        measured = self._motion.step(imu, fix, speed_mps, observation.ego, self._control)
        frame = self._ego_frame(observation)
        self._signs.follow(frame)
        radars = self._radars(packets, "")
        self._stack.push(
            [to_ego(checked_cloud(packets[mount.name][1], 3, mount.name), mount) for mount in self._sensors.rig.lidars],
            list(radars.values()),
        )
        trace = trace_metas(measured, observation.ego, frame)
        if self._step % self._sensors.stride:
            self._writer.append(self._step, self._boxes.motion(observation), trace)
        else:
            pictures = self._pictures(packets, "")
            seen = Seen(self._stack.newest, self._stack.newest_radar, pictures.views)
            boxes = self._boxes.full(observation, frame, seen)
            own = decision.metas()
            boxes += self._signs.lights(frame)
            boxes += self._signs.signs(frame, is_close=bool(own["stop_sign_close"]))
            boxes = [boxes[0], *sorted(boxes[1:], key=lambda box: float(box["distance"]))]
            metas = {
                **own,
                **self._constant,
                **weather_metas(self._context.world),
                **self._motion.history(observation.ego),
                **self._motion.targets(),
                **motion_metas(measured, observation.ego),
                **trace,
            }
            self._writer.append(self._step, boxes, metas)
            self._writer.save(self._step, self._frame(packets, pictures, boxes, radars, observation))
        control = decision.control
        self._control = AppliedControl(control.steer, control.throttle, control.brake)
        self._step += 1

    def finish(self, results: Mapping[str, Any]) -> None:
        """Complete the route.

        Args:
            results: Record of the route as it is scored.

        Raises:
            DatasetError: If something cannot be written.
        """
        self._writer.finish({**results, EXACT_CLOUDS: self._target.exact_clouds})

    def abandon(self) -> None:
        """Leave the route incomplete; safe after :meth:`finish`."""
        self._writer.abandon()

    def _ego_frame(self, observation: Observation) -> EgoFrame:
        state = self._context.world.get_snapshot().find(self._context.ego.id)
        return EgoFrame(np.array(state.get_transform().get_matrix(), dtype=np.float64), observation.ego.yaw_rad)

    def _radars(self, packets: Packets, suffix: str) -> dict[str, Array]:
        """Return the radars' points in the ego frame; those of the twin in the twin's own frame, as published."""
        if not self._sensors.uses_radar:
            return {}
        return {
            mount.name: radar_to_ego(
                checked_cloud(packets[mount.name + suffix][1], _RADAR_COLUMNS, mount.name + suffix), mount
            )
            for mount in self._sensors.rig.radars
        }

    def _pictures(self, packets: Packets, suffix: str) -> Pictures:
        return Pictures.read(packets, self._sensors.rig.cameras, is_perturbed=bool(suffix))

    def _frame(
        self,
        packets: Packets,
        pictures: Pictures,
        boxes: Sequence[Box],
        radars: Mapping[str, Array],
        observation: Observation,
    ) -> Frame:
        """Collect what is saved of a tick."""
        twin_pose = self._sensors.perturbation
        twin = self._pictures(packets, PERTURBATED) if twin_pose is not None else None
        relabel(pictures.views, _relabelled_boxes(boxes), () if twin is None else twin.views)
        cloud = self._stack.stack(*self._motion.stacking(RADAR_TICKS))
        ego = observation.ego
        x, y, yaw = float(ego.location[0]), float(ego.location[1]), ego.yaw_rad
        content: dict[str, Any] = {
            "rgb": pictures.rgb,
            "semantics": pictures.semantics(),
            "depth": pictures.depth(),
            "hdmap": self._hd_map.crop(x, y, yaw),
            "lidar": PointCloud(cloud[:, :3], cloud[:, 3].astype(np.uint8)),
            "radar": radars or None,
        }
        if twin is not None and twin_pose is not None:
            content |= {
                "rgb_perturbated": twin.rgb,
                "semantics_perturbated": twin.semantics(),
                "depth_perturbated": twin.depth(),
                "hdmap_perturbated": self._hd_map.crop(*_twin_pose(x, y, yaw, twin_pose)),
                "radar_perturbated": self._radars(packets, PERTURBATED) or None,
            }
        if self._sensors.third_person:
            content["third_person"] = np.ascontiguousarray(packets[THIRD_PERSON][1][..., 2::-1])
        return Frame(**content)


def _twin_pose(x: float, y: float, yaw_rad: float, twin: Perturbation) -> tuple[float, float, float]:
    """Place and heading of the twin in the world."""
    right_m = twin.translation_m
    turned = yaw_rad + math.radians(twin.rotation_deg)
    return x - right_m * math.sin(yaw_rad), y + right_m * math.cos(yaw_rad), turned


def _relabelled_boxes(boxes: Sequence[Box]) -> dict[str, list[Any]]:
    """Return the boxes whose pixels get a class of their own."""
    groups: dict[str, list[Any]] = {CONES: [], EMERGENCY: [], STOPS: []}
    for box in boxes:
        if box["class"] == STATIC and box["type_id"] in CONE_TYPES:
            groups[CONES].append(label_box(box))
        elif box["class"] == CAR and box["type_id"] in EMERGENCY_VEHICLES:
            groups[EMERGENCY].append(label_box(box))
        elif box["class"] == "stop_sign" and box["distance"] < STOP_RELABEL_M:
            groups[STOPS].append(label_box(box))
    return groups


def narrowest_lane_m(waypoints: Sequence[carla.Waypoint]) -> float:
    """Return the width of the narrowest lane of a route outside junctions; infinite if there is none."""
    return min((float(each.lane_width) for each in waypoints if not each.is_junction), default=math.inf)


def highest_limit_mps(waypoints: Sequence[carla.Waypoint], stride: int = 25) -> float:
    """Return the highest speed limit that signs along a route show; 30 km/h where there are none."""
    found = [
        float(landmark.value)
        for waypoint in waypoints[::stride]
        for landmark in waypoint.get_landmarks_of_type(200.0, carla.LandmarkType.MaximumSpeed)
    ]
    return max(found, default=30.0) / 3.6
