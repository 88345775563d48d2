"""Episode observer that writes the video of a drive: from above, and from behind the ego.

Pictures of the chase camera arrive late, so drawings of the map wait for theirs and nothing in the drive waits.
"""

from __future__ import annotations

import logging
from pathlib import Path

import carla
import cv2
import numpy as np
from numpy.typing import NDArray

from lead.evaluation.chase_camera import PERIOD_S, ChaseCamera
from lead.evaluation.episode import EpisodeStart, EpisodeTick
from lead.evaluation.map_drawing import map_layers_near
from lead.evaluation.observation import ActorKind
from lead.evaluation.world_setup import TICK_S
from lead.scoring.penalties import EventType, RouteEvent
from lead.visualization.hud import HudState
from lead.visualization.topdown import Box, RoadUser, Scene, Signal, StopLineState, TopDownRenderer
from lead.visualization.video import VideoWriter

LOG = logging.getLogger(__name__)

WIDTH, HEIGHT = 1280, 720
MAP_WIDTH, EGO_PLACE = 640, (0.72, 0.68)
LAST_PICTURE_S = 2.0
"""How long the end of an episode waits for pictures that are still on their way."""
MAX_WAITING = 200
"""Drawings kept for pictures to come, ten seconds of driving."""
LIGHT_REACH_M = 110.0
BRAKE_SHOWN = 0.05
_USERS = {
    ActorKind.VEHICLE: RoadUser.VEHICLE,
    ActorKind.WALKER: RoadUser.WALKER,
    ActorKind.PROP: RoadUser.PROP,
}
_SIGNALS = {
    carla.TrafficLightState.Red: Signal.RED,
    carla.TrafficLightState.Yellow: Signal.YELLOW,
    carla.TrafficLightState.Green: Signal.GREEN,
}
_SENTENCES = {
    EventType.COLLISION_STATIC: "Collision with an object",
    EventType.COLLISION_PEDESTRIAN: "Collision with a pedestrian",
    EventType.COLLISION_VEHICLE: "Collision with a vehicle",
    EventType.TRAFFIC_LIGHT_INFRACTION: "Red light run",
    EventType.ROUTE_DEVIATION: "Left the route",
    EventType.VEHICLE_BLOCKED: "Blocked",
}


class DriveRecorder:
    """Writes one mp4 per episode: the map on the left, the chase camera on the right, ten frames per second.

    Attributes:
        path: The video of the last finished episode, None if there is none.
    """

    def __init__(self, path: Path, agent_name: str) -> None:
        """Describe the video.

        Args:
            path: Target file.
            agent_name: Shown in the picture.
        """
        self.path: Path | None = None
        self._target = path
        self._agent_name = agent_name
        self._writer: VideoWriter | None = None
        self._camera: ChaseCamera | None = None
        self._waiting: dict[int, Scene] = {}

    def on_start(self, start: EpisodeStart) -> None:
        """Open the video, mount the camera and prepare the drawing of the map."""
        self._start = start
        layers = map_layers_near(start.map, start.dense.xyz)
        self._renderer = TopDownRenderer(layers, start.dense.xyz[:, :2], MAP_WIDTH, HEIGHT, ego_place=EGO_PLACE)
        self._writer = VideoWriter(self._target, WIDTH, HEIGHT, fps=1.0 / PERIOD_S)
        self._camera = ChaseCamera(start.world, start.ego)

    def on_tick(self, tick: EpisodeTick) -> None:
        """Note the scene, and append a frame for every picture that has arrived."""
        self._waiting[tick.observation.frame] = self._scene(tick)
        self._append_arrived()
        while len(self._waiting) > MAX_WAITING:
            self._waiting.pop(next(iter(self._waiting)))

    def on_end(self) -> None:
        """Wait for the last pictures and finish the file."""
        if self._writer is None or self._camera is None:
            return
        last = max(self._waiting, default=0)
        try:
            self._append_arrived(LAST_PICTURE_S, last - round(PERIOD_S / TICK_S) + 1)
            self._camera.close()
        except RuntimeError as error:
            LOG.warning("the chase camera could not be removed: %s", error)
        if not self._writer.frame_count:
            LOG.warning("the chase camera sent no pictures (is rendering switched off?); there is no video")
        self._writer.close()
        self.path = self._target if self._writer.frame_count else None
        self._writer = self._camera = None
        self._waiting.clear()

    def _append_arrived(self, timeout_s: float = 0.0, until_frame: int = 0) -> None:
        """Write what has arrived; with a time-out, also what comes until a frame was seen."""
        assert self._camera is not None and self._writer is not None
        while (arrived := self._camera.take(timeout_s)) is not None:
            frame, picture = arrived
            scene = self._waiting.get(frame)
            for old in [number for number in self._waiting if number <= frame]:
                del self._waiting[old]
            if scene is not None:
                view = cv2.resize(picture, (WIDTH - MAP_WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
                self._writer.write(np.concatenate([self._renderer.draw(scene), view], axis=1))
            if frame >= until_frame:
                timeout_s = 0.0

    def _scene(self, tick: EpisodeTick) -> Scene:
        ego = tick.observation.ego
        users = [
            (
                _USERS[ActorKind(int(row["kind"]))],
                Box(row["x"], row["y"], row["yaw"], row["extent_x"], row["extent_y"]),
            )
            for row in tick.observation.actors
        ]
        return Scene(
            ego=Box(ego.location[0], ego.location[1], ego.yaw_rad, float(ego.extent[0]), float(ego.extent[1])),
            ego_brakes=tick.control.brake > BRAKE_SHOWN,
            users=users,
            stop_lines=self._stop_lines(ego.location),
            hud=self._hud(tick),
        )

    def _stop_lines(self, location: NDArray[np.float64]) -> list[StopLineState]:
        lights = self._start.lights
        return [
            StopLineState(line.left, line.right, _SIGNALS.get(lights.state(int(index)), Signal.OFF))
            for index in lights.near(location, LIGHT_REACH_M)
            for line in lights.stop_lines(int(index))
        ]

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
            infractions=[sentence(event) for event in tick.events if event.type in _SENTENCES],
        )


def sentence(event: RouteEvent) -> str:
    """Return the short text shown for an infraction."""
    return _SENTENCES[event.type]
