"""A policy that sits beside the recording expert and says in every tick how it would drive.

It sees what is recorded: cameras in saved ticks, LiDARs and radars in all of them. So it plans anew in saved ticks, and
in between it keeps to its plan, seen from where the car has got to.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from lead.agents.sensor_agent_model import load_model
from lead.agents.sensor_agent_settings import control_config, mounted_cameras, mounted_rig, preprocessor_settings
from lead.config.closed_loop import ClosedLoopConfig
from lead.config.model_choice import ModelChoice
from lead.control.agent_control import AgentController
from lead.control.position_filter import AppliedControl
from lead.control.sparse_route import world_to_ego
from lead.errors import LeadError
from lead.evaluation.observation import EgoState
from lead.expert.recording.pictures import Packets
from lead.expert.recording.recorder import Plan
from lead.models.transfuser.outputs import DRIVING_HEADS
from lead.sensing.preprocessor import Preprocessor, raw_sensors
from lead.sensing.rigs import SensorRig

Array = NDArray[np.float64]


class NoviceError(LeadError):
    """The policy cannot drive with the sensors that are recorded."""


class Novice:
    """One policy on one route."""

    def __init__(
        self,
        model: str,
        rig: SensorRig,
        stride: int,
        route: Plan,
        config: ClosedLoopConfig,
    ) -> None:
        """Load the policy.

        Args:
            model: Checkpoint folder, or the text of a :class:`ModelChoice`.
            rig: The recorded rig.
            stride: Every how many ticks cameras see something.
            route: The sparse route as agents get it.
            config: How policies drive; their heuristics (creeping, stop signs) stay out of it.

        Raises:
            NoviceError: If it was trained for another rig.
            LeadError: If checkpoint, device or route cannot be used.
        """
        self._model = model
        self._inference = load_model(ModelChoice.from_text(model), DRIVING_HEADS)
        architecture, published = self._inference.architecture, self._inference.checkpoint.config
        if architecture.domain.rig.name != rig.name:
            trained_with = architecture.domain.rig.name
            raise NoviceError(f"the novice {model} was trained with the rig {trained_with}, and recorded is {rig.name}")
        self._rig = mounted_rig(architecture, published, config)
        self._rig_between = dataclasses.replace(self._rig, cameras=())
        self._used_cameras = mounted_cameras(architecture)
        self._preprocessor = Preprocessor(
            self._rig,
            route.lat_lon_deg,
            route.xy_m,
            route.commands,
            preprocessor_settings(architecture, published, config),
        )
        self._controller = AgentController(control_config(config))
        self._stride = stride
        self._tick = 0
        self._intention: Intention | None = None

    def step(self, packets: Packets, ego: EgoState, applied: AppliedControl) -> AppliedControl:
        """Say how it would drive.

        Args:
            packets: Sensor data as they are recorded.
            ego: Where the car is.
            applied: Control since the last tick; a full brake on the first one.

        Raises:
            LeadError: If a sensor or a prediction cannot be used.
        """
        if self._tick % self._stride == 0:
            self._look(packets, ego, applied)
        else:
            self._preprocessor.follow(raw_sensors(packets, self._rig_between), applied)
        self._tick += 1
        assert self._intention is not None
        return self._controller.step(
            ego.planar_speed_mps, path_ego=self._intention.path_from(ego), target_speed_mps=self._intention.speed_mps
        )

    def close(self) -> None:
        """End its threads."""
        self._preprocessor.close()

    def _look(self, packets: Packets, ego: EgoState, applied: AppliedControl) -> None:
        """Make a new plan."""
        raw = raw_sensors(packets, self._rig, self._used_cameras)
        prediction = self._inference.predict(self._preprocessor.step(raw, applied).batch())
        if prediction.path_ego is None or prediction.target_speed_mps is None:
            raise NoviceError(f"the novice {self._model} predicts no path or no target speed")
        self._intention = Intention(prediction.path_ego.astype(np.float64), prediction.target_speed_mps, ego)


@dataclasses.dataclass(frozen=True)
class Intention:
    """What a policy wanted when it last looked.

    Attributes:
        path_ego: (n, 2) its path, in the frame of the car at that time.
        speed_mps: Its target speed.
        ego: Where the car was.
    """

    path_ego: Array
    speed_mps: float
    ego: EgoState

    def path_from(self, ego: EgoState) -> Array:
        """Return the path from where the car is now.

        Args:
            ego: Where the car is.

        Returns:
            (n, 2) in its frame. The points are as far ahead of the car along the path as they were at first; those
            behind the path's end are its end.
        """
        from_car = np.vstack([np.zeros(2), self.path_ego])
        along_m = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(from_car, axis=0).T))])
        moved_m = float(np.hypot(*(ego.location - self.ego.location)[:2]))
        ahead = [np.interp(along_m[1:] + moved_m, along_m, values) for values in from_car.T]
        place = world_to_ego(ego.location[:2], self.ego.location[:2], self.ego.yaw_rad)
        return world_to_ego(np.stack(ahead, axis=1), place, ego.yaw_rad - self.ego.yaw_rad)
