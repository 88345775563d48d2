"""Records and public cases shared by the scoring tests."""

import json
from pathlib import Path

import pytest

from lead.scoring.records import ALL_INFRACTION_KEYS

GOLDEN = Path(__file__).resolve().parents[2] / "../shared/golden/functions"
ROUTES = Path(__file__).resolve().parents[2] / "../shared/data/benchmark_routes"


@pytest.fixture
def golden():
    """Loader of the cases of a topic, computed with the public tools."""

    def load(topic):
        path = GOLDEN / f"{topic}.json"
        if not path.exists():
            pytest.skip("golden cases (../shared) are not on this machine")
        return json.loads(path.read_text())["cases"]

    return load


@pytest.fixture
def public_routes():
    """Folder of the public route files."""
    if not ROUTES.exists():
        pytest.skip("public route files (../shared) are not on this machine")
    return ROUTES.resolve()


@pytest.fixture
def make_record():
    """Factory of record JSON: route id, percent driven, penalty, status and infractions by keyword."""

    def make(route_id, completion=100.0, penalty=1.0, status=None, repetition=0, length_m=1000.0, **infractions):
        lists = {key: list(infractions.get(key, [])) for key in ALL_INFRACTION_KEYS}
        clean = not any(lists.values())
        reached = "Perfect" if clean else "Completed"
        return {
            "index": 0,
            "route_id": f"RouteScenario_{route_id}_rep{repetition}",
            "status": status or (reached if completion == 100.0 else "Failed"),
            "num_infractions": sum(map(len, lists.values())),
            "infractions": lists,
            "scores": {
                "score_route": completion,
                "score_penalty": penalty,
                "score_composed": completion * penalty,
            },
            "meta": {"route_length": length_m, "duration_game": 60.0, "duration_system": 120.0},
        }

    return make


@pytest.fixture
def write_results():
    """Writer of a result file with the given records and top-level extras."""

    def write(path, records, **extras):
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint = {"records": records, "progress": [len(records), extras.pop("total", len(records))]}
        path.write_text(json.dumps({"_checkpoint": checkpoint, **extras}))
        return path

    return write


@pytest.fixture
def provenance():
    """Factory of our own block."""

    def make(profile="leaderboard-2.0", **changes):
        block = {
            "profile": profile,
            "infrastructure_failure": False,
            "attempts": 1,
            "scenarios": "driven",
            "traffic_manager_seed": 0,
            "simulator": "embedded 0.9.16",
        }
        return block | changes

    return make
