"""The last moments of LiDAR and radar as one cloud: queues per tick, aligned with the ego's motion.

Every tick the newest cloud (LiDAR and radar merged, without ground, cropped) and its radar points alone go into
queues. A stack holds the clouds of the last ticks and the radar points of more ticks, expressed in the present ego
frame. As published, radar points are thereby twice in it, and near ones many times.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.config.legacy import PUBLISHED, Legacy
from lead.sensing import ground
from lead.sensing.errors import SensorError
from lead.sensing.lidar import inside, remove_ego
from lead.sensing.rigs import BevWindow

Cloud = NDArray[np.float64]

LIDAR_TICKS = 5
RADAR_TICKS = 10
NEAR_RADAR_M = 32.0


class CloudStack:
    """Queues of clouds and their alignment."""

    def __init__(self, window: BevWindow, removes_ground: bool = True, legacy: Legacy = PUBLISHED) -> None:
        """Start with empty queues.

        Args:
            window: Clouds are cropped to it.
            removes_ground: Leave ground points out.
            legacy: Form of the ego's hole, of the alignment, and copies of near radar points.
        """
        self._window = window
        self._removes_ground = removes_ground
        self._legacy = legacy
        if removes_ground:
            ground.prepare()
        self._clouds: deque[Cloud] = deque(maxlen=LIDAR_TICKS)
        self._radars: deque[Cloud] = deque(maxlen=RADAR_TICKS)

    @property
    def newest(self) -> Cloud:
        """Cloud of the last tick, (n, 3) float64, radar points included."""
        return self._clouds[-1]

    @property
    def newest_radar(self) -> Cloud:
        """Radar points of the last tick that are not ground, (n, 3) float64, not cropped."""
        return self._radars[-1]

    def push(self, lidars_ego: Sequence[Cloud], radars_ego: Sequence[Cloud]) -> None:
        """Take the clouds of one tick.

        Args:
            lidars_ego: (n, 3) per LiDAR, ego frame, metres.
            radars_ego: (n, 3 or more) per radar.
        """
        radar = np.concatenate([np.empty((0, 3)), *(points[:, :3] for points in radars_ego)])
        lidar = remove_ego(np.concatenate([np.empty((0, 3)), *lidars_ego]), self._legacy)
        cloud = np.concatenate([lidar, *self._with_near_copies(radar)])
        if self._removes_ground:
            is_obstacle = ~ground.ground_mask(cloud)
            radar = radar[is_obstacle[len(lidar) : len(lidar) + len(radar)]]
            cloud = cloud[is_obstacle]
        self._clouds.append(cloud[inside(cloud, self._window)])
        self._radars.append(radar)

    def parts(
        self, past_positions_ego: ArrayLike, past_yaws_rad: ArrayLike, max_age: int = RADAR_TICKS
    ) -> Iterator[tuple[int, Cloud]]:
        """Express the queues in the present ego frame, part by part: clouds before radar points, newest first.

        Args:
            past_positions_ego: (n, 2) where the ego was, in its present frame, oldest first; the last row is the
                present.
            past_yaws_rad: (n,) headings relative to the present one.
            max_age: Ages below this are given.

        Yields:
            Age in ticks and (m, 3) float64 points.

        Raises:
            SensorError: If the motion does not reach back as far as the queues.
        """
        positions = np.asarray(past_positions_ego, dtype=np.float64)
        yaws = np.asarray(past_yaws_rad, dtype=np.float64)
        ages = min(len(self._radars), max_age)
        if min(len(positions), len(yaws)) < ages:
            raise SensorError(f"clouds of {ages} ticks need as many past poses, but there are {len(positions)}")
        for age, cloud in enumerate(list(self._clouds)[::-1][:max_age]):
            yield age, move(cloud, positions[-age - 1], float(yaws[-age - 1]), self._legacy)
        for age, radar in enumerate(list(self._radars)[::-1][:max_age]):
            moved = move(radar, positions[-age - 1], float(yaws[-age - 1]), self._legacy)
            yield age, np.concatenate(self._with_near_copies(moved))

    def stack(self, past_positions_ego: ArrayLike, past_yaws_rad: ArrayLike, max_age: int = RADAR_TICKS) -> Cloud:
        """All parts as one cloud.

        Args:
            past_positions_ego: See :meth:`parts`.
            past_yaws_rad: See :meth:`parts`.
            max_age: See :meth:`parts`.

        Returns:
            (m, 4) float64: x, y, z, age in ticks; newest first, clouds before radar points.

        Raises:
            SensorError: If the motion does not reach back as far as the queues.
        """
        parts = list(self.parts(past_positions_ego, past_yaws_rad, max_age))
        ages = np.repeat([float(age) for age, _ in parts], [len(points) for _, points in parts])
        return np.column_stack([np.concatenate([np.empty((0, 3)), *(points for _, points in parts)]), ages])

    def _with_near_copies(self, radar: Cloud) -> list[Cloud]:
        """Radar points and the published number of copies of near ones."""
        near = radar[np.hypot(radar[:, 0], radar[:, 1]) < NEAR_RADAR_M]
        return [radar] + [near] * self._legacy.radar_near_repeats


def move(cloud: Cloud, offset_ego: NDArray[np.float64], yaw_rad: float, legacy: Legacy = PUBLISHED) -> Cloud:
    """Bring points of a past ego frame into the present one.

    Args:
        cloud: (n, 2 or more) x and y first; other columns stay.
        offset_ego: (2,) where the ego was, in the present frame.
        yaw_rad: Its heading then, relative to the present one.
        legacy: R(p + d) as published, or R p + d.

    Returns:
        A moved copy.
    """
    cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    # The offset after the turn is the same for all points: one pass over them in either form.
    shift = offset_ego @ turn if legacy.lidar_alignment_rotates_offset else offset_ego
    moved: Cloud = cloud.copy()
    moved[:, :2] = cloud[:, :2] @ turn
    moved[:, :2] += shift
    return moved
