"""The expert that records what it drives, in the published data format."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import carla
import cv2
import numpy as np

from lead.agents.expert import ExpertAgent, ExpertError
from lead.config.closed_loop import resolve_closed_loop
from lead.config.expert import ExpertConfig
from lead.control.position_filter import AppliedControl
from lead.dataset.jpeg_quality import DEFAULT_QUALITY, draw_jpeg_quality
from lead.dataset.layout import FRAME_STRIDE
from lead.dataset.perturbation import Perturbation, draw_perturbation
from lead.evaluation.agent import PrivilegedContext, RecordingTarget, Track
from lead.expert.decision import Control
from lead.expert.recording.facts import weather_metas
from lead.expert.recording.recorder import Plan, Recorder, Target, highest_limit_mps, narrowest_lane_m
from lead.expert.recording.sensors import RecordedSensors
from lead.maps.hdmap import HdMap
from lead.routes.planner import DenseRoute
from lead.sensing.rigs import CARLA_1_CAMERA, CARLA_3_CAMERAS, CARLA_6_CAMERAS, NAVSIM_4_CAMERAS, SensorRig

if TYPE_CHECKING:
    from lead.agents.novice import Novice

DATASET_RIGS: Mapping[int, SensorRig] = {
    1: CARLA_3_CAMERAS,
    2: CARLA_6_CAMERAS,
    3: CARLA_1_CAMERA,
    4: NAVSIM_4_CAMERAS,
}
"""Rigs by the published number of ``target_dataset``."""
NAVSIM = 4


class RecordingExpertAgent(ExpertAgent):
    """Drives as :class:`ExpertAgent` does and records with every sensor of a rig."""

    def __init__(self, carla_host: str, carla_port: int, debug: bool = False) -> None:
        """Create the agent; it learns what to record by :meth:`prepare_recording`."""
        super().__init__(carla_host, carla_port, debug)
        self.track = Track.PRIVILEGED
        self._target: RecordingTarget | None = None
        self._recorder: Recorder | None = None
        self._novice: Novice | None = None
        self._sensors: RecordedSensors | None = None

    def prepare_recording(self, target: RecordingTarget, route: DenseRoute) -> None:
        """Choose the rig and draw the pose of its twin.

        Raises:
            ExpertError: If the settings name a rig that cannot be recorded.
        """
        config = self._config
        if config.target_dataset not in DATASET_RIGS:
            raise ExpertError(
                f"target_dataset={config.target_dataset} cannot be recorded; these can: "
                f"{', '.join(map(str, DATASET_RIGS))}"
            )
        # One thread for small pictures: more only spin beside the simulators of other workers.
        cv2.setNumThreads(1)
        self._target = target
        self._rng = np.random.default_rng([target.seed, zlib.crc32(target.town.encode()), len(route)])
        self._sensors = RecordedSensors(
            _recorded_rig(config),
            self._draw_twin(route),
            FRAME_STRIDE,
            uses_radar=config.use_radars,
            third_person=config.save_3rd_person_camera or config.eval_expert,
        )

    def sensors(self) -> list[dict[str, Any]]:
        """List the sensors of the recording; none without one."""
        return [] if self._sensors is None else self._sensors.entries()

    def set_privileged_context(self, context: PrivilegedContext) -> None:
        """Prepare for a route and open its folder."""
        super().set_privileged_context(context)
        if self._target is None or self._sensors is None:
            raise ExpertError("the recording expert was not told where to record; start it with `lead collect`")
        target = Target(
            self._target.route_dir,
            self._target.scenario,
            self._target.town,
            self._config.target_dataset,
            self._jpeg_quality(context.world),
            self._config.save_only_non_ground_lidar,
            self._config.exact_clouds,
        )
        plan = Plan(
            np.array([[point["lat"], point["lon"]] for point, _ in self._global_plan], dtype=np.float64),
            np.array([[pose.location.x, pose.location.y] for pose, _ in self._global_plan_world_coord]),
            [int(option.value) for _, option in self._global_plan],
        )
        if self._config.novice:
            from lead.agents.novice import Novice  # Only who has one waits for PyTorch.

            closed_loop = self.closed_loop if self.closed_loop is not None else resolve_closed_loop()
            self._novice = Novice(self._config.novice, self._sensors.rig, FRAME_STRIDE, plan, closed_loop)
        self._recorder = Recorder(target, self._sensors, context, plan, HdMap.load(self._target.town))

    def run_step(self, input_data: dict[str, tuple[int, Any]], timestamp: float) -> carla.VehicleControl:
        """Decide on the control of one tick, and record it."""
        control = super().run_step(input_data, timestamp)
        assert self._recorder is not None and self._context is not None and self.decision is not None
        self._recorder.step(input_data, self._context.observer.latest, self.decision)
        return control

    def finish_recording(self, results: Mapping[str, Any]) -> None:
        """Complete the recording."""
        if self._recorder is not None:
            self._recorder.finish(results)

    def destroy(self) -> None:
        """Leave a recording that was not finished incomplete."""
        if self._recorder is not None:
            self._recorder.abandon()
            self._recorder = None
        if self._novice is not None:
            self._novice.close()
            self._novice = None
        super().destroy()

    def _ask_novice(self, input_data: dict[str, tuple[int, Any]]) -> Control | None:
        if self._novice is None:
            return None
        assert self._context is not None
        last = self.decision.control if self.decision is not None else None
        applied = AppliedControl(brake=1.0) if last is None else AppliedControl(last.steer, last.throttle, last.brake)
        wanted = self._novice.step(input_data, self._context.observer.latest.ego, applied)
        return Control(wanted.throttle, wanted.steer, wanted.brake, wanted.brake > 0.0)

    def _draw_twin(self, route: DenseRoute) -> Perturbation | None:
        if not self._config.perturbate_sensors or self._config.eval_expert:
            return None
        return draw_perturbation(self._rng, narrowest_lane_m(route.waypoints), highest_limit_mps(route.waypoints))

    def _jpeg_quality(self, world: carla.World) -> int:
        if self._config.target_dataset != NAVSIM:
            return DEFAULT_QUALITY
        return draw_jpeg_quality(self._rng, weather_metas(world)["weather_setting"])


def _recorded_rig(config: ExpertConfig) -> SensorRig:
    """Return the rig; those without a LiDAR of their own carry the usual ones, as published."""
    rig = DATASET_RIGS[config.target_dataset]
    if rig.lidars:
        return rig
    return SensorRig(rig.name, rig.cameras, CARLA_3_CAMERAS.lidars, CARLA_3_CAMERAS.radars, CARLA_3_CAMERAS.bev)
