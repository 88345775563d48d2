"""Drives TransFuser V6 checkpoints by sensors alone, tick by tick as the published agent does.

A tick: sensor packets become the networks' inputs, the ensemble predicts, the prediction becomes a control, heuristics
may change it. The first tick only fills the queues, and brakes.
"""

from __future__ import annotations

import logging
from typing import Any

import carla
import numpy as np

from lead.agents.sensor_agent_log import InputLog
from lead.agents.sensor_agent_model import load_model
from lead.agents.sensor_agent_settings import (
    control_config,
    creeping_config,
    mounted_cameras,
    mounted_rig,
    preprocessor_settings,
    sensor_specs,
    stop_sign_config,
    wanted_heads,
)
from lead.agents.sensor_agent_view import make_view
from lead.config.closed_loop import resolve_closed_loop
from lead.config.model_choice import ModelChoice
from lead.control.agent_control import AgentController
from lead.control.creeping import Creeping
from lead.control.position_filter import TICK_S, AppliedControl
from lead.control.stop_sign_hold import StopSignHold
from lead.evaluation.agent import AutonomousAgent, Track
from lead.inference.ensemble import Prediction
from lead.sensing.preprocessor import ModelInputs, Preprocessor, raw_sensors
from lead.visualization.agent_view import BOX_CLASSES, AgentView

LOG = logging.getLogger(__name__)

FULL_BRAKE = AppliedControl(0.0, 0.0, 1.0)
STOP_SIGN = BOX_CLASSES.index("stop sign")


class SensorAgent(AutonomousAgent):
    """Agent of a checkpoint folder.

    Attributes:
        meters_travelled: Way so far by the speedometer.
    """

    def __init__(self, carla_host: str, carla_port: int, debug: bool = False) -> None:
        """Create the agent; the model comes with :meth:`setup`."""
        super().__init__(carla_host, carla_port, debug)
        self.track = Track.SENSORS
        self.meters_travelled = 0.0
        self._preprocessor: Preprocessor | None = None
        self._log: InputLog | None = None
        self._view: AgentView | None = None

    def setup(self, path_to_conf_file: str) -> None:
        """Load the model and prepare for the route, which is known already.

        Args:
            path_to_conf_file: Checkpoint folder, or the text of a :class:`ModelChoice`.

        Raises:
            LeadError: If settings, checkpoint, device or route cannot be used.
        """
        config = self._config = self.closed_loop if self.closed_loop is not None else resolve_closed_loop()
        choice = ModelChoice.from_text(path_to_conf_file)
        inference = self._inference = load_model(choice, wanted_heads(config))
        checkpoint, architecture = inference.checkpoint, inference.architecture
        LOG.info(
            "driving %s, seeds %s, on %s",
            checkpoint.directory,
            ", ".join(map(str, checkpoint.files)),
            ", ".join(map(str, inference.devices)),
        )
        self._rig = mounted_rig(architecture, checkpoint.config, config)
        self._used_cameras = mounted_cameras(architecture)
        self._preprocessor = Preprocessor(
            self._rig,
            [[place["lat"], place["lon"]] for place, _ in self._global_plan],
            [[pose.location.x, pose.location.y] for pose, _ in self._global_plan_world_coord],
            [int(option.value) for _, option in self._global_plan],
            preprocessor_settings(architecture, checkpoint.config, config),
        )
        self._controller = AgentController(control_config(config))
        self._creeping = Creeping(creeping_config(config)) if config.sensor_agent_creeping else None
        self._stop_sign = (
            StopSignHold(stop_sign_config(config), architecture.legacy) if config.slower_for_stop_sign else None
        )
        self._log = InputLog.of_environment() if config.produce_input_log else None
        self._control = FULL_BRAKE
        self._tick = 0

    def sensors(self) -> list[dict[str, Any]]:
        """Return those sensors of the checkpoint's rig that its networks use."""
        return sensor_specs(self._rig, self._used_cameras)

    def run_step(self, input_data: dict[str, tuple[int, Any]], timestamp: float) -> carla.VehicleControl:
        """Predict and drive.

        Raises:
            LeadError: If a sensor or a prediction cannot be used.
        """
        if self._preprocessor is None:
            raise RuntimeError("the sensor agent must be set up before its first step")
        raw = raw_sensors(input_data, self._rig, self._used_cameras)
        inputs = self._preprocessor.step(raw, self._control)
        batch = inputs.batch()
        if self._log is not None:
            self._log.write(self._tick, batch)
        prediction = None
        if self._tick > 0:
            prediction = self._inference.predict(batch)
            self._control = self._decide(inputs, prediction)
        self.meters_travelled += inputs.pose.speed_mps * TICK_S
        self._view = make_view(inputs, prediction, self._panel(), with_pictures=self._is_shown())
        self._tick += 1
        control = self._control
        return carla.VehicleControl(steer=control.steer, throttle=control.throttle, brake=control.brake)

    def get_agent_view(self) -> AgentView:
        """Return what the last step looked like, for recordings."""
        return self._view if self._view is not None else AgentView()

    def destroy(self) -> None:
        """Finish the log and let the model go."""
        if self._log is not None:
            self._log.close()
        if self._preprocessor is not None:
            self._preprocessor.close()
            del self._inference
        self._log = self._preprocessor = self._view = None

    def _decide(self, inputs: ModelInputs, prediction: Prediction) -> AppliedControl:
        """Follow the prediction, unless a heuristic knows better."""
        pose = inputs.pose
        control = self._controller.step(
            pose.speed_mps,
            path_ego=prediction.path_ego,
            target_speed_mps=prediction.target_speed_mps,
            waypoints_ego=prediction.waypoints_ego,
        )
        if self._creeping is not None:
            control = self._creeping.step(control, pose.speed_mps, inputs.newest_cloud)
        if self._stop_sign is not None:
            control = self._stop_sign.step(
                control,
                pose.speed_mps,
                detected_ego=nearest_stop_sign(prediction.boxes_ego),
                past_position_ego=pose.past_positions_ego[-2],
                past_yaw_rad=float(pose.past_yaws_rad[-2]),
            )
        return control

    def _is_shown(self) -> bool:
        return self._config.shows_reasoning and self._tick % self._config.produce_frame_frequency == 0

    def _panel(self) -> dict[str, str | float]:
        panel: dict[str, str | float] = {}
        if self._creeping is not None:
            panel["stuck detector"] = f"{self._creeping.standing_ticks} ticks"
            panel["force move"] = f"{self._creeping.ticks_left} ticks"
        if self._stop_sign is not None:
            sign = self._stop_sign.sign_ego
            panel["stop sign"] = "none" if sign is None else f"{np.hypot(*sign):.1f} m"
        return panel


def nearest_stop_sign(boxes_ego: np.ndarray[Any, np.dtype[np.float32]] | None) -> list[float] | None:
    """Centre [x, y] of the nearest stop sign among boxes (n, 9); None if there is none."""
    if boxes_ego is None:
        return None
    centres = boxes_ego[boxes_ego[:, 7] == STOP_SIGN, :2]
    if not len(centres):
        return None
    x, y = centres[np.hypot(centres[:, 0], centres[:, 1]).argmin()]
    return [float(x), float(y)]
