"""Films every scenario class from above for ``docs/scenarios.md``.

Run from the project root: ``.venv/bin/python docs/make_scenarios.py [CLASS ...] [--out FOLDER] [--stills FOLDER]``;
without names, all classes are filmed. Per class an mp4 and a sheet of twelve frames are written to ``--out`` and a
small still to ``--stills``. The ego is the autopilot amid the leaderboard's traffic, and what a scenario spawns has a
yellow rim, so that a scenario that does something odd is seen to do so.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import carla
import cv2
import numpy as np
from gallery_support import sheet
from numpy.typing import NDArray
from scenario_driver import FilmDriver
from scenario_places import PLACES, STILLS_S, Place, Value

from lead.evaluation.episode import Episode, EpisodeSettings, EpisodeStart, EpisodeTick
from lead.evaluation.map_drawing import map_layers_near
from lead.evaluation.observation import BACKGROUND_ROLE
from lead.evaluation.videos.scenes import scene_of
from lead.evaluation.world_setup import TICK_S, SimulationSession
from lead.routes.model import DEFAULT_WEATHER, Route, ScenarioConfig, TriggerPoint, WeatherKeyframe
from lead.scenarios.context import WorldView
from lead.scenarios.engine import Engine
from lead.scoring.profiles import profile
from lead.simulator.launch import EmbeddedServer, free_port
from lead.visualization import style
from lead.visualization.text import draw_text
from lead.visualization.topdown import TopDownRenderer
from lead.visualization.video import VideoWriter

OUT, STILLS = Path("outputs/scenarios"), Path("docs/images/scenarios")
WIDTH, HEIGHT, PIXELS_PER_M, EGO_PLACE = 960, 720, 9.0, (0.5, 0.7)
STILL_SIZE, STILL_QUALITY = (480, 360), 80
PERIOD_TICKS = 2
SHEET_FRAMES, SHEET_COLUMNS = 12, 4
AFTERWARDS_S = 3.0
"""Filmed after the end of the scenario."""
RIM_PX, RIM_M = 3, 0.2
DOOR = np.array([(0.0, 0.0), (-0.4, 0.9)])
"""Hinge and edge of an opened door, in metres ahead of and beside its hinge."""
ANSWER_S = 300.0
_CORNERS = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)], dtype=np.float64)


class EnoughError(Exception):
    """Everything was filmed."""


class FilmedEngine(Engine):
    """The engine, with the times at which its one scenario begins and ends, and the roles of its actors.

    Attributes:
        triggered_s: Time of the trigger, None before.
        ended_s: Time of the end, None before.
        roles: Role names by actor id.
    """

    def __init__(self) -> None:
        super().__init__()
        self.triggered_s: float | None = None
        self.ended_s: float | None = None
        self.roles: dict[int, str] = {}

    def tick(self, view: WorldView, control: carla.VehicleControl) -> None:
        """Step, and take note."""
        scenarios = self.scenarios
        super().tick(view, control)
        if self.triggered_s is None and any(each.record.is_triggered for each in scenarios):
            self.triggered_s = view.time_s
        if self.triggered_s is not None and self.ended_s is None and not self.scenarios:
            self.ended_s = view.time_s
        for actor in self.stage.pool.actors:
            if actor.id not in self.roles:
                self.roles[actor.id] = dict(actor.attributes).get("role_name", "")


@dataclass(frozen=True)
class Frame:
    """A picture and when it was taken, in seconds after the trigger; None before."""

    since_s: float | None
    image: NDArray[np.uint8]


class Film:
    """Draws every second tick; an observer of the episode."""

    def __init__(self, name: str, place: Place, engine: FilmedEngine, path: Path) -> None:
        """Open nothing yet.

        Args:
            name: Class of the scenario.
            place: Where it is filmed.
            engine: Engine of the episode.
            path: The video.
        """
        self.frames: list[Frame] = []
        self._name, self._place, self._engine, self._path = name, place, engine, path
        self._ticks = 0

    def on_start(self, start: EpisodeStart) -> None:
        """Prepare the drawing of the map and the video."""
        self._lights = start.lights
        layers = map_layers_near(start.map, start.dense.xyz)
        route = start.dense.xyz[:, :2]
        self._renderer = TopDownRenderer(layers, route, WIDTH, HEIGHT, PIXELS_PER_M, EGO_PLACE)
        self._writer = VideoWriter(self._path, WIDTH, HEIGHT, fps=1.0 / (PERIOD_TICKS * TICK_S))

    def on_tick(self, tick: EpisodeTick) -> None:
        """Draw, and end the drive when there is nothing more to see."""
        engine, now_s = self._engine, tick.observation.time_s
        self._ticks += 1
        since_s = None if engine.triggered_s is None else now_s - engine.triggered_s
        if self._ticks % PERIOD_TICKS == 0:
            image = self._renderer.draw(scene_of(tick, self._lights))
            self._outline(image, tick)
            self._caption(image, tick, since_s)
            self._writer.write(image)
            self.frames.append(Frame(since_s, image))
        is_over = engine.ended_s is not None and now_s - engine.ended_s > AFTERWARDS_S
        if is_over or (since_s is not None and since_s > self._place.until_s):
            raise EnoughError

    def on_end(self, named_events: object) -> None:
        """Finish the video."""
        self._writer.close()

    def _outline(self, image: NDArray[np.uint8], tick: EpisodeTick) -> None:
        """Mark what belongs to the scenario, and draw doors that it opened."""
        records = [scenario.record for scenario in self._engine.scenarios]
        open_doors = {
            record.first_actor.id: -1.0 if record.memory["vehicle_door_side"] == ["left"] else 1.0
            for record in records
            if record.first_actor is not None and record.memory.get("vehicle_opened_door")
        }
        for row in tick.observation.shown_actors:
            number, size_m = int(row["id"]), np.array([row["extent_x"], row["extent_y"]])
            if self._engine.roles.get(number, BACKGROUND_ROLE) == BACKGROUND_ROLE:
                continue
            rim = _pixels(tick, row, _CORNERS * (size_m + RIM_M))
            cv2.polylines(image, [rim], True, style.WARN, RIM_PX, cv2.LINE_AA)
            if number in open_doors:
                door = _pixels(tick, row, DOOR * (1.0, open_doors[number]) + size_m * (0.3, open_doors[number]))
                cv2.polylines(image, [door], False, style.VEHICLE, RIM_PX, cv2.LINE_AA)

    def _caption(self, image: NDArray[np.uint8], tick: EpisodeTick, since_s: float | None) -> None:
        engine = self._engine
        phase = "before the trigger" if since_s is None else f"{since_s:.1f} s after the trigger"
        phase = phase if engine.ended_s is None else f"over after {engine.ended_s - (engine.triggered_s or 0.0):.1f} s"
        draw_text(image, self._name, 16, 14, 18.0, style.TEXT)
        draw_text(image, f"{phase}, {3.6 * tick.observation.ego.speed_mps:.0f} km/h", 16, 46, 14.0, style.TEXT_DIM)


def _pixels(tick: EpisodeTick, row: np.void, corners_m: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the (n, 2) places in the picture of points ahead and on the right of an actor's middle."""
    ego, yaw_rad = tick.observation.ego, row["yaw"] - tick.observation.ego.yaw_rad
    offset = _turn(np.array([row["x"], row["y"]]) - ego.location[:2], -ego.yaw_rad) + _turn(corners_m, yaw_rad)
    columns, lines = (
        EGO_PLACE[0] * WIDTH + PIXELS_PER_M * offset[:, 1],
        EGO_PLACE[1] * HEIGHT - PIXELS_PER_M * offset[:, 0],
    )
    return np.round(np.stack([columns, lines], axis=1)).astype(np.int32)


