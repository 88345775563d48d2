"""The result file ``checkpoint_endpoint.json`` that the leaderboard, Bench2Drive and their tools exchange."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lead.scoring.records import (
    SENSORS_INVALID,
    SIMULATION_CRASHED,
    RouteRecord,
    global_record,
)

FILE_NAME = "checkpoint_endpoint.json"
SENSOR_ICONS = {
    "sensor.camera.rgb": "carla_camera",
    "sensor.lidar.ray_cast": "carla_lidar",
    "sensor.other.radar": "carla_radar",
    "sensor.other.gnss": "carla_gnss",
    "sensor.other.imu": "carla_imu",
    "sensor.opendrive_map": "carla_opendrive_map",
    "sensor.speedometer": "carla_speedometer",
}
_SCORE_LABELS = (
    ("Avg. driving score", "score_composed"),
    ("Avg. route completion", "score_route"),
    ("Avg. infraction penalty", "score_penalty"),
)
_INFRACTION_LABELS = (
    ("Collisions with pedestrians", "collisions_pedestrian"),
    ("Collisions with vehicles", "collisions_vehicle"),
    ("Collisions with layout", "collisions_layout"),
    ("Red lights infractions", "red_light"),
    ("Stop sign infractions", "stop_infraction"),
    ("Off-road infractions", "outside_route_lanes"),
    ("Route deviations", "route_dev"),
    ("Route timeouts", "route_timeout"),
    ("Agent blocked", "vehicle_blocked"),
    ("Yield emergency vehicles infractions", "yield_emergency_vehicle_infractions"),
    ("Scenario timeouts", "scenario_timeouts"),
    ("Min speed infractions", "min_speed_infractions"),
)


def endpoint(records: Sequence[RouteRecord], total_routes: int, sensor_types: Sequence[str] = ()) -> dict[str, Any]:
    """Build the content of the result file.

    Args:
        records: Finished routes in the order of evaluation.
        total_routes: Number of routes of the evaluation.
        sensor_types: Blueprint ids of the agent's sensors; those with an icon are listed.

    Returns:
        JSON data.
    """
    summary = global_record(records, total_routes)
    status = entry_status(records, total_routes)
    means, rates = summary["scores_mean"], summary["infractions"]
    values = [str(means[key]) for _, key in _SCORE_LABELS] + [str(rates[key]) for _, key in _INFRACTION_LABELS]
    return {
        "_checkpoint": {
            "global_record": summary,
            "progress": [len(records), total_routes],
            "records": [record.as_json() for record in records],
        },
        "entry_status": status,
        "eligible": status == "Finished",
        "sensors": sorted({SENSOR_ICONS[name] for name in sensor_types if name in SENSOR_ICONS}),
        "values": values,
        "labels": [label for label, _ in (*_SCORE_LABELS, *_INFRACTION_LABELS)],
    }


def entry_status(records: Sequence[RouteRecord], total_routes: int) -> str:
    """Summarise whether an evaluation is usable: Finished, Crashed, Rejected or Invalid (routes missing)."""
    if any(record.status.endswith(SENSORS_INVALID) for record in records):
        return "Rejected"
    if any(record.status.endswith(SIMULATION_CRASHED) for record in records):
        return "Crashed"
    return "Finished" if len(records) == total_routes else "Invalid"


def write_json_atomically(path: Path, content: Any) -> None:
    """Write JSON so that readers see the old file or the whole new one; creates the folder.

    Raises:
        OSError: If the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=4)
            file.write("\n")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
