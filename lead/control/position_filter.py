"""Where the ego is: an unscented Kalman filter over noisy GNSS fixes, and its smoothed recent past.

Driving, recording and LiDAR stacking share this filter: published weights were trained on clouds that were aligned with
its smoothed positions. The published sigma points are spread by 1e-5, so that their weights are about 1e9 and the usual
sums lose ten digits. All sums here run over differences to the central point: the same filter, well conditioned.
Because the measurement is the state itself, its update is the linear one. As published, the update weighs the
measurement against the moved points alone; process noise is added afterwards.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.config.legacy import PUBLISHED, Legacy
from lead.control.vehicle_fits import (
    ACCELERATION_MPS2,
    BRAKING_MPS2,
    REAR_AXLE_M,
    SLIP_PER_TANGENT,
    WHEEL_RAD_PER_STEER,
)
from lead.errors import LeadError

Array = NDArray[np.float64]

TICK_S = 0.05
HISTORY = 61
"""States that the smoother looks at."""
ALPHA, BETA, KAPPA = 1e-5, 2.0, 0.0
STATES = 4
SIGMA_SCALE = ALPHA**2 * (STATES + KAPPA)
SIGMA_WEIGHT = 0.5 / SIGMA_SCALE
"""Weight of each sigma point but the central one (Merwe's scaled points)."""
INITIAL_COVARIANCE = np.diag([0.5, 0.5, 1e-6, 1e-6])
MEASUREMENT_NOISE = np.diag([0.5, 0.5, 1e-15, 1e-15])
PROCESS_NOISE = np.diag([1e-4, 1e-4, 1e-3, 1e-3])


class PositionError(LeadError):
    """A measurement of the ego's position, heading or speed cannot be used."""


@dataclass(frozen=True)
class AppliedControl:
    """What the vehicle was told last.

    Attributes:
        steer: In [-1, 1], positive to the right.
        throttle: In [0, 1].
        brake: In [0, 1]; the motion model knows only whether it is positive.
    """

    steer: float = 0.0
    throttle: float = 0.0
    brake: float = 0.0


@dataclass(frozen=True)
class _Transition:
    """How one stored state was carried to the next tick: predicted mean (4,) and smoother gain (4, 4)."""

    predicted: Array
    gain: Array


class PositionFilter:
    """Filters x, y (m), yaw (rad) and speed (m/s) at 20 Hz.

    The state's yaw is not unwrapped: it follows the measured one up to whole turns.
    """

    def __init__(self, legacy: Legacy = PUBLISHED) -> None:
        """Create a filter that takes its state from the first measurement."""
        self._lag = legacy.smoother_control_lag
        self._origin: Array | None = None
        self._state = np.zeros(STATES)
        self._covariance = INITIAL_COVARIANCE.copy()
        self._states: deque[Array] = deque(maxlen=HISTORY)
        self._transitions: deque[_Transition] = deque(maxlen=HISTORY - 1)
        self._filling: list[_Transition] = []
        self._controls = [AppliedControl(), AppliedControl()]

    def step(self, position_m: ArrayLike, yaw_rad: float, speed_mps: float, control: AppliedControl) -> Array:
        """Take the measurements of one tick.

        Args:
            position_m: (2,) measured world position.
            yaw_rad: Measured heading, wrapped or not.
            speed_mps: Measured speed.
            control: Control that was applied since the last tick.

        Returns:
            (4,) float64: filtered x, y (world, m), yaw (rad), speed (m/s).

        Raises:
            PositionError: If a measurement is not finite or has another shape.
        """
        position = np.asarray(position_m, dtype=np.float64)
        if position.shape != (2,):
            raise PositionError(f"the position filter needs x and y, but got an array of shape {position.shape}")
        if not (np.isfinite(position).all() and math.isfinite(yaw_rad) and math.isfinite(speed_mps)):
            raise PositionError(
                f"position {position.tolist()}, heading {yaw_rad} and speed {speed_mps} must be finite numbers: "
                "check the GNSS, IMU and speedometer"
            )
        if self._origin is None:
            self._origin = position.copy()
            self._state = np.array([0.0, 0.0, yaw_rad, speed_mps])
        measured = np.array([*(position - self._origin), yaw_rad, speed_mps])
        spread = np.linalg.cholesky(SIGMA_SCALE * self._covariance)
        predicted, covariance, cross = _carry(self._state, spread, control)
        if self._states and self._lag:
            self._transitions.append(_transition(*_carry(self._state, spread, self._controls[1])))
            if len(self._states) < HISTORY:
                self._filling.append(_transition(*_carry(self._state, spread, self._controls[0])))
        elif self._states:
            self._transitions.append(_transition(predicted, covariance, cross))
        self._controls = [self._controls[1], control]
        gain = np.linalg.solve(covariance + MEASUREMENT_NOISE, covariance).T
        self._state = predicted + gain @ _difference(measured, predicted)
        rest = np.eye(STATES) - gain
        # Joseph's form: stays symmetric and positive although two measurements are almost exact.
        posterior = rest @ covariance @ rest.T + gain @ MEASUREMENT_NOISE @ gain.T
        self._covariance = posterior + PROCESS_NOISE
        self._states.append(self._state)
        state: Array = self._to_world(self._state[None])[0]
        return state

    def smoothed(self, count: int = HISTORY) -> Array:
        """Return the latest states in the light of everything measured since (Rauch, Tung, Striebel).

        Args:
            count: How many states at most, up to 61.

        Returns:
            (n, 4) float64, oldest first: x, y (world, m), yaw (rad), speed (m/s); n is smaller than ``count`` at the
            start. The last row is the filtered state.

        Raises:
            PositionError: Before the first measurement.
        """
        if self._origin is None:
            raise PositionError("the position filter has not seen a measurement yet")
        # The published smoother moves every state with the control of the tick before, and of two ticks before until
        # its history is full.
        transitions = self._filling if self._lag and len(self._states) < HISTORY else self._transitions
        states = [self._states[-1]]
        for age in range(1, min(count, len(self._states))):
            transition = transitions[-age]
            correction: Array = transition.gain @ _difference(states[-1], transition.predicted)
            states.append(self._states[-age - 1] + correction)
        return self._to_world(np.array(states[::-1]))

    def _to_world(self, states: Array) -> Array:
        assert self._origin is not None
        world: Array = states + np.array([*self._origin, 0.0, 0.0])
        return world


def _carry(state: Array, spread: Array, control: AppliedControl) -> tuple[Array, Array, Array]:
    """Unscented transform of a state through one tick of motion.

    Args:
        state: (4,) mean.
        spread: (4, 4) lower Cholesky factor of the scaled covariance; its columns are the sigma offsets.
        control: Control during the tick.

    Returns:
        Predicted mean (4,), covariance of the moved points (4, 4, without process noise), cross covariance (4, 4).
    """
    offsets = np.concatenate([np.zeros((1, STATES)), spread.T, -spread.T])
    moves = _moves(state[2:] + offsets[:, 2:], control)
    centre = moves[0]
    # Relative to the moved central point, in which the large weights do no harm.
    deltas = offsets[1:] + moves[1:] - centre
    mean = SIGMA_WEIGHT * deltas.sum(axis=0)
    sine = SIGMA_WEIGHT * np.sin(deltas[:, 2]).sum()
    cosine = 1.0 - SIGMA_WEIGHT * (2.0 * np.sin(0.5 * deltas[:, 2]) ** 2).sum()
    mean[2] = math.atan2(sine, cosine)
    covariance = SIGMA_WEIGHT * deltas.T @ deltas + (BETA - ALPHA**2) * np.outer(mean, mean)
    cross = SIGMA_WEIGHT * offsets[1:].T @ deltas
    predicted = state + centre + mean
    predicted[2] = math.remainder(predicted[2], 2.0 * math.pi)
    return predicted, covariance, cross


def _moves(yaw_speed: Array, control: AppliedControl) -> Array:
    """Change of (x, y, yaw, speed) in one tick by the kinematic bicycle, for rows of yaw and speed."""
    yaw, speed = yaw_speed[:, 0], yaw_speed[:, 1]
    wheel_rad = WHEEL_RAD_PER_STEER * control.steer
    slip = math.atan(SLIP_PER_TANGENT * math.tan(wheel_rad))
    acceleration = -BRAKING_MPS2 if control.brake > 0.0 else ACCELERATION_MPS2 * control.throttle
    moves = np.empty((len(yaw), STATES))
    moves[:, 0] = speed * np.cos(yaw + slip) * TICK_S
    moves[:, 1] = speed * np.sin(yaw + slip) * TICK_S
    moves[:, 2] = speed / REAR_AXLE_M * math.sin(slip) * TICK_S
    moves[:, 3] = np.maximum(acceleration * TICK_S, -speed)
    return moves


def _transition(predicted: Array, covariance: Array, cross: Array) -> _Transition:
    return _Transition(predicted, np.linalg.solve(covariance + PROCESS_NOISE, cross.T).T)


def _difference(a: Array, b: Array) -> Array:
    """Difference of two states with the yaw's wrapped."""
    difference = a - b
    difference[2] = math.remainder(difference[2], 2.0 * math.pi)
    return difference
