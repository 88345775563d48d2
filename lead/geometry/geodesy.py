"""World metres to latitude and longitude and back.

The simulator's GNSS, the leaderboards' route plans and the agents all use CARLA 0.9.15's Mercator formula,
in which latitude grows towards -y (north). The 0.9.16 client's own conversion is a transverse Mercator whose
latitude grows towards +y; it is here so that code facing that client's numbers can be written and tested.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_M = 6378137.0
TRANSVERSE_SCALE = 0.9996

GeoArrays = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _mercator_y(lat_deg: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    tangent: NDArray[np.float64] = np.tan(np.radians(90.0 + lat_deg) / 2.0)
    return scale * EARTH_RADIUS_M * np.log(tangent)


def world_to_geo(x: ArrayLike, y: ArrayLike, z: ArrayLike, lat0_deg: float, lon0_deg: float) -> GeoArrays:
    """World coordinates to geodetic ones by CARLA 0.9.15's Mercator projection (the simulator's GNSS).

    Args:
        x: World x (east), metres, any shape.
        y: World y (south), metres.
        z: World z, metres.
        lat0_deg: Latitude of the world's origin, degrees.
        lon0_deg: Longitude of the world's origin, degrees.

    Returns:
        Latitude and longitude in degrees, altitude in metres, each float64 of the inputs' shape.
    """
    scale = float(np.cos(np.radians(lat0_deg)))
    mercator_y = _mercator_y(np.asarray(lat0_deg, dtype=np.float64), scale) - np.asarray(y, dtype=np.float64)
    lat_deg = np.degrees(2.0 * np.arctan(np.exp(mercator_y / (EARTH_RADIUS_M * scale)))) - 90.0
    lon_deg = lon0_deg + np.degrees(np.asarray(x, dtype=np.float64) / (EARTH_RADIUS_M * scale))
    return lat_deg, lon_deg, np.array(z, dtype=np.float64)


def geo_to_world(
    lat_deg: ArrayLike, lon_deg: ArrayLike, altitude_m: ArrayLike, lat0_deg: float, lon0_deg: float
) -> GeoArrays:
    """Inverse of :func:`world_to_geo`: x, y, z in metres, each float64 of the inputs' shape."""
    scale = float(np.cos(np.radians(lat0_deg)))
    x = np.radians(np.asarray(lon_deg, dtype=np.float64) - lon0_deg) * EARTH_RADIUS_M * scale
    origin_y = _mercator_y(np.asarray(lat0_deg, dtype=np.float64), scale)
    y = origin_y - _mercator_y(np.asarray(lat_deg, dtype=np.float64), scale)
    return x, y, np.array(altitude_m, dtype=np.float64)


def world_to_geo_transverse(x: ArrayLike, y: ArrayLike, z: ArrayLike, lat0_deg: float, lon0_deg: float) -> GeoArrays:
    """World coordinates to geodetic ones as the 0.9.16 client's ``Map.transform_to_geolocation`` does.

    Spherical transverse Mercator with scale 0.9996 centred on the reference; latitude grows with +y.

    Args:
        x: World x, metres, any shape.
        y: World y, metres.
        z: World z, metres.
        lat0_deg: Latitude of the world's origin, degrees.
        lon0_deg: Longitude of the world's origin, degrees.

    Returns:
        Latitude and longitude in degrees, altitude in metres.
    """
    radius = TRANSVERSE_SCALE * EARTH_RADIUS_M
    d = np.asarray(x, dtype=np.float64) / radius
    e = np.asarray(y, dtype=np.float64) / radius + np.radians(lat0_deg)
    lat_deg = np.degrees(np.arcsin(np.sin(e) / np.cosh(d)))
    lon_deg = lon0_deg + np.degrees(np.arctan2(np.sinh(d), np.cos(e)))
    return lat_deg, lon_deg, np.array(z, dtype=np.float64)
