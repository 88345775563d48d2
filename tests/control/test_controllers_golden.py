"""Controllers against cases computed with the published expert and agent."""

import json
from pathlib import Path

import numpy as np
import pytest

from lead.control.lateral import LateralController
from lead.control.longitudinal import LongitudinalController
from lead.control.pid import PidController

FOLDER = Path(__file__).resolve().parents[2] / "../shared/golden/functions"
needs_golden = pytest.mark.skipif(not FOLDER.exists(), reason="golden cases (../shared) are not on this machine")


def cases(topic):
    path = FOLDER / f"{topic}.json"
    return json.loads(path.read_text())["cases"] if path.exists() else []


@needs_golden
@pytest.mark.parametrize("case", cases("longitudinal_controller"), ids=lambda case: case["name"])
def test_pedals(case):
    inputs, outputs = case["inputs"], case["outputs"]
    controller = LongitudinalController()
    pedals = [
        controller.step(target, speed, hazard)
        for target, speed, hazard in zip(
            inputs["target_speed"], inputs["current_speed"], inputs["hazard_brake"], strict=True
        )
    ]
    np.testing.assert_allclose([p.throttle for p in pedals], outputs["expert_throttle"], atol=1e-7)
    assert [p.brake for p in pedals] == outputs["expert_brake"]


@needs_golden
@pytest.mark.parametrize("case", cases("pid_controller"), ids=lambda case: case["name"])
def test_pid(case):
    inputs = case["inputs"]
    controller = PidController(inputs["k_p"], inputs["k_i"], inputs["k_d"], inputs["window"])
    control = [controller.step(error) for error in inputs["error"]]
    np.testing.assert_allclose(control, case["outputs"]["control"], atol=1e-9)


@needs_golden
@pytest.mark.parametrize("case", cases("expert_lateral_controller"), ids=lambda case: case["name"])
def test_steering(case):
    inputs = case["inputs"]
    route = np.asarray(inputs["route"])
    controller = LateralController()
    steer = []
    for step in inputs["steps"]:
        window = route[step["first_point"] : step["first_point"] + inputs["window_points"]]
        steer.append(controller.step(window, np.asarray(step["position"]), step["heading"], step["speed"]))
    np.testing.assert_allclose(steer, case["outputs"]["steer"], atol=1e-7)
