"""``lead collect --give-up``: a drive that must not be learnt from does not go on."""

import json
from pathlib import Path

import pytest
from collect_support import collect_with
from driving_into_something_agent import EXPERT_S

from lead.dataset.acceptance import rejection
from lead.maps.towns import installed_towns
from lead.scoring.records import GIVEN_UP

AGENT = Path(__file__).with_name("driving_into_something_agent.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed"),
]


def test_the_first_fault_ends_the_drive_and_the_route_is_left_out(tmp_path):
    collect_with(AGENT, tmp_path, "--traffic", "0", "--give-up")
    (results,) = (tmp_path / "out" / "data").glob("*/*/results.json")
    record = json.loads(results.read_text())
    assert record["status"] == f"Failed - {GIVEN_UP}"
    assert rejection(record) is not None
    assert record["num_infractions"] - len(record["infractions"]["outside_route_lanes"]) == 1
    assert EXPERT_S < record["meta"]["duration_game"] < 30.0
