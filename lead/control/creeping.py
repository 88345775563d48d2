"""Getting a stuck car going again: after long standing, roll forward unless something is right ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.control.position_filter import AppliedControl


@dataclass(frozen=True)
class CreepingConfig:
    """Parameters of the published heuristic (keys ``sensor_agent_stuck_*``).

    Attributes:
        stuck_ticks: Standing ticks (``threshold``) after which the car is stuck.
        move_ticks: Ticks of rolling forward (``move_duration``).
        throttle: Least throttle while rolling (``throttle``).
        standing_mps: Speeds below this count as standing.
        box_min_ego_m: Rear, left, lower corner of the box that must be free, in the ego frame of the clouds, whose z is
            lowered by half of the LiDAR's mounting height.
        box_max_ego_m: Front, right, upper corner.
    """

    stuck_ticks: int = 1100
    move_ticks: int = 20
    throttle: float = 0.4
    standing_mps: float = 0.1
    box_min_ego_m: tuple[float, float, float] = (2.45, -0.8513, 0.5)
    box_max_ego_m: tuple[float, float, float] = (4.95, 0.8513, 1.5)


class Creeping:
    """Counts standing ticks and overrides the pedals of a stuck car."""

    def __init__(self, config: CreepingConfig | None = None) -> None:
        """Use the published parameters unless others are given."""
        self._config = config or CreepingConfig()
        self._standing_ticks = 0
        self._ticks_left = 0

    @property
    def is_forcing(self) -> bool:
        """The car is being moved."""
        return self._ticks_left > 0

    @property
    def standing_ticks(self) -> int:
        """Ticks that the car has been standing."""
        return self._standing_ticks

    @property
    def ticks_left(self) -> int:
        """Ticks that the car will be moved."""
        return self._ticks_left

    def step(self, control: AppliedControl, speed_mps: float, cloud_ego: NDArray[np.floating]) -> AppliedControl:
        """Pass a control on, changed if the car is stuck.

        Args:
            control: What the agent wants.
            speed_mps: Vehicle speed.
            cloud_ego: (n, 3 or more) newest LiDAR cloud, ego frame, metres.

        Returns:
            The control to apply. A point in the box ahead makes it a full brake and the rolling time starts again.
        """
        config = self._config
        self._standing_ticks = self._standing_ticks + 1 if speed_mps < config.standing_mps else 0
        if self._standing_ticks > config.stuck_ticks:
            self._ticks_left = config.move_ticks
        if not self.is_forcing:
            return control
        points = np.asarray(cloud_ego)[:, :3]
        if ((points > config.box_min_ego_m) & (points < config.box_max_ego_m)).all(axis=1).any():
            self._ticks_left = config.move_ticks
            return AppliedControl(control.steer, 0.0, 1.0)
        self._ticks_left -= 1
        return AppliedControl(control.steer, max(config.throttle, control.throttle), 0.0)