def _turn(points: NDArray[np.float64], angle_rad: float) -> NDArray[np.float64]:
    """Turn (..., 2) points ahead and on the right clockwise."""
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    turned: NDArray[np.float64] = points @ np.array([[cos, sin], [-sin, cos]])
    return turned


def config_of(name: str, place: Place, trigger: carla.Waypoint) -> ScenarioConfig:
    """The scenario as a route file has it."""
    pose = trigger.transform
    point = TriggerPoint(pose.location.x, pose.location.y, pose.location.z, pose.rotation.yaw)
    parameters = {key: _attributes(value) for key, value in place.parameters.items()}
    return ScenarioConfig(f"{name}_1", name, point, parameters)


def _attributes(value: Value) -> dict[str, str]:
    if not isinstance(value, tuple):
        return {"value": str(value)}
    names = ("from", "to") if len(value) == 2 else ("x", "y", "z")
    return {name: str(number) for name, number in zip(names, value, strict=True)}


def film(name: str, place: Place, out: Path, stills: Path) -> str:
    """Make the film, the sheet and the still of one class; returns a line about it."""
    with (
        EmbeddedServer(free_port(3), place.town, synchronous=True) as server,
        SimulationSession(server.port, free_port(1), seed=0, timeout_s=ANSWER_S) as session,
    ):
        session.load_town(place.town)
        keypoints, trigger = place.waypoints(session.map)
        xyz = np.array([(p.x, p.y, p.z) for p in (point.transform.location for point in keypoints)])
        weather = (WeatherKeyframe(0.0, DEFAULT_WEATHER),)
        route = Route(name, place.town, xyz, weather, (config_of(name, place, trigger),))
        engine = FilmedEngine()
        seen = Film(name, place, engine, out / f"{name}.mp4")
        settings = EpisodeSettings(profile=profile("leaderboard"), engine=lambda: engine)
        driver = FilmDriver(place, trigger.transform)
        episode = Episode(session, route, lambda: driver, settings, [seen])
        try:
            events = episode.run().events
        except EnoughError:
            events = episode.run_so_far().events
    _save(name, seen.frames, out, stills)
    times = ", ".join(f"{time:.1f} s" if time is not None else "never" for time in (engine.triggered_s, engine.ended_s))
    return f"{name}: triggered, ended at {times}; {[event.message for event in events]}"


