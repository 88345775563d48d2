"""The result file ``checkpoint_endpoint.json`` that the leaderboard, Bench2Drive and their tools exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lead.scoring.provenance import BLOCK, Provenance
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
SCORE_LABELS = (
    ("Avg. driving score", "score_composed"),
    ("Avg. route completion", "score_route"),
    ("Avg. infraction penalty", "score_penalty"),
)
INFRACTION_LABELS = (
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


def endpoint(
    records: Sequence[RouteRecord],
    total_routes: int,
    sensor_types: Sequence[str] = (),
    *,
    finished: bool = True,
    lead: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the content of the result file.

    Args:
        records: Finished routes in the order of evaluation.
        total_routes: Number of routes of the evaluation.
        sensor_types: Blueprint ids of the agent's sensors; those with an icon are listed.
        finished: False while the evaluation goes on; its status is then "Started" unless it is already spoilt.
        lead: Our own block (see :mod:`lead.scoring.provenance`); left out if None.

    Returns:
        JSON data.
    """
    summary = global_record(records, total_routes)
    status = entry_status(records, total_routes, finished=finished)
    means, rates = summary["scores_mean"], summary["infractions"]
    values = [str(means[key]) for _, key in SCORE_LABELS] + [str(rates[key]) for _, key in INFRACTION_LABELS]
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
        "labels": [label for label, _ in (*SCORE_LABELS, *INFRACTION_LABELS)],
        **({} if lead is None else {BLOCK: dict(lead)}),
    }


def route_endpoint(record: RouteRecord, provenance: Provenance, sensor_types: Sequence[str] = ()) -> dict[str, Any]:
    """Build the content of the file of a single route, a complete result file with one record."""
    return endpoint([record], 1, sensor_types, lead=provenance.as_json())


def route_stem(route_id: str, repetition: int = 0) -> str:
    """Return the stem of a route's own files: ``<id>``, and ``<id>_rep<k>`` for repetitions after the first."""
    return f"{route_id}_rep{repetition}" if repetition else route_id


def entry_status(records: Sequence[RouteRecord], total_routes: int, *, finished: bool = True) -> str:
    """Summarise whether an evaluation is usable.

    Returns:
        "Rejected" (sensors), "Crashed" (simulator), "Started" (still running), "Finished", or "Invalid" (routes
        are missing at the end).
    """
    if any(record.status.endswith(SENSORS_INVALID) for record in records):
        return "Rejected"
    if any(record.status.endswith(SIMULATION_CRASHED) for record in records):
        return "Crashed"
    if not finished:
        return "Started"
    return "Finished" if len(records) == total_routes else "Invalid"
