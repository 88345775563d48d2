"""How vehicles move: the published fits for the MKZ 2020, and their scaling to every other vehicle.

Longitudinal: polynomials fitted at 20 Hz on CARLA's MKZ give the speed after one 0.05 s tick from speed and throttle,
or under full brake. We turn them into accelerations, so any time step works, and leave the fitted domain
(throttle from 0.3, speed up to 72 km/h) by continuous extensions: below 0.3 throttle a coasting deceleration, above
72 km/h air drag. Lateral: the published kinematic bicycle (front -0.0908 m, rear 1.4178 m, wheel angle 0.3685 rad at
full steer). Other vehicles scale the geometry by wheelbase and the accelerations by mass.
"""

import numpy as np
from numpy.typing import NDArray

from lead.control.vehicle_fits import (
    BRAKE_FIT,
    FRONT_AXLE_M,
    REAR_AXLE_M,
    SLIP_PER_TANGENT,
    THROTTLE_FIT,
    THROTTLE_FIT_FROM,
    WHEEL_RAD_PER_STEER,
)

Array = NDArray[np.float64]

FIT_TICK_S = 0.05
MKZ_WHEELBASE_M = 2.85
MKZ_MASS_KG = 2100.0
GRAVITY_MPS2 = 9.81

_KMH_PER_MPS = 3.6
_THROTTLE_FIT_MAX_KMH = 72.0
_DRAG_ABOVE_FIT_PER_S = 0.07
_HAND_BRAKE_MPS2 = 6.0
_MIN_WHEELBASE_RATIO = 0.35
_BRAKE_LIMITS_MPS2 = (4.0, 12.0)


def _throttle_acceleration(speed_mps: Array, throttle: Array) -> Array:
    """Fitted acceleration in m/s² for throttle >= 0.3, with air drag added above the fitted speeds."""
    v = np.minimum(speed_mps * _KMH_PER_MPS, _THROTTLE_FIT_MAX_KMH)
    v2 = v * v
    of_v, of_v2, of_t, of_t2, of_vt, of_vt2, of_v2t, of_v2t2 = THROTTLE_FIT
    constant = (of_v - 1.0) * v + of_v2 * v2
    linear = of_t + of_vt * v + of_v2t * v2
    square = of_t2 + of_vt2 * v + of_v2t2 * v2
    delta_kmh = constant + throttle * (linear + throttle * square)
    beyond = np.maximum(speed_mps - _THROTTLE_FIT_MAX_KMH / _KMH_PER_MPS, 0.0)
    return delta_kmh / (_KMH_PER_MPS * FIT_TICK_S) - _DRAG_ABOVE_FIT_PER_S * beyond


def _coasting_deceleration(speed_mps: Array) -> Array:
    """Rolling and engine drag without throttle, m/s²; meets the fit's trend at 0.3 throttle from below."""
    return np.minimum(0.15 + 0.20 * speed_mps, 4.0)


_BRAKE_SPEEDS_MPS = np.arange(0.0, 28.01, 0.25)


def _full_brake_table() -> Array:
    v = _BRAKE_SPEEDS_MPS * _KMH_PER_MPS
    loss_kmh = v - np.polyval([*reversed(BRAKE_FIT), 0.0], v)
    return np.clip(loss_kmh / (_KMH_PER_MPS * FIT_TICK_S), *_BRAKE_LIMITS_MPS2)


_BRAKE_TABLE_MPS2 = _full_brake_table()


def full_brake_deceleration(speed_mps: Array) -> Array:
    """Deceleration under full brake, m/s², from the published fit and held inside what tyres can do."""
    return np.interp(speed_mps, _BRAKE_SPEEDS_MPS, _BRAKE_TABLE_MPS2)


def drive_acceleration(speed_mps: Array, throttle: Array) -> Array:
    """Acceleration in the direction of the gear, m/s².

    Args:
        speed_mps: (n,) speed along the gear's direction; negative while still rolling the other way.
        throttle: (n,) 0 to 1.
    """
    forward = np.maximum(speed_mps, 0.0)
    fitted = _throttle_acceleration(forward, np.maximum(throttle, THROTTLE_FIT_FROM))
    share = np.minimum(throttle / THROTTLE_FIT_FROM, 1.0)
    return share * fitted - (1.0 - share) * _coasting_deceleration(forward)


