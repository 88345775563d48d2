"""Vectorised evaluation of OpenDRIVE roads and lanes.

The client computes lane poses with the C++ library inside the carla wheel. This module computes the same
poses for a million points at a time in numpy, so that a large town compiles in seconds; tests hold the two
together. Where the library deviates from the standard (superelevation and lane shapes are ignored, slopes
are taken as angles) we follow the library: a vehicle must stand where the client's waypoints are.

All results are in CARLA's world frame: left-handed, x forward, y right, z up, metres, radians.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import wrap_rad
from lead.maps.opendrive import CubicTable, GeometryKind, RoadNetwork

_GAUSS_NODES, _GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(24)
# Arc lengths of polynomial curves are integrated on a grid at least this fine.
_POLYNOMIAL_STEP_M = 0.05
_MAX_SLOPE_LENGTH = 1e-9


@dataclass(frozen=True)
class ReferencePose:
    """Poses on reference lines including the lane offset, one per query; frame: world."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    yaw: NDArray[np.float64]
    slope: NDArray[np.float64]  # dz per metre along the reference line
    curvature: NDArray[np.float64]  # positive: turns right


@dataclass(frozen=True)
class LanePose:
    """Poses on lane centre lines in driving direction, one per query; frame: world.

    `slope` is dz per metre of the reference line, `grade` per metre of the lane; both along the driving
    direction.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    yaw: NDArray[np.float64]
    slope: NDArray[np.float64]
    grade: NDArray[np.float64]
    width: NDArray[np.float64]


class _Lookup:
    """Finds, for (owner, s), the last record of a sorted table that starts at or before s."""

    def __init__(self, owner: NDArray[np.int64], s: NDArray[np.float64], stride: float) -> None:
        self._stride = stride
        self._keys = owner * stride + s
        self._owner = owner

    def find(self, owner: NDArray[np.int64], s: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Returns record indices (clipped) and whether such a record exists."""
        index = np.searchsorted(self._keys, owner * self._stride + s, side="right") - 1
        if len(self._owner) == 0:
            return np.zeros_like(index), np.zeros(index.shape, dtype=bool)
        clipped = np.maximum(index, 0)
        return clipped, (index >= 0) & (self._owner[clipped] == owner)


