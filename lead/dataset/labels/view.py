"""The view of the twin rig: what is stored once, in the ego frame, is moved into the frame of the twin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.dataset.errors import DatasetError
from lead.geometry.frames import wrap_rad


@dataclass(frozen=True)
class View:
    """Pose of a rig in the ego frame; the default is the ego itself.

    Attributes:
        shift_m: Shift to the right.
        turn_rad: Turn to the right.
    """

    shift_m: float = 0.0
    turn_rad: float = 0.0

    @classmethod
    def twin(cls, meta: Mapping[str, Any]) -> View:
        """Return the view of the twin rig.

        Args:
            meta: Metas of a frame.

        Raises:
            DatasetError: If they do not tell the twin's pose.
        """
        try:
            view = cls(float(meta["perturbation_translation"]), math.radians(float(meta["perturbation_rotation"])))
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"the metas do not tell the pose of the twin rig ({error})") from error
        if not (math.isfinite(view.shift_m) and math.isfinite(view.turn_rad)):
            raise DatasetError("the pose of the twin rig is no number")
        return view

    def points(self, points_ego: ArrayLike) -> NDArray[np.float64]:
        """Express points in the frame of the view.

        Args:
            points_ego: (..., 2 or more) x, y, and what is not changed.

        Returns:
            float64 of the same shape: R(turn)^T (p - (0, shift)).
        """
        points = np.array(points_ego, np.float64)
        if self == NORMAL:
            return points
        x, y = points[..., 0].copy(), points[..., 1] - self.shift_m
        cosine, sine = math.cos(self.turn_rad), math.sin(self.turn_rad)
        points[..., 0] = cosine * x + sine * y
        points[..., 1] = cosine * y - sine * x
        return points

    def yaws(self, yaws_rad: ArrayLike) -> NDArray[np.float64]:
        """Express angles (any shape, radians) relative to the view, in [-pi, pi)."""
        return wrap_rad(np.asarray(yaws_rad, np.float64) - self.turn_rad)


NORMAL = View()
"""The ego itself."""
