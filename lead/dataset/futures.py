"""What becomes of the ego and of the boxes around it: the labels that look ahead.

Every tick leaves a small trace (poses and speeds, no boxes); from the traces of a whole route the future of each saved
frame follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError
from lead.dataset.layout import TICK_S
from lead.geometry.frames import wrap_rad

EGO_ENTRIES, BOX_ENTRIES = 61, 41
"""Ticks of a future, the present one included."""
MOVING_CLASSES = frozenset({"car", "walker"})
_NEEDED = ("speed", "theta", "privileged_yaw", "ego_matrix")


@dataclass(frozen=True, eq=False)
class TickTrace:
    """What one tick leaves for the futures of earlier ones.

    Attributes:
        step: Number of the tick.
        speed_mps: Speed of the ego.
        theta_rad: Heading of the ego by its compass.
        yaw_rad: True heading of the ego.
        ego_matrix: float64 (4, 4), ego to world.
        ids: int64 (n,), moving boxes.
        places: float64 (n, 4), their x, y, z and yaw in the world.
    """

    step: int
    speed_mps: float
    theta_rad: float
    yaw_rad: float
    ego_matrix: NDArray[np.float64]
    ids: NDArray[np.int64]
    places: NDArray[np.float64]

    @classmethod
    def of(cls, step: int, boxes: Sequence[Mapping[str, Any]], meta: Mapping[str, Any]) -> TickTrace:
        """Take the trace of a tick.

        Raises:
            DatasetError: If the labels lack what the futures are made of.
        """
        missing = [key for key in _NEEDED if key not in meta]
        if missing:
            raise DatasetError(f"the metas of step {step} lack {', '.join(missing)}")
        moving = [box for box in boxes if box.get("class") in MOVING_CLASSES]
        try:
            matrices = np.array([box["matrix"] for box in moving], np.float64).reshape(-1, 4, 4)
            ids = np.array([box["id"] for box in moving], np.int64)
        except (KeyError, ValueError) as error:
            raise DatasetError(f"a moving box of step {step} has no id or no 4 x 4 matrix ({error})") from error
        yaw = np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])
        return cls(
            step,
            float(meta["speed"]),
            float(meta["theta"]),
            float(meta["privileged_yaw"]),
            np.asarray(meta["ego_matrix"], np.float64).reshape(4, 4),
            ids,
            np.concatenate([matrices[:, :3, 3], yaw[:, None]], axis=1),
        )

    def as_record(self) -> dict[str, Any]:
        """Return plain values and arrays for the journal."""
        return dict(vars(self))

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> TickTrace:
        """Read what :meth:`as_record` made.

        Raises:
            DatasetError: If it is something else.
        """
        try:
            return cls(**record)
        except TypeError as error:
            raise DatasetError(f"the journal holds a record of another kind ({error})") from error


class Futures:
    """Looks ahead in the traces of a route.

    Args:
        traces: Traces of consecutive ticks.
    """

    def __init__(self, traces: Sequence[TickTrace]) -> None:
        self._traces = list(traces)
        self._index = {trace.step: index for index, trace in enumerate(self._traces)}
        self._rows = [{int(key): row for row, key in enumerate(trace.ids)} for trace in self._traces]
        self._speeds = np.array([trace.speed_mps for trace in self._traces])
        self._yaws = np.array([trace.yaw_rad for trace in self._traces])
        matrices = [trace.ego_matrix[:3, 3] for trace in self._traces]
        self._places = np.array(matrices).reshape(-1, 3)

    def of_ego(self, step: int) -> dict[str, Any]:
        """Return the keys of ``metas`` that look ahead.

        Args:
            step: A tick that left a trace.

        Returns:
            future_speeds float32 (n,), future_yaws float32 (n,) and future_positions float32 (n, 3), n up to 61 ticks
            with the present one first, in the present ego frame; privileged_acceleration, m/s2, and
            privileged_rotation_speed, rad/s, both from this tick to the next and 0 on the last one.
        """
        index = self._index[step]
        now = self._traces[index]
        ahead = slice(index, index + EGO_ENTRIES)
        acceleration = turn = 0.0
        if index + 1 < len(self._traces):
            following = self._traces[index + 1]
            acceleration = (following.speed_mps - now.speed_mps) / TICK_S
            turn = float(wrap_rad(following.theta_rad - now.theta_rad)) / TICK_S
        return {
            "future_speeds": self._speeds[ahead].astype(np.float32),
            "future_yaws": wrap_rad(self._yaws[ahead] - now.yaw_rad).astype(np.float32),
            "future_positions": self._into_ego(now, self._places[ahead]).astype(np.float32),
            "privileged_acceleration": acceleration,
            "privileged_rotation_speed": turn,
        }

    def of_box(self, step: int, box_id: int) -> dict[str, NDArray[Any]]:
        """Return the keys of a moving box that look ahead.

        Ticks in which the box is missing are skipped, as in the published data: entry k is then later than k ticks.
        A key that the published data do not have tells how much later.

        Args:
            step: A tick that left a trace.
            box_id: Id of the box.

        Returns:
            future_positions float16 (n, 2) in the present ego frame, future_yaws float16 (n,) relative to the ego's
            present heading, and future_ticks uint8 (n,), how many ticks ahead each entry lies; n up to 41.
        """
        index = self._index[step]
        now = self._traces[index]
        places, ticks = [], []
        for later in range(index, min(index + BOX_ENTRIES, len(self._traces))):
            row = self._rows[later].get(box_id)
            if row is not None:
                places.append(self._traces[later].places[row])
                ticks.append(later - index)
        table = np.array(places).reshape(-1, 4)
        return {
            "future_positions": self._into_ego(now, table[:, :3])[:, :2].astype(np.float16),
            "future_yaws": wrap_rad(table[:, 3] - now.yaw_rad).astype(np.float16),
            "future_ticks": np.array(ticks, np.uint8),
        }

    @staticmethod
    def _into_ego(now: TickTrace, places: NDArray[np.float64]) -> NDArray[np.float64]:
        return (places - now.ego_matrix[:3, 3]) @ now.ego_matrix[:3, :3]