def _save(name: str, frames: list[Frame], out: Path, stills: Path) -> None:
    small = [cv2.resize(frame.image[..., ::-1], STILL_SIZE, interpolation=cv2.INTER_AREA) for frame in frames]
    chosen = np.linspace(0, len(small) - 1, SHEET_FRAMES).round().astype(int)
    cv2.imwrite(str(out / f"{name}.jpg"), sheet([small[index] for index in chosen], SHEET_COLUMNS))
    gap_s = [abs((frame.since_s if frame.since_s is not None else -1.0) - STILLS_S[name]) for frame in frames]
    stills.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, STILL_QUALITY]
    cv2.imwrite(str(stills / f"{name}.jpg"), small[int(np.argmin(gap_s))], quality)


def _film(task: tuple[str, Path, Path]) -> str:
    """Films one class in a process of its own: a Traffic Manager remembers its last drive."""
    name, out, stills = task
    return film(name, PLACES[name], out, stills)


def main() -> None:
    """Film the classes that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("classes", nargs="*", help="classes to film; all if none is named")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--stills", type=Path, default=STILLS)
    options = parser.parse_args()
    if unknown := set(options.classes) - set(PLACES):
        parser.error(f"there is no place for {', '.join(sorted(unknown))}")
    options.out.mkdir(parents=True, exist_ok=True)
    tasks = [(name, options.out, options.stills) for name in options.classes or PLACES]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for line in pool.imap(_film, tasks):
            print(line, flush=True)


if __name__ == "__main__":
    main()