class _Cubic:
    """A `CubicTable` ready for evaluation."""

    def __init__(self, table: CubicTable, stride: float) -> None:
        self._table = table
        self._lookup = _Lookup(table.owner, table.s, stride)

    def __call__(
        self, owner: NDArray[np.int64], s: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Value and slope; both 0 where no record covers s."""
        index, found = self._lookup.find(owner, s)
        if len(self._table.s) == 0:
            return np.zeros_like(s), np.zeros_like(s)
        a, b, c, d = self._table.abcd[index].T
        u = s - self._table.s[index]
        value = a + u * (b + u * (c + u * d))
        slope = b + u * (2.0 * c + u * (3.0 * d))
        return np.where(found, value, 0.0), np.where(found, slope, 0.0)


class LaneGeometry:
    """Evaluates a road network.

    Args:
        network: Roads as read by `lead.maps.opendrive.parse`.
    """

    def __init__(self, network: RoadNetwork) -> None:
        self._network = network
        stride = float(np.ceil(max(network.road_length.max(), network.geometry[:, [0, 4]].sum(axis=1).max()))) + 1.0
        order = np.lexsort((network.geometry[:, 0], network.geometry_road))
        self._geometry = network.geometry[order]
        self._geometry_kind = network.geometry_kind[order]
        self._geometry_params = network.geometry_params[order]
        self._geometry_lookup = _Lookup(network.geometry_road[order], self._geometry[:, 0], stride)
        self._polynomials = {
            int(i): _PolynomialCurve(self._geometry_params[i], float(self._geometry[i, 4]))
            for i in np.flatnonzero(self._geometry_kind == GeometryKind.POLYNOMIAL)
        }
        self._elevation = _Cubic(network.elevation, stride)
        self._lane_offset = _Cubic(network.lane_offset, stride)
        self._lane_width = _Cubic(network.lane_width, stride)

    def reference(
        self, road: NDArray[np.int64], s: NDArray[np.float64], t: NDArray[np.float64] | None = None
    ) -> ReferencePose:
        """Poses on reference lines without the lane offset.

        Args:
            road: int64 [n], indices of roads.
            s: float64 [n], stations, m; clipped to the road.
            t: float64 [n], lateral offsets to the left, m; none means 0.
        """
        s = np.clip(s, 0.0, self._network.road_length[road])
        x, y, heading, curvature = self._plan_view(road, s)
        z, slope = self._elevation(road, s)
        if t is not None:
            x = x - t * np.sin(heading)
            y = y + t * np.cos(heading)
        return ReferencePose(x, -y, z, -heading, slope, -curvature)

    def lane_width(self, lane: NDArray[np.int64], s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Widths [n] of lanes (indices) at stations s, m, never negative."""
        return np.maximum(self._lane_width(lane, s)[0], 0.0)

    def lane_pose(self, lane: NDArray[np.int64], s: NDArray[np.float64]) -> LanePose:
        """Poses on lane centre lines.

        Args:
            lane: int64 [n], indices of lanes in the network.
            s: float64 [n], stations on the reference line within the lane's section, m.
        """
        network = self._network
        road = network.section_road[network.lane_section[lane]]
        s = np.clip(s, 0.0, network.road_length[road])
        width, width_slope = self._lane_width(lane, s)
        outward = 0.5 * width
        outward_slope = 0.5 * width_slope
        rank = network.lane_rank[lane]
        for step in range(1, int(rank.max(initial=0)) + 1):
            further = np.flatnonzero(rank >= step)
            inner_width, inner_slope = self._lane_width(lane[further] - step, s[further])
            outward[further] += inner_width
            outward_slope[further] += inner_slope
        side = np.where(network.lane_id[lane] > 0, 1.0, -1.0)
        offset, offset_slope = self._lane_offset(road, s)
        t = offset + side * outward
        t_slope = offset_slope + side * outward_slope
        reference = self.reference(road, s, t)
        # The library takes the lateral slope itself for the angle; the difference shows only in steep tapers.
        yaw = reference.yaw - t_slope
        stretch = np.hypot(np.maximum(1.0 + t * reference.curvature, 0.05), t_slope)
        slope = -side * reference.slope
        return LanePose(
            x=reference.x,
            y=reference.y,
            z=reference.z,
            yaw=wrap_rad(np.where(side > 0, yaw + np.pi, yaw)),
            slope=slope,
            grade=slope / stretch,
            width=np.maximum(width, 0.0),
        )

    def _plan_view(
        self, road: NDArray[np.int64], s: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """x, y, heading and curvature of reference lines in OpenDRIVE's frame (y left)."""
        index, _ = self._geometry_lookup.find(road, s)
        start, x0, y0, heading0, length = self._geometry[index].T
        u = np.clip(s - start, 0.0, length)
        k0, k1 = self._geometry_params[index, :2].T
        # Heading is quadratic in u for line, arc and spiral alike; Gauss quadrature is exact to rounding.
        local_x, local_y = _integrate_heading(u, k0, (k1 - k0) / length)
        turn = u * (k0 + 0.5 * u * (k1 - k0) / length)
        curvature = k0 + u * (k1 - k0) / length
        for i, curve in self._polynomials.items():
            here = np.flatnonzero(index == i)
            if len(here):
                local_x[here], local_y[here], turn[here], curvature[here] = curve(u[here])
        cos0, sin0 = np.cos(heading0), np.sin(heading0)
        return (
            x0 + cos0 * local_x - sin0 * local_y,
            y0 + sin0 * local_x + cos0 * local_y,
            heading0 + turn,
            curvature,
        )


class _PolynomialCurve:
    """A poly3 or paramPoly3 piece, reparametrised by arc length as the client's library does."""

    def __init__(self, params: NDArray[np.float64], length: float) -> None:
        self._u = np.polynomial.Polynomial(params[0:4])
        self._v = np.polynomial.Polynomial(params[4:8])
        count = max(64, int(np.ceil(length / _POLYNOMIAL_STEP_M)))
        self._p = np.linspace(0.0, params[8], count + 1)
        speed = np.hypot(self._u.deriv()(self._p), self._v.deriv()(self._p))
        steps = 0.5 * (speed[1:] + speed[:-1]) * np.diff(self._p)
        self._arc = np.concatenate([[0.0], np.cumsum(steps)])

    def __call__(
        self, s: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Local x, y, heading and curvature at arc lengths s."""
        p = np.interp(s, self._arc, self._p)
        du, dv = self._u.deriv()(p), self._v.deriv()(p)
        ddu, ddv = self._u.deriv(2)(p), self._v.deriv(2)(p)
        speed = np.maximum(np.hypot(du, dv), _MAX_SLOPE_LENGTH)
        return self._u(p), self._v(p), np.arctan2(dv, du), (du * ddv - dv * ddu) / speed**3


def _integrate_heading(
    u: NDArray[np.float64], k0: NDArray[np.float64], rate: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Displacement after u metres from heading 0 with curvature k0 + rate * u."""
    x, y = u.copy(), np.zeros_like(u)
    arc = np.flatnonzero((rate == 0.0) & (k0 != 0.0))
    angle = k0[arc] * u[arc]
    x[arc] = np.sin(angle) / k0[arc]
    y[arc] = (1.0 - np.cos(angle)) / k0[arc]
    spiral = np.flatnonzero(rate != 0.0)
    if len(spiral):
        nodes = 0.5 * u[spiral, None] * (_GAUSS_NODES + 1.0)
        heading = nodes * (k0[spiral, None] + 0.5 * nodes * rate[spiral, None])
        half = 0.5 * u[spiral]
        x[spiral] = half * (np.cos(heading) @ _GAUSS_WEIGHTS)
        y[spiral] = half * (np.sin(heading) @ _GAUSS_WEIGHTS)
    return x, y
