"""Result trees for the tests of the dashboard's analysis, written by the scorer's own writers."""

import hashlib
import json

from lead.files import write_json
from lead.scoring.endpoint import endpoint, route_endpoint, route_stem
from lead.scoring.penalties import EventType, RouteEvent
from lead.scoring.profiles import profile
from lead.scoring.provenance import Provenance, checkpoint_block
from lead.scoring.records import RouteLabels, RouteRun, route_record

ROUTE = """<route id="{id}" town="{town}"><waypoints><position x="92" y="30" z="0"/><position x="92" y="99" z="0"/>
</waypoints><scenarios><scenario name="{scenario}_1" type="{scenario}"><trigger_point x="1" y="2" z="0" yaw="0"/>
</scenario></scenarios></route>"""
VEHICLE = EventType.COLLISION_VEHICLE
PEDESTRIAN = EventType.COLLISION_PEDESTRIAN


def record(route_id, *kinds, percent=100.0, key="leaderboard-2.0", repetition=0, failure="", labels=None):
    """Score a route with some infractions."""
    events = [RouteEvent(kind, f"{kind.value} at (x=1, y=2, z=0)", {}) for kind in kinds]
    events.append(RouteEvent(EventType.ROUTE_COMPLETION, "", {"route_completed": percent}))
    run = RouteRun(f"RouteScenario_{route_id}_rep{repetition}", events, 1000.0, 60.0, 90.0, failure=failure)
    if labels is not None:
        run = RouteRun(**{**run.__dict__, "labels": RouteLabels(*labels)})
    return route_record(run, 0, profile(key).penalties)


def provenance(key="leaderboard-2.0", **changes):
    facts = {"infrastructure_failure": False, "attempts": 1, "scenarios": "driven", "traffic_manager_seed": 0}
    return Provenance(key, **{**facts, "simulator": "embedded 0.9.16", **changes})


def write_evaluation(folder, records, key="leaderboard-2.0", routes_file=None):
    """Write an evaluation as the supervisor does: a file per route, the summary and the manifest."""
    blocks = {}
    for each in records:
        stem = stem_of(each)
        blocks[each.route_id] = provenance(key)
        write_json(folder / "eval" / f"{stem}.json", route_endpoint(each, blocks[each.route_id]))
    content = endpoint(records, len(records), lead=checkpoint_block(key, blocks))
    write_json(folder / "checkpoint_endpoint.json", content)
    if routes_file is not None:
        write_manifest(folder, routes_file, [stem_of(each) for each in records])
    return folder


def write_manifest(folder, routes_file, stems):
    digest = hashlib.sha256(routes_file.read_bytes()).hexdigest()
    runs = [{"routes": {str(routes_file): digest}, "seeds": {stem: 0 for stem in stems}}]
    write_json(folder / "manifest.json", {"runs": runs})


def write_public(folder, records):
    """Write an evaluation as public tools do: one file, without our block."""
    write_json(folder / "checkpoint_endpoint.json", endpoint(records, len(records)))
    return folder


def stem_of(each):
    scenario, _, repetition = each.route_id.rpartition("_rep")
    return route_stem(scenario.removeprefix("RouteScenario_"), int(repetition))


def write_routes(path, scenarios, town="Town01"):
    """Write a route file with routes of scenario classes by id."""
    text = "".join(ROUTE.format(id=key, town=town, scenario=name) for key, name in scenarios.items())
    path.write_text(f"<routes>{text}</routes>")
    return path


def write_drive_log(path, places, route=(), town="Town01", speed_mps=5.0):
    """Write a drive log with a row every second tick."""
    header = {"version": 1, "town": town, "route_id": "1", "scenarios": [], "tick_s": 0.05, "ticks_per_row": 2}
    lines = [header | {"ego_half_size_m": [2.4, 1.1], "route": [list(map(float, point)) for point in route]}]
    for index, (x, y) in enumerate(places):
        lines.append({"step": 2 * index + 1, "frame": index, "t": 0.1 * index, "ego": [x, y, 0.0, speed_mps]})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def write_metrics(path, places):
    """Write a motion file of one row per tick."""
    rows = {str(index + 1): {"location": [x, y, 0.0], "rotation": [0, 0, 0]} for index, (x, y) in enumerate(places)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows))
    return path


def table(report, title):
    """Return the rows of a table as texts, by their first cell."""
    (found,) = [each for each in report["tables"] if each["title"] == title]
    return {row[0]: row[1:] for row in found["texts"]}
