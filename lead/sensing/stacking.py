"""The last moments of LiDAR and radar as one cloud: queues per tick, aligned with the ego's motion.

Every tick the newest cloud (LiDAR and radar merged, without ground, cropped) and its radar points alone go into
queues. A stack holds the clouds of the last ticks and the radar points of more ticks, expressed in the present ego
frame. As published, radar points are thereby twice in it, and near ones many times.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.config.legacy import PUBLISHED, Legacy
from lead.sensing.errors import SensorError
from lead.sensing.ground import GroundFinder
from lead.sensing.lidar import inside, remove_ego, take
from lead.sensing.rigs import BevWindow
from lead.sensing.stack_raster import NEAR_RADAR_M, StackPart, StackRaster

Cloud = NDArray[np.float64]

LIDAR_TICKS = 5
RADAR_TICKS = 10


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
        self._ground = GroundFinder() if removes_ground else None
        self._raster = StackRaster(window)
        self._legacy = legacy
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
        radar = _joined([points[:, :3] for points in radars_ego])
        lidar = remove_ego(_joined(lidars_ego), self._legacy)
        cloud = _joined([lidar, *_with_near_copies(radar, self._legacy.radar_near_repeats)])
        is_kept = inside(cloud, self._window)
        if self._ground is not None:
            is_obstacle = ~self._ground.mask(cloud)
            radar = take(radar, is_obstacle[len(lidar) : len(lidar) + len(radar)])
            is_kept &= is_obstacle
        self._clouds.append(take(cloud, is_kept))
        self._radars.append(radar)

    def stack(self, past_positions_ego: ArrayLike, past_yaws_rad: ArrayLike, max_age: int = RADAR_TICKS) -> Cloud:
        """Express the queues in the present ego frame, as one cloud.

        Args:
            past_positions_ego: (n, 2) where the ego was, in its present frame, oldest first; the last row is the
                present.
            past_yaws_rad: (n,) headings relative to the present one.
            max_age: Only what is younger than so many ticks.

        Returns:
            (m, 4) float64: x, y, z, age in ticks; newest first, clouds before radar points.

        Raises:
            SensorError: If the motion does not reach back as far as the queues.
        """
        clouds: list[Cloud] = []
        ages: list[float] = []
        for age, cloud, turn, shift, copies in self._parts(past_positions_ego, past_yaws_rad, max_age):
            new = _with_near_copies(move(cloud, turn, shift), copies)
            clouds += new
            ages += [age] * len(new)
        age_column = np.repeat(ages, [len(cloud) for cloud in clouds])
        return np.asarray(np.concatenate([_joined(clouds).T, age_column[None]]).T)

    def raster(
        self, past_positions_ego: ArrayLike, past_yaws_rad: ArrayLike, max_age: int = RADAR_TICKS
    ) -> NDArray[np.float32]:
        """Raster of the points of :meth:`stack`, rounded as they are stored.

        Args:
            past_positions_ego: See :meth:`stack`.
            past_yaws_rad: See :meth:`stack`.
            max_age: See :meth:`stack`.

        Returns:
            (1, rows, columns) float32 in {0, 0.2, .. 1}.

        Raises:
            SensorError: If the motion does not reach back as far as the queues.
        """
        return self._raster.draw(self._parts(past_positions_ego, past_yaws_rad, max_age))

    def _parts(self, past_positions_ego: ArrayLike, past_yaws_rad: ArrayLike, max_age: int) -> list[StackPart]:
        """What is in the queues, clouds before radar points, newest first."""
        positions = np.asarray(past_positions_ego, dtype=np.float64)
        yaws = np.asarray(past_yaws_rad, dtype=np.float64)
        ages = min(len(self._radars), max_age)
        if min(len(positions), len(yaws)) < ages:
            raise SensorError(f"clouds of {ages} ticks need as many past poses, but there are {len(positions)}")
        motions = [motion(positions[-age - 1], float(yaws[-age - 1]), self._legacy) for age in range(ages)]
        return [
            StackPart(age, cloud, *motions[age], copies)
            for queue, copies in ((self._clouds, 0), (self._radars, self._legacy.radar_near_repeats))
            for age, cloud in enumerate(list(queue)[::-1][:max_age])
        ]


def motion(
    offset_ego: NDArray[np.float64], yaw_rad: float, legacy: Legacy = PUBLISHED
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How points of a past ego frame come into the present one.

    Args:
        offset_ego: (2,) where the ego was, in the present frame.
        yaw_rad: Its heading then, relative to the present one.
        legacy: R(p + d) as published, or R p + d.

    Returns:
        Rotation (2, 2) and the shift (2,) after it.
    """
    cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return turn, turn @ offset_ego if legacy.lidar_alignment_rotates_offset else offset_ego


def move(cloud: Cloud, turn: NDArray[np.float64], shift: NDArray[np.float64]) -> Cloud:
    """Turn (2, 2) and shift (2,) the x and y of a cloud (n, 3): a moved copy."""
    columns = np.empty((3, len(cloud)))
    np.matmul(turn, cloud.T[:2], out=columns[:2])
    columns[:2] += shift[:, None]
    columns[2] = cloud[:, 2]
    return np.asarray(columns.T)


def _joined(clouds: Sequence[Cloud]) -> Cloud:
    """All points (n, 3) of some clouds."""
    return np.asarray(np.concatenate([np.empty((3, 0)), *(cloud.T for cloud in clouds)], axis=1).T)


def _with_near_copies(points: Cloud, copies: int) -> list[Cloud]:
    """Points and so many copies of the near ones."""
    if not copies:
        return [points]
    near = take(points, np.hypot(points[:, 0], points[:, 1]) < NEAR_RADAR_M)
    return [points] + [near] * copies
