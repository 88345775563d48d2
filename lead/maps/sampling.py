"""Lane centre samples and vehicle spawn points of a road network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.geometry.frames import wrap_rad
from lead.maps.lane_geometry import LaneGeometry
from lead.maps.layout import LANE_DTYPE, LaneType
from lead.maps.opendrive import RoadNetwork

SAMPLE_SPACING_M = 2.0
_MIN_LANE_WIDTH_M = 0.01
_MIN_SECTION_LENGTH_M = 1e-3

_SPAWN_SPACINGS_M = (25.0, 12.5, 8.5, 4.0, 1.0)
_SPAWN_ENOUGH = 250
_SPAWN_LANES_PER_TURN = 3
_SPAWN_CLEARANCE_M = 8.0
_SPAWN_END_MARGIN_M = 6.0
_SPAWN_MIN_WIDTH_M = 2.4
_SPAWN_HEIGHT_M = 0.5
_SPAWN_LIMIT = 2500


def sample_lanes(network: RoadNetwork, geometry: LaneGeometry) -> NDArray[np.void]:
    """Samples the centre line of every lane, both ends of each lane section included.

    Returns:
        LANE_DTYPE [n]; the samples of one lane of one section are consecutive, at most 2 m apart, in order
        of s. Lanes without width and sections shorter than 1 mm are left out.
    """
    section = network.lane_section
    length = network.section_end[section] - network.section_start[section]
    intervals = np.maximum(np.ceil(length / SAMPLE_SPACING_M), 1.0).astype(np.int64)
    lane = np.repeat(np.arange(len(section)), intervals + 1)
    first = np.cumsum(intervals + 1) - (intervals + 1)
    step = np.arange(len(lane)) - np.repeat(first, intervals + 1)
    s = network.section_start[section][lane] + step * (length / intervals)[lane]
    pose = geometry.lane_pose(lane, s)
    widest = np.maximum.reduceat(pose.width, first)
    road = network.section_road[section][lane]
    first_section = np.searchsorted(network.section_road, network.section_road)
    samples = np.zeros(len(lane), LANE_DTYPE)
    samples["x"], samples["y"], samples["z"] = pose.x, pose.y, pose.z
    samples["yaw"], samples["grade"] = pose.yaw, pose.grade
    samples["half_width"] = 0.5 * pose.width
    samples["road_id"] = network.road_id[road]
    samples["lane_id"] = network.lane_id[lane]
    samples["s"] = s
    samples["section"] = (np.arange(len(network.section_road)) - first_section)[section][lane]
    samples["lane_type"] = network.lane_type[lane]
    samples["junction_id"] = network.road_junction[road]
    # Sections of a micrometre occur in CARLA's towns; their width polynomials have no usable slope.
    kept = (widest >= _MIN_LANE_WIDTH_M) & (length >= _MIN_SECTION_LENGTH_M)
    return samples[kept[lane]]


def find_spawn_points(network: RoadNetwork, geometry: LaneGeometry) -> NDArray[np.float64]:
    """Vehicle spawn points on driving lanes outside junctions, at least 8 m apart.

    Returns:
        float64 [n, 6]: x, y, z (half a metre above the road), pitch, yaw and roll in degrees; n <= 2500.
    """
    lane = np.zeros(0, dtype=np.int64)
    s = np.zeros(0)
    # Small towns have few metres of road: fill them with ever closer candidates until traffic of 100 finds
    # room.
    for spacing in _SPAWN_SPACINGS_M:
        more_lane, more_s = _spawn_candidates(network, geometry, spacing)
        lane, s = np.concatenate([lane, more_lane]), np.concatenate([s, more_s])
        pose = geometry.lane_pose(lane, s)
        kept = _thin(np.stack([pose.x, pose.y, pose.z], axis=1), _SPAWN_CLEARANCE_M)
        if len(kept) >= _SPAWN_ENOUGH:
            break
    if len(kept) > _SPAWN_LIMIT:
        kept = kept[np.linspace(0, len(kept) - 1, _SPAWN_LIMIT).round().astype(np.int64)]
    points = np.zeros((len(kept), 6))
    points[:, 0], points[:, 1] = pose.x[kept], pose.y[kept]
    points[:, 2] = pose.z[kept] + _SPAWN_HEIGHT_M
    points[:, 3] = np.degrees(np.arctan(pose.grade[kept]))
    points[:, 4] = np.degrees(wrap_rad(pose.yaw[kept]))
    return points


def _spawn_candidates(
    network: RoadNetwork, geometry: LaneGeometry, spacing: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Lanes and stations every `spacing` metres, clear of both road ends, staggered between lanes."""
    section = network.lane_section
    road = network.section_road[section]
    start = np.maximum(network.section_start[section], _SPAWN_END_MARGIN_M)
    end = np.minimum(network.section_end[section], network.road_length[road] - _SPAWN_END_MARGIN_M)
    driving = network.lane_type == LaneType.DRIVING
    usable = driving & (network.road_junction[road] < 0) & (end >= start)
    before = np.cumsum(driving) - driving
    turn = (before - before[network.section_first_lane[section]]) % _SPAWN_LANES_PER_TURN
    start = start + turn * np.minimum(spacing, end - start) / _SPAWN_LANES_PER_TURN
    count = np.where(usable, np.floor((end - start) / spacing) + 1, 0).astype(np.int64)
    lane = np.repeat(np.arange(len(section)), count)
    step = np.arange(len(lane)) - np.repeat(np.cumsum(count) - count, count)
    s = start[lane] + step * spacing
    narrowest = np.min(
        [
            geometry.lane_width(lane, np.clip(s + shift, network.section_start[section[lane]], end[lane]))
            for shift in (-4.0, 0.0, 4.0)
        ],
        axis=0,
    )
    wide = narrowest >= _SPAWN_MIN_WIDTH_M
    return lane[wide], s[wide]


def _thin(points: NDArray[np.float64], clearance: float) -> NDArray[np.int64]:
    """Indices of points kept when each point closer than `clearance` to an earlier kept one is dropped."""
    cells: dict[tuple[int, int], list[int]] = {}
    kept: list[int] = []
    keys = np.floor(points[:, :2] / clearance).astype(np.int64).tolist()
    positions = points.tolist()
    for index, (i, j) in enumerate(keys):
        x, y, z = positions[index]
        near = (other for di in (-1, 0, 1) for dj in (-1, 0, 1) for other in cells.get((i + di, j + dj), ()))
        if all(
            (x - positions[k][0]) ** 2 + (y - positions[k][1]) ** 2 + (z - positions[k][2]) ** 2 >= clearance**2
            for k in near
        ):
            cells.setdefault((i, j), []).append(index)
            kept.append(index)
    return np.array(kept, dtype=np.int64)