def step_speed(
    speed_mps: Array,
    throttle: Array,
    brake: Array,
    hand_brake: NDArray[np.bool_],
    gear_sign: Array,
    drive_scale: Array,
    brake_scale: Array,
    dt_s: float,
) -> Array:
    """Signed longitudinal speed after ``dt_s``.

    Args:
        speed_mps: (n,) signed speed along the heading.
        throttle: (n,) 0 to 1.
        brake: (n,) 0 to 1.
        hand_brake: (n,) flags.
        gear_sign: (n,) +1 forward, -1 reverse, 0 neutral.
        drive_scale: (n,) factor on driving accelerations (1 for the MKZ).
        brake_scale: (n,) factor on braking (1 for the MKZ).
        dt_s: Step, at most 0.05 s for accuracy.
    """
    magnitude = np.abs(speed_mps)
    push = drive_acceleration(speed_mps * gear_sign, throttle) * drive_scale
    pull = np.where(push > 0.0, push, 0.0) * gear_sign
    resist = np.where(push < 0.0, -push, 0.0)
    resist = np.where(gear_sign == 0.0, _coasting_deceleration(magnitude), resist)
    # The brake fit already holds all drag, so coasting fades out as the brake comes in.
    resist += brake * (full_brake_deceleration(magnitude) * brake_scale - resist)
    resist += hand_brake * (_HAND_BRAKE_MPS2 * brake_scale)
    driven = speed_mps + pull * dt_s
    return np.sign(driven) * np.maximum(np.abs(driven) - resist * dt_s, 0.0)


def slip_angle(steer: Array, steer_gain_rad: Array) -> Array:
    """Angle between heading and travel of the published bicycle, rad, for steer -1 to 1."""
    return np.arctan(SLIP_PER_TANGENT * np.tan(steer_gain_rad * steer))


def steer_for_curvature(curvature_per_m: float, rear_m: float, steer_gain_rad: float) -> float:
    """Steer in [-1, 1] that makes a vehicle of the given bicycle follow a curvature (1/m, positive to the right)."""
    sine = min(max(rear_m * curvature_per_m, -0.99), 0.99)
    wheel_rad = float(np.arctan(np.tan(np.arcsin(sine)) * (FRONT_AXLE_M + REAR_AXLE_M) / REAR_AXLE_M))
    return min(max(wheel_rad / steer_gain_rad, -1.0), 1.0)


def bicycle_scaling(wheelbase_m: float) -> tuple[float, float]:
    """Rear length (m) and full-steer wheel angle (rad) of the bicycle for a vehicle of another wheelbase.

    The turning circle grows with the square root of the wheelbase: long vehicles steer their wheels further, which
    lets a bus stay in the lanes of a town's junctions.
    """
    ratio = max(wheelbase_m / MKZ_WHEELBASE_M, _MIN_WHEELBASE_RATIO)
    rear_m = REAR_AXLE_M * ratio
    slip_rad = np.arctan(SLIP_PER_TANGENT * np.tan(WHEEL_RAD_PER_STEER))
    sine = min(float(np.sin(slip_rad)) * ratio**0.5, 0.95)
    return rear_m, float(np.arctan(np.tan(np.arcsin(sine)) * (FRONT_AXLE_M + REAR_AXLE_M) / REAR_AXLE_M))


def mass_scales(mass_kg: float, base_type: str) -> tuple[float, float]:
    """Factors on driving and braking accelerations for a vehicle that is not the MKZ."""
    if base_type == "bicycle":
        return 0.35, 0.6
    drive = float(np.clip((MKZ_MASS_KG / mass_kg) ** 0.5, 0.45, 1.15))
    brake = 1.0 if mass_kg < 4000.0 else 0.8
    return drive, brake
