"""The agent's controllers against cases computed with the published agent."""

import json
from pathlib import Path

import numpy as np
import pytest

from lead.control.agent_control import AgentControlConfig, AgentController
from lead.control.longitudinal import LongitudinalController
from lead.control.path_controller import PathController, PredictionError, mean_bearing_rad
from lead.control.waypoint_controller import WaypointController

FOLDER = Path(__file__).resolve().parents[2] / "../shared/golden/functions"
needs_golden = pytest.mark.skipif(not FOLDER.exists(), reason="golden cases (../shared) are not on this machine")


def cases(topic):
    path = FOLDER / f"{topic}.json"
    return json.loads(path.read_text())["cases"] if path.exists() else []


@needs_golden
@pytest.mark.parametrize("case", cases("lateral_path_controller"), ids=lambda case: case["name"])
def test_steering_along_a_path(case):
    inputs = case["inputs"]
    controller = PathController(aims_farther_in_bends=inputs["slow_curve_correction"])
    paths = np.array(inputs["path"], dtype=np.float32)
    steer = [controller.step(path, speed) for path, speed in zip(paths, inputs["speed"], strict=True)]
    np.testing.assert_allclose(steer, case["outputs"]["steer"], rtol=0, atol=1e-9)


@needs_golden
@pytest.mark.parametrize("case", cases("agent_control"), ids=lambda case: case["name"])
def test_every_controller_of_the_agent(case):
    path = AgentController()
    waypoints = AgentController(AgentControlConfig("waypoint", "waypoint", "waypoint"))
    raw_path, raw_waypoints = PathController(), WaypointController()
    for step, expected in zip(case["inputs"]["steps"], case["outputs"]["steps"], strict=True):
        speed = step["speed"]
        given_path = np.array(step["path"], dtype=np.float32)
        given_waypoints = np.array(step["waypoints"], dtype=np.float32)
        # The published value is not clipped to what a vehicle takes.
        throttle_clipped = np.clip(expected["waypoint_throttle"], 0.0, 1.0)
        steer, throttle, brake = raw_waypoints.step(given_waypoints, speed)
        np.testing.assert_allclose(
            [steer, throttle, float(brake)],
            [expected["waypoint_steer"], throttle_clipped, expected["waypoint_brake"]],
            rtol=0,
            atol=1e-4,
        )
        assert raw_path.step(given_path, speed) == pytest.approx(expected["route_steer"], abs=1e-9)
        control = path.step(speed, path_ego=given_path, target_speed_mps=step["target_speed"])
        assert control.throttle == pytest.approx(expected["target_speed_throttle"], abs=1e-4)
        assert control.brake == expected["target_speed_brake"]
        assert control.steer == pytest.approx(
            0.0 if control.brake and speed < 0.01 else expected["route_steer"], abs=1e-9
        )
        control = waypoints.step(speed, waypoints_ego=given_waypoints)
        assert control.throttle == pytest.approx(throttle_clipped, abs=1e-4)
        assert control.brake == expected["waypoint_brake"]


@needs_golden
@pytest.mark.parametrize("case", cases("longitudinal_controller"), ids=lambda case: case["name"])
def test_pedals_of_the_agent(case):
    inputs, outputs = case["inputs"], case["outputs"]
    controller = LongitudinalController()
    pedals = [
        controller.step(*row)
        for row in zip(inputs["target_speed"], inputs["current_speed"], inputs["hazard_brake"], strict=True)
    ]
    np.testing.assert_allclose([p.throttle for p in pedals], outputs["agent_throttle"], atol=1e-7)
    assert [p.brake for p in pedals] == outputs["agent_brake"]


@needs_golden
def test_mean_bearing():
    for case in cases("small_conversions"):
        bearing = mean_bearing_rad(np.array(case["inputs"]["path"]))
        assert bearing == pytest.approx(case["outputs"]["mean_abs_bearing_of_path"], abs=1e-6)


def test_stated_steering_values():
    line = np.array([(i, 0.1 * i) for i in range(1, 11)])
    assert PathController().step(line, 5.0) == 0.239
    bend = np.array([(i, 0.02 * i * i) for i in range(1, 11)])
    assert [PathController(aims_farther_in_bends=True).step(bend, v) for v in (5.0, 10.0, 20.0)] == [
        0.048,
        0.096,
        0.286,
    ]


@pytest.mark.parametrize(
    ("target", "speed", "throttle", "brake"),
    [
        (8, 8, 0.27849, 0),
        (8, 8.2, 0.28374, 0),
        (8, 8.3, 0, 1),
        (8, 7.9, 0.89313, 0),
        (4, 3.99, 0.21727, 0),
        (8, 5, 1, 0),
    ],
)
def test_stated_pedal_values(target, speed, throttle, brake):
    control = AgentController().step(speed, path_ego=[(2.5, 0.0)], target_speed_mps=target)
    assert control.throttle == pytest.approx(throttle, abs=1e-5)
    assert control.brake == brake


def test_short_path_never_overflows():
    bend = np.array([(1.0, 2.0), (1.0, 3.0)])
    assert PathController().step(bend, 40.0) == 1.0


def test_channels_are_chosen_one_by_one():
    ahead = [(2.0 * i, 0.0) for i in range(1, 9)]  # waypoints that ask for 8 m/s
    left = [(i + 1.5, -1.0) for i in range(10)]
    mixed = AgentController(AgentControlConfig("route", "waypoint", "target_speed"))
    control = mixed.step(2.0, path_ego=left, target_speed_mps=9.0, waypoints_ego=ahead)
    assert control.steer < 0.0
    assert control.throttle == 1.0
    assert control.brake == 0.0
    stopped = mixed.step(0.0, path_ego=left, target_speed_mps=0.0, waypoints_ego=ahead)
    assert (stopped.steer, stopped.throttle, stopped.brake) == (0.0, 0.0, 1.0)


def test_missing_and_broken_predictions_are_named():
    with pytest.raises(PredictionError, match="steer_modality=waypoint needs"):
        AgentController(AgentControlConfig("waypoint")).step(1.0, path_ego=[(1, 0)], target_speed_mps=1.0)
    with pytest.raises(PredictionError, match="predicted path has numbers that are not finite"):
        AgentController().step(1.0, path_ego=[(np.nan, 0)], target_speed_mps=1.0)
    with pytest.raises(PredictionError, match="target speed is nan"):
        AgentController().step(1.0, path_ego=[(1, 0)], target_speed_mps=float("nan"))
    with pytest.raises(PredictionError, match="at least 4 points"):
        WaypointController().step([(1, 0)], 1.0)
    with pytest.raises(PredictionError, match="throttle_modality must be"):
        AgentControlConfig(throttle_modality="speed")
