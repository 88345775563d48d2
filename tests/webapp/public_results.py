"""A tree of results as public evaluations leave them: other names, other keys and other types than ours.

Everything is written by hand, none of it by our own writers, which would write what our own readers expect.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lead.visualization.video import VideoWriter

WIDTH, HEIGHT = 640, 360
BITS = 12
"""A frame carries its number as so many cells across its top, white for 1, the least bit on the left."""
CELLS_HEIGHT = 48
FPS = 20.0
SECONDS = 12.0
KEYS = (
    "collisions_layout",
    "collisions_pedestrian",
    "collisions_vehicle",
    "red_light",
    "stop_infraction",
    "outside_route_lanes",
    "min_speed_infractions",
    "yield_emergency_vehicle_infractions",
    "scenario_timeouts",
    "route_dev",
    "vehicle_blocked",
    "route_timeout",
)
CAR = "Agent collided against object with type=vehicle.audi.tt and id=213 at (x=1.2, y=3.4, z=0.0)"
WALKER = "Agent collided against object with type=walker.pedestrian.0001 and id=77 at (x=5.6, y=7.8, z=0.0)"
POLE = "Agent collided against object with type=static.pole and id=0 at (x=9.1, y=2.3, z=0.0)"
LIGHT = "Agent ran a red light 1234 at (x=4.5, y=6.7, z=0.1)"
LANES = "Agent went outside its route lanes for about 12.3 meters (4.56% of the completed route)"
SLOW = "Average speed is 61.0% of the surrounding traffic's one"


@dataclass(frozen=True)
class PublicTree:
    """A tree of three levels: experiment, benchmark and seed, timestamp.

    Attributes:
        root: Folder to show.
        first: Evaluation whose routes have videos and result files of their own in their folders.
        second: Later evaluation of the same routes with ``eval/<id>.json``.
        summary: Evaluation that is one ``checkpoint_endpoint.json`` and nothing else.
    """

    root: Path
    first: Path
    second: Path
    summary: Path

    def relative(self, folder: Path) -> str:
        """Return what requests call a folder."""
        return folder.relative_to(self.root).as_posix()


def numbered_frame(number: int, title: str = "") -> NDArray[np.uint8]:
    """A picture that shows a number twice: in cells that a program reads, and in figures that people read."""
    frame = np.full((HEIGHT, WIDTH, 3), (40, 60, 80), np.uint8)
    cells = np.array([255 if number >> bit & 1 else 0 for bit in range(BITS)], np.uint8)
    strip = cv2.resize(cells[None, :], (WIDTH, CELLS_HEIGHT), interpolation=cv2.INTER_NEAREST)
    frame[:CELLS_HEIGHT] = strip[..., None]
    cv2.putText(frame, str(number), (170, 260), cv2.FONT_HERSHEY_SIMPLEX, 6.0, (255, 255, 255), 14)
    cv2.putText(frame, title, (20, 340), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (220, 220, 120), 2)
    return frame


def write_numbered_video(path: Path, seconds: float = SECONDS, fps: float = FPS, title: str = "") -> None:
    """A finished video of numbered frames."""
    with VideoWriter(path, WIDTH, HEIGHT, fps, preset="ultrafast") as writer:
        for number in range(round(seconds * fps)):
            writer.write(numbered_frame(number, title))


def write_public_tree(root: Path) -> PublicTree:
    """Write the tree into an empty folder."""
    first = root / "plant_v2" / "bench2drive_0" / "250911_101500"
    second = root / "plant_v2" / "bench2drive_0" / "250912_080000"
    summary = root / "baseline" / "longest6_1" / "250801_000000"
    _write_first(first)
    _write_second(second)
    records = [record("0", 0, 71.5, 100.0, collisions_vehicle=[CAR]), record("1", 1, 100.0, 100.0)]
    write_json(summary / "checkpoint_endpoint.json", result_file(records))
    hour_ago_s = time.time() - 3600.0  # Routes whose files have just changed are being driven.
    for path in root.rglob("*"):
        os.utime(path, (hour_ago_s, hour_ago_s))
    return PublicTree(root, first, second, summary)


def _write_first(folder: Path) -> None:
    """Routes that have everything in their folders, each odd in its own way."""
    # The old form: a bare list, numbers as texts, the first collision again when the second one came.
    route = folder / "RouteScenario_1711_rep0"
    write_json(
        route / "infractions.json",
        [
            entry("1", "RouteCompletionTest", "Agent has completed 100.0% of the route", "ROUTE_COMPLETION", 0),
            entry("61", "CollisionTest", CAR, "TrafficEventType.COLLISION_VEHICLE", "1061", "20.50"),
            entry(101, "CollisionTest", CAR, "TrafficEventType.COLLISION_VEHICLE", "1061", "20.50"),
            entry(101, "CollisionTest", WALKER, "TrafficEventType.COLLISION_PEDESTRIAN", 1101, 33.0),
            entry(201, "RunningRedLightTest", LIGHT, "TrafficEventType.TRAFFIC_LIGHT_INFRACTION", 1201, 60.25),
            entry(221, "MinSpeedTest", SLOW, "TrafficEventType.MIN_SPEED_INFRACTION", 1221, 70.0),
        ],
    )
    write_numbered_video(route / "1711_debug.mp4", title="1711 debug")
    write_numbered_video(route / "1711_demo.mp4", title="1711 demo")
    content = result_file(
        [record("1711", 0, 35.0, 100.0, collisions_vehicle=[CAR], collisions_pedestrian=[WALKER], red_light=[LIGHT])]
    )
    write_json(route / "checkpoint_endpoint.json", content)
    # Every second tick filmed; the rate is a text, and no entry has a frame.
    route = folder / "RouteScenario_1773_rep0"
    entries = [entry("81", "OutsideRouteLanesTest", LANES, "OUTSIDE_ROUTE_LANES_INFRACTION", None, "44.0")]
    write_json(route / "infractions.json", {"video_fps": "10", "infractions": entries})
    write_numbered_video(route / "1773_debug.mp4", fps=10.0, title="1773 debug")
    lanes = record("1773", 0, 95.4, 100.0, outside_route_lanes=[LANES])
    write_json(route / "checkpoint_endpoint.json", result_file([lanes]))
    # A video, and no word about infractions.
    route = folder / "2082"
    write_numbered_video(route / "2082_demo.mp4", seconds=3.0, title="2082 demo")
    # A file whose writer was killed.
    route = folder / "2091"
    write_numbered_video(route / "2091_debug.mp4", seconds=3.0, title="2091 debug")
    (route / "infractions.json").write_text('{"video_fps": 20.0, "infractions": [{"step": 1, "infr')


def _write_second(folder: Path) -> None:
    """Result files by route beside the folders of the routes."""
    write_json(folder / "eval" / "1711.json", result_file([record("1711", 0, 100.0, 100.0)]))
    pole = record("1773", 1, 39.0, 60.0, "Failed - Agent got blocked", collisions_layout=[POLE])
    write_json(folder / "eval" / "1773.json", result_file([pole]))
    route = folder / "1773"
    entries = [entry(41, "CollisionTest", POLE, "COLLISION_STATIC", 1041, 12.0)]
    write_json(route / "infractions.json", {"video_fps": 20, "infractions": entries})
    write_numbered_video(route / "1773_grid.mp4", seconds=4.0, title="1773 grid")


def entry(step: Any, infraction: str, message: str, event_type: str, frame: Any, metres: Any = 0.0) -> dict[str, Any]:
    """One entry of ``infractions.json``; without a frame the key is missing."""
    row = {"step": step, "infraction": infraction, "message": message, "event_type": event_type}
    if frame is not None:
        row["frame"] = frame
    return {**row, "meters_travelled": metres}


def record(
    route_id: str, index: int, driving: float, completion: float, status: str = "Completed", **messages: list[str]
) -> dict[str, Any]:
    """One record of a result file."""
    return {
        "index": index,
        "route_id": f"RouteScenario_{route_id}_rep0",
        "status": "Perfect" if driving == 100.0 else status,
        "num_infractions": sum(map(len, messages.values())),
        "infractions": {key: messages.get(key, []) for key in KEYS},
        "scores": {
            "score_route": completion,
            "score_penalty": round(driving / completion, 6),
            "score_composed": driving,
        },
        "meta": {"route_length": 212.5, "duration_game": 30.05, "duration_system": 151.2},
    }


def result_file(records: list[dict[str, Any]]) -> dict[str, Any]:
    """A finished result file; its ``values`` are texts, as CARLA's leaderboard writes them."""
    names = ("score_composed", "score_route", "score_penalty")
    means = {name: sum(row["scores"][name] for row in records) / len(records) for name in names}
    summary = {
        "index": -1,
        "route_id": -1,
        "status": "Completed",
        "infractions": dict.fromkeys(KEYS, 0.0),
        "scores_mean": means,
        "scores_std_dev": dict.fromkeys(names, 0.0),
        "meta": {"total_length": 212.5, "duration_game": 30.05, "duration_system": 151.2, "exceptions": []},
    }
    progress = [len(records), len(records)]
    return {
        "_checkpoint": {"global_record": summary, "progress": progress, "records": records},
        "entry_status": "Finished",
        "eligible": True,
        "sensors": ["carla_camera", "carla_lidar"],
        "values": [*(f"{value:.3f}" for value in means.values()), *["0.0"] * len(KEYS)],
        "labels": ["Avg. driving score", "Avg. route completion", "Avg. infraction penalty", *KEYS],
    }


def write_json(path: Path, content: Any) -> None:
    """Write a file; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=4))
