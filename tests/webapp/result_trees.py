"""Folders of results in every layout the dashboard knows, written with the project's own writers where it has some."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from lead.scoring.endpoint import endpoint, route_endpoint
from lead.scoring.provenance import Provenance
from lead.scoring.records import ALL_INFRACTION_KEYS, RouteLabels, RouteRecord
from lead.webapp.app import create_app

COLLISION = {
    "step": 101,
    "infraction": "CollisionTest",
    "frame": 2101,
    "message": "Agent collided against object with type=vehicle.audi.tt and id=213 at (x=1, y=2, z=0)",
    "event_type": "COLLISION_VEHICLE",
    "meters_travelled": 41.25,
}
RED_LIGHT = {
    "step": 240,
    "infraction": "RunningRedLightTest",
    "frame": 2240,
    "message": "Agent ran a red light 12 at (x=3, y=4, z=0)",
    "event_type": "TrafficEventType.TRAFFIC_LIGHT_INFRACTION",
    "meters_travelled": 90.5,
}
MIN_SPEED = {
    "step": 300,
    "infraction": "MinSpeedTest",
    "frame": 2300,
    "message": "Average speed is 80.0% of the surrounding traffic's one",
    "event_type": "MIN_SPEED_INFRACTION",
    "meters_travelled": 120.0,
}


def client_of(root: Path, *, read_only: bool = False, host: str = "127.0.0.1") -> FlaskClient:
    app = create_app(root, read_only=read_only, host=host)
    return app.test_client()


def record(
    route_id: str, *, driving: float = 60.0, status: str = "Completed", **messages: Sequence[str]
) -> RouteRecord:
    infractions = {key: list(messages.get(key, ())) for key in ALL_INFRACTION_KEYS}
    return RouteRecord(
        index=0,
        route_id=f"RouteScenario_{route_id}_rep0",
        status=status,
        num_infractions=sum(map(len, infractions.values())),
        infractions=infractions,
        scores={"score_route": 100.0, "score_penalty": driving / 100.0, "score_composed": driving},
        meta={"route_length": 200.0, "duration_game": 40.0, "duration_system": 80.0},
    )


def labelled(entry: RouteRecord, scenario: str, save_name: str, town: str) -> RouteRecord:
    return RouteRecord(**{**vars(entry), "labels": RouteLabels(scenario, 3, save_name, town)})


def provenance(*, failed: bool = False, profile: str = "bench2drive-0.0.4") -> Provenance:
    return Provenance(profile, failed, 1, "driven", 0, "embedded")


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_infractions(folder: Path, entries: Sequence[Any], **head: Any) -> Path:
    content = {"video_fps": 20.0, "ticks_per_frame": 1, "infractions": list(entries), **head}
    return write_json(folder / "infractions.json", content)


def write_drive_log(folder: Path, route_id: str = "1711", rows: int = 3) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    head = {"version": 1, "town": "Town12", "route_id": route_id, "scenarios": ["Accident", "Accident", "CutIn"]}
    lines = [json.dumps(head), *(json.dumps({"step": step, "ego": [0, 0, 0, 0]}) for step in range(1, rows + 1))]
    path = folder / "drive_log.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_route_result(evaluation: Path, stem: str, entry: RouteRecord, facts: Provenance | None = None) -> Path:
    return write_json(evaluation / "eval" / f"{stem}.json", route_endpoint(entry, facts or provenance()))


def write_summary(folder: Path, records: Sequence[RouteRecord], total: int | None = None) -> Path:
    content = endpoint(records, total or len(records), finished=False)
    return write_json(folder / "checkpoint_endpoint.json", content)


def write_suite(evaluation: Path, stems: Sequence[str], done: int | None = None) -> None:
    """Write an evaluation of ours with a folder per route; the first ``done`` routes have results."""
    for stem in stems:
        write_infractions(evaluation / stem, [COLLISION, MIN_SPEED])
        write_drive_log(evaluation / stem, stem)
        (evaluation / stem / f"{stem}_debug.mp4").write_bytes(b"no video")
    for stem in stems[:done]:
        message = str(COLLISION["message"])
        entry = record(stem, collisions_vehicle=[message], min_speed_infractions=[str(MIN_SPEED["message"])])
        write_route_result(evaluation, stem, entry)
    runs = [{"seeds": dict.fromkeys(stems, 0), "routes": {}}]
    write_json(evaluation / "manifest.json", {"runs": runs})
