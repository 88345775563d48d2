"""Episode observer that writes the video of a drive: from above, and from behind the ego.

What the agent plans is drawn into both, if it tells. Pictures of the chase camera arrive late, so drawings of the map
wait for theirs and nothing in the drive waits.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import carla
import cv2
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.chase_camera import FollowCamera, Mount
from lead.evaluation.episode import EpisodeStart, EpisodeTick
from lead.evaluation.map_drawing import map_layers_near
from lead.evaluation.videos.scenes import scene_of, sentences
from lead.evaluation.world_setup import TICK_S
from lead.scoring.penalties import RouteEvent
from lead.visualization.agent_view import AgentView
from lead.visualization.hud import HudState
from lead.visualization.overlays import draw_plan_from_behind
from lead.visualization.projection import PinholeCamera
from lead.visualization.topdown import Scene, TopDownRenderer
from lead.visualization.video import VideoWriter

LOG = logging.getLogger(__name__)

WIDTH, HEIGHT = 1280, 720
MAP_WIDTH, EGO_PLACE = 640, (0.72, 0.68)
PERIOD_S = 0.1
CAMERA_WIDTH, CAMERA_HEIGHT, CAMERA_FOV_DEG = 480, 540, 70.0
BEHIND_M, ABOVE_M, PITCH_DEG = 7.5, 2.1, -10.0
LAST_PICTURE_S = 2.0
"""How long the end of an episode waits for pictures that are still on their way."""
MAX_WAITING = 200
"""Drawings kept for pictures to come, ten seconds of driving."""


class DriveRecorder:
    """Writes one mp4 per episode: the map on the left, the chase camera on the right, ten frames per second.

    Attributes:
        path: The video of the last finished episode, None if there is none.
    """

    def __init__(self, agent_name: str, path: Path | None = None) -> None:
        """Describe the video.

        Args:
            agent_name: Shown in the picture.
            path: Target file; by default ``<route>_topdown.mp4`` in the episode's folder.
        """
        self.path: Path | None = None
        self._target = path
        self._agent_name = agent_name
        self._writer: VideoWriter | None = None
        self._camera: FollowCamera | None = None
        self._waiting: dict[int, tuple[Scene, AgentView | None]] = {}

    def on_start(self, start: EpisodeStart) -> None:
        """Open the video, mount the camera and prepare the drawing of the map."""
        self._start = start
        layers = map_layers_near(start.map, start.dense.xyz)
        self._renderer = TopDownRenderer(layers, start.dense.xyz[:, :2], MAP_WIDTH, HEIGHT, ego_place=EGO_PLACE)
        path = self._target or start.artefact_dir / f"{start.route_name}_topdown.mp4"
        self._writer = VideoWriter(path, WIDTH, HEIGHT, fps=1.0 / PERIOD_S)
        mount = _chase_mount(start.ego)
        self._camera = FollowCamera(start.world, start.ego, mount, PERIOD_S)
        angles_deg, size = (mount.pitch_deg, 0.0, 0.0), (WIDTH - MAP_WIDTH, HEIGHT)
        self._view_from_behind = PinholeCamera.mounted(mount.location, angles_deg, size, mount.fov_deg)

    def on_tick(self, tick: EpisodeTick) -> None:
        """Note the scene, and append a frame for every picture that has arrived."""
        scene = scene_of(tick, self._start.lights, self._hud(tick), with_plan=True)
        self._waiting[tick.observation.frame] = scene, tick.view
        self._append_arrived()
        while len(self._waiting) > MAX_WAITING:
            self._waiting.pop(next(iter(self._waiting)))

    def on_end(self, named_events: Sequence[tuple[str, RouteEvent]] = ()) -> None:
        """Wait for the last pictures and finish the file."""
        if self._writer is None or self._camera is None:
            return
        last = max(self._waiting, default=0)
        try:
            self._append_arrived(LAST_PICTURE_S, last - round(PERIOD_S / TICK_S) + 1)
            self._camera.close()
        except RuntimeError as error:
            LOG.warning("the chase camera could not be stopped: %s", error)
        if not self._writer.frame_count:
            LOG.warning("the chase camera sent no pictures (is rendering switched off?); there is no video")
        self._writer.close()
        self.path = self._writer.path if self._writer.path.exists() else None
        self._writer = self._camera = None
        self._waiting.clear()

    def _append_arrived(self, timeout_s: float = 0.0, until_frame: int = 0) -> None:
        """Write what has arrived; with a time-out, also what comes until a frame was seen."""
        assert self._camera is not None and self._writer is not None
        while (arrived := self._camera.take(timeout_s)) is not None:
            frame, picture = arrived
            moment = self._waiting.get(frame)
            for old in [number for number in self._waiting if number <= frame]:
                del self._waiting[old]
            if moment is not None and not self._writer.failed:
                self._writer.write(self._frame(*moment, picture))
            if frame >= until_frame:
                timeout_s = 0.0

    def _frame(self, scene: Scene, view: AgentView | None, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        size = (WIDTH - MAP_WIDTH, HEIGHT)
        behind = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        if view is not None:
            draw_plan_from_behind(behind, self._view_from_behind, view)
        return np.concatenate([self._renderer.draw(scene), behind], axis=1)

    def _hud(self, tick: EpisodeTick) -> HudState:
        control = tick.control
        return HudState(
            title=f"{self._start.route.town}  route {self._start.route.id}",
            subtitle=f"agent: {self._agent_name}",
            time_s=tick.observation.time_s,
            speed_mps=tick.observation.ego.speed_mps,
            limit_mps=tick.speed_limit_mps,
            throttle=control.throttle,
            brake=control.brake,
            steer=control.steer,
            percent=tick.percent,
            penalty=tick.penalty,
            infractions=sentences(list(tick.events)),
        )


def _chase_mount(ego: carla.Vehicle) -> Mount:
    """Return a place behind and above the vehicle, whatever its size."""
    half = ego.bounding_box.extent
    location = (-half.x - BEHIND_M, 0.0, 2.0 * half.z + ABOVE_M)
    return Mount(location, PITCH_DEG, CAMERA_WIDTH, CAMERA_HEIGHT, CAMERA_FOV_DEG)
