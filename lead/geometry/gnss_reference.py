"""Where the world's origin lies on the globe, found from a route plan that is known both in metres and in degrees.

Agents get fixes in degrees and no reference. One point of the plan, known in both forms, gives it. The plan also tells
which way latitude grows: towards -y with CARLA 0.9.15, towards +y with real 0.9.16 servers. Plan and fixes are
converted with the same reference, so what is wrong with it cancels as long as only relative positions matter.
"""

from __future__ import annotations

import logging
import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.config.legacy import PUBLISHED, Legacy
from lead.errors import LeadError
from lead.geometry.geodesy import EARTH_RADIUS_M, geo_to_world

logger = logging.getLogger(__name__)

DEGREES_PER_M = 180.0 / (math.pi * EARTH_RADIUS_M)
LEAST_EXTENT_M = 0.1
"""A plan narrower than this along y says nothing about the direction of latitude."""


class GnssError(LeadError):
    """A plan or a fix does not allow a position to be computed."""


@dataclass(frozen=True)
class GnssReference:
    """Reference of a Mercator projection.

    Attributes:
        lat_deg: Latitude of the world's origin.
        lon_deg: Longitude of the world's origin.
        grows_with_y: Latitude grows towards +y (real CARLA 0.9.16) instead of -y.
    """

    lat_deg: float
    lon_deg: float
    grows_with_y: bool = False

    def to_world(self, lat_deg: ArrayLike, lon_deg: ArrayLike) -> NDArray[np.float64]:
        """Convert fixes.

        Args:
            lat_deg: Latitudes in degrees, any shape.
            lon_deg: Longitudes in degrees, same shape.

        Returns:
            float64 (..., 2): x and y in metres.
        """
        x, y, _ = geo_to_world(lat_deg, lon_deg, 0.0, self.lat_deg, self.lon_deg)
        return np.stack([x, -y if self.grows_with_y else y], axis=-1)


def estimate_reference(lat_lon_deg: ArrayLike, world_xy_m: ArrayLike, legacy: Legacy = PUBLISHED) -> GnssReference:
    """Estimate the reference from a plan given in degrees and in metres.

    With ``gps_reference_extra_factor`` the published equations are solved by the published root search from (0, 0): x
    carries the latitude as an extra factor, and the search may stop early; only the longitude suffers.

    Args:
        lat_lon_deg: (n, 2) latitudes and longitudes of the plan's points, n >= 1.
        world_xy_m: (n, 2) x and y of the same points, metres.
        legacy: Whether to reproduce the published estimate.

    Raises:
        GnssError: If the plan is empty, its two forms differ in length, or it is not made of finite numbers.
    """
    geo = np.asarray(lat_lon_deg, dtype=np.float64)
    world = np.asarray(world_xy_m, dtype=np.float64)
    if geo.ndim != 2 or geo.shape[1:] != (2,) or geo.shape != world.shape or not len(geo):
        raise GnssError(
            f"the route plan must have as many points in degrees as in metres and at least one, but the shapes are "
            f"{geo.shape} and {world.shape}"
        )
    if not (np.isfinite(geo).all() and np.isfinite(world).all()) or np.abs(geo[:, 0]).max() >= 90.0:
        raise GnssError("the route plan has latitudes, longitudes or positions that are not finite or not on the globe")
    grows_with_y = _grows_with_y(geo[:, 0], world[:, 1])
    lat_deg, lon_deg = float(geo[0, 0]), float(geo[0, 1])
    x, y = float(world[0, 0]), float(world[0, 1])
    south_m = -y if grows_with_y else y
    solve = _published_root if legacy.gps_reference_extra_factor else _exact_root
    lat0, lon0 = solve(lat_deg, lon_deg, x, south_m)
    if not (math.isfinite(lat0) and math.isfinite(lon0)):
        raise GnssError(f"no GNSS reference puts ({lat_deg}, {lon_deg}) degrees at ({x}, {y}) m")
    return GnssReference(lat0, lon0, grows_with_y)


def _grows_with_y(lat_deg: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    if float(np.ptp(y)) < LEAST_EXTENT_M:
        logger.info("the plan does not move along y; latitude is taken to fall with y, as in CARLA 0.9.15")
        return False
    return float(np.dot(lat_deg - lat_deg.mean(), y - y.mean())) > 0.0


def _mercator(lat_deg: float) -> float:
    return math.log(math.tan((90.0 + lat_deg) * math.pi / 360.0))


def _exact_root(lat_deg: float, lon_deg: float, x: float, south_m: float) -> tuple[float, float]:
    """Solve y = cos(lat0) R (M(lat0) - M(lat)) by iterating lat0 = M^-1(M(lat) + y / (R cos(lat0)))."""
    lat0 = lat_deg
    for _ in range(50):
        scale = EARTH_RADIUS_M * math.cos(math.radians(lat0))
        lat0 = math.degrees(2.0 * math.atan(math.exp(_mercator(lat_deg) + south_m / scale))) - 90.0
    return lat0, lon_deg - x * DEGREES_PER_M / math.cos(math.radians(lat0))


def _published_root(lat_deg: float, lon_deg: float, x: float, south_m: float) -> tuple[float, float]:
    from scipy.optimize import fsolve

    target = _mercator(lat_deg) * EARTH_RADIUS_M

    def residuals(reference: NDArray[np.float64]) -> list[float]:
        lat0, lon0 = float(reference[0]), float(reference[1])
        if abs(lat0) >= 90.0:
            return [math.inf, math.inf]
        scale = math.cos(math.radians(lat0))
        return [
            lon_deg * scale - x * lat0 * DEGREES_PER_M - scale * lon0,
            target * scale + south_m - scale * EARTH_RADIUS_M * _mercator(lat0),
        ]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that the search stops early is part of the published estimate
        lat0, lon0 = fsolve(residuals, [0.0, 0.0])
    return float(lat0), float(lon0)
