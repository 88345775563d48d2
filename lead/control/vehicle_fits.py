"""What was fitted to CARLA's Lincoln MKZ 2020 and published: the bicycle that it steers as, and what its pedals do.

The filter of the ego's position, the expert's forecasts and the embedded simulator move vehicles by the same numbers
(carla_garage). Speeds of the polynomials are in km/h, and one tick is 0.05 s.
"""

from __future__ import annotations

FRONT_AXLE_M, REAR_AXLE_M = -0.090769015, 1.4178275
SLIP_PER_TANGENT = REAR_AXLE_M / (FRONT_AXLE_M + REAR_AXLE_M)
"""Tangent of the angle between heading and travel by that of the wheels."""
WHEEL_RAD_PER_STEER = 0.36848336
BRAKING_MPS2, ACCELERATION_MPS2 = 4.952399, 0.5633837
"""At full brake and at full throttle, at any speed: coarser than the polynomials."""
BRAKE_FIT = (
    9.31711370e-3,
    8.20967431e-2,
    -2.83832427e-3,
    5.06587474e-5,
    -4.90357228e-7,
    2.44419284e-9,
    -4.91381935e-12,
)
"""Factors of v, v², ... v⁷ in the speed one tick later at full brake."""
THROTTLE_FIT = (
    0.963873001,
    4.37535692e-4,
    -0.380192912,
    1.74950069,
    0.0916787414,
    -0.0705461530,
    -1.05996152e-3,
    6.71079346e-4,
)
"""Factors of v, v², t, t², vt, vt², v²t and v²t² in the speed one tick later at throttle t."""
THROTTLE_FIT_FROM = 0.3
"""Least throttle that was fitted."""
