"""Episode observer that writes the top-down video of a drive."""

from __future__ import annotations

import logging
from pathlib import Path

import carla
import numpy as np
from numpy.typing import NDArray

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


class TopDownRecorder:
    """Writes one mp4 per episode.

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

    def on_start(self, start: EpisodeStart) -> None:
        """Open the video and prepare the drawing of the map."""
        self._start = start
        layers = map_layers_near(start.map, start.dense.xyz)
        self._renderer = TopDownRenderer(layers, start.dense.xyz[:, :2], WIDTH, HEIGHT)
        self._writer = VideoWriter(self._target, WIDTH, HEIGHT, fps=1.0 / TICK_S)

    def on_tick(self, tick: EpisodeTick) -> None:
        """Draw and append one frame."""
        if self._writer is not None:
            self._writer.write(self._renderer.draw(self._scene(tick)))

    def on_end(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self.path = self._target if self._writer.frame_count else None
            self._writer = None

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
