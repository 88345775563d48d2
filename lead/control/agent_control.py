"""From a model's predictions to one control: each of steering, throttle and brake by the modality that was chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from numpy.typing import ArrayLike

from lead.control.lateral import LateralConfig
from lead.control.longitudinal import LongitudinalConfig, LongitudinalController, Pedals
from lead.control.path_controller import BEND_GAIN, PathController, PredictionError
from lead.control.position_filter import AppliedControl
from lead.control.waypoint_controller import WaypointConfig, WaypointController

SteerModality = Literal["route", "waypoint"]
PedalModality = Literal["target_speed", "waypoint"]
STOP_TARGET_MPS = 0.01
STANDSTILL_MPS = 0.01


@dataclass(frozen=True)
class AgentControlConfig:
    """How predictions become a control (published keys in parentheses).

    Attributes:
        steer_modality: Steer along the path or towards the waypoints.
        throttle_modality: Throttle by the target speed or by the waypoints.
        brake_modality: Brake by the target speed or by the waypoints.
        brake_ratio: Brake above this ratio of speed to target speed.
        aims_farther_in_bends: See :class:`PathController` (``sensor_agent_steer_correction``).
        bend_gain: See :class:`PathController` (``sensor_agent_steer_correction_param``).
        lateral: Gains of the path controller.
        longitudinal: Throttle regression.
        waypoint: Gains of the waypoint controller.
    """

    steer_modality: SteerModality = "route"
    throttle_modality: PedalModality = "target_speed"
    brake_modality: PedalModality = "target_speed"
    brake_ratio: float = 1.1
    aims_farther_in_bends: bool = True
    bend_gain: float = BEND_GAIN
    lateral: LateralConfig = field(default_factory=LateralConfig)
    longitudinal: LongitudinalConfig = field(default_factory=LongitudinalConfig)
    waypoint: WaypointConfig = field(default_factory=WaypointConfig)

    def __post_init__(self) -> None:
        """Check the modalities.

        Raises:
            PredictionError: If a modality does not exist.
        """
        for key, known in (
            ("steer_modality", ("route", "waypoint")),
            ("throttle_modality", ("target_speed", "waypoint")),
            ("brake_modality", ("target_speed", "waypoint")),
        ):
            if getattr(self, key) not in known:
                raise PredictionError(f"{key} must be {known[0]} or {known[1]}, not {getattr(self, key)!r}")


class AgentController:
    """Turns the predictions of every tick into a control; keeps the controllers' memories.

    Only the predictions that the chosen modalities need have to be given; a controller whose predictions are given
    runs on every tick, so that its memory is right whatever is selected.
    """

    def __init__(self, config: AgentControlConfig | None = None) -> None:
        """Use the published parameters unless others are given."""
        self._config = config or AgentControlConfig()
        self._path = PathController(self._config.lateral, self._config.aims_farther_in_bends, self._config.bend_gain)
        self._pedals = LongitudinalController(self._config.longitudinal)
        self._waypoints = WaypointController(self._config.waypoint)

    def step(
        self,
        speed_mps: float,
        *,
        path_ego: ArrayLike | None = None,
        target_speed_mps: float | None = None,
        waypoints_ego: ArrayLike | None = None,
    ) -> AppliedControl:
        """Compute the control of a tick.

        Args:
            speed_mps: Vehicle speed.
            path_ego: (n, 2) predicted path, metres.
            target_speed_mps: Predicted speed.
            waypoints_ego: (n, 2) predicted waypoints at 4 Hz, metres.

        Returns:
            Steering, throttle and brake (0 or 1); throttle is zero when braking.

        Raises:
            PredictionError: If a prediction that a modality needs is missing or not finite.
        """
        steer: dict[str, float] = {}
        pedals: dict[str, Pedals] = {}
        if path_ego is not None:
            steer["route"] = self._path.step(path_ego, speed_mps)
        if target_speed_mps is not None:
            pedals["target_speed"] = self._follow(target_speed_mps, speed_mps)
        if waypoints_ego is not None:
            control = self._waypoints.step(waypoints_ego, speed_mps)
            steer["waypoint"] = control.steer
            pedals["waypoint"] = Pedals(control.throttle, control.brake)
        config = self._config
        for key, wanted, given in (
            ("steer_modality", config.steer_modality, set(steer)),
            ("throttle_modality", config.throttle_modality, set(pedals)),
            ("brake_modality", config.brake_modality, set(pedals)),
        ):
            if wanted not in given:
                raise PredictionError(f"{key}={wanted} needs a prediction that this model does not make")
        brake = pedals[config.brake_modality].brake
        if not brake:
            return AppliedControl(steer[config.steer_modality], pedals[config.throttle_modality].throttle, 0.0)
        # Turning the wheels of a standing car would be visible and useless.
        return AppliedControl(steer[config.steer_modality] if speed_mps >= STANDSTILL_MPS else 0.0, 0.0, 1.0)

    def _follow(self, target_mps: float, speed_mps: float) -> Pedals:
        if not 0.0 <= target_mps < float("inf"):
            raise PredictionError(f"the predicted target speed is {target_mps}, not a finite speed")
        brake = target_mps < STOP_TARGET_MPS or speed_mps / target_mps > self._config.brake_ratio
        return self._pedals.step(target_mps, speed_mps, hazard=brake)
