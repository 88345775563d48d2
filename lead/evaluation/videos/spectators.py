"""The two cameras of demo videos, from behind and from above, whose pictures come after the ticks they show."""

from __future__ import annotations

import logging

import carla
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.chase_camera import FollowCamera, Mount
from lead.visualization.agent_view import AgentView
from lead.visualization.overlays import draw_plan_from_above
from lead.visualization.projection import PinholeCamera

LOG = logging.getLogger(__name__)

WIDTH, HEIGHT, FOV_DEG = 960, 1080, 100.0
CHASE = Mount((-6.5, 0.0, 6.0), -30.0, WIDTH, HEIGHT, FOV_DEG)
ABOVE = Mount((0.0, 0.0, 22.0), -90.0, WIDTH, HEIGHT, FOV_DEG)
WAIT_S = 2.0
"""Longest wait of the drive for a picture that is due."""
PATIENCE = 3
"""Waits in vain in a row after which no picture is waited for any more."""


class Spectators:
    """Demo pictures by frame; a picture that does not come is replaced by the one before.

    Attributes:
        is_blind: True if the cameras send nothing at all.
    """

    def __init__(self, world: carla.World, ego: carla.Vehicle, period_s: float) -> None:
        """Mount the cameras on the ego; the first pictures are those of the next tick."""
        self._cameras = [FollowCamera(world, ego, mount, period_s) for mount in (CHASE, ABOVE)]
        size, angles_deg = (ABOVE.width, ABOVE.height), (ABOVE.pitch_deg, 0.0, 0.0)
        self._above = PinholeCamera.mounted(ABOVE.location, angles_deg, size, ABOVE.fov_deg)
        self._latest: list[NDArray[np.uint8] | None] = [None, None]
        self._waits_in_vain = 0

    @property
    def is_blind(self) -> bool:
        """True if the cameras send nothing at all."""
        return self._waits_in_vain >= PATIENCE and None in self._latest

    def frame_of(self, frame: int, view: AgentView | None, *, must_come: bool) -> NDArray[np.uint8] | None:
        """Return the demo picture of a frame; ask for rising frames.

        Args:
            frame: Simulator frame.
            view: What the agent shows; drawn into the picture from above.
            must_come: Wait for the picture, and take the one before if it does not come.

        Returns:
            (1080, 1920, 3) uint8 RGB; None if the picture is not there yet, or with ``must_come`` if there is none.
        """
        patient = must_come and self._waits_in_vain < PATIENCE
        pictures = [camera.picture_of(frame, WAIT_S if patient else 0.0) for camera in self._cameras]
        if any(picture is None for picture in pictures):
            if not must_come:
                return None
            if patient:
                self._waits_in_vain += 1
                LOG.info("a spectator camera sent no picture of frame %d within %g s", frame, WAIT_S)
        else:
            self._waits_in_vain = 0
        self._latest = [new if new is not None else old for new, old in zip(pictures, self._latest, strict=True)]
        chase, above = self._latest
        if chase is None or above is None:
            return None
        if view is not None:
            above = above.copy()
            draw_plan_from_above(above, self._above, view)
        return np.concatenate([chase, above], axis=1)

    def close(self) -> None:
        """Stop the cameras; the episode removes them."""
        for camera in self._cameras:
            try:
                camera.close()
            except RuntimeError as error:
                LOG.warning("a spectator camera could not be stopped: %s", error)
