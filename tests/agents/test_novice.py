"""A policy beside the recording expert: it must see what it would see when driving, and keep to its plan in between."""

import math

import numpy as np
import pytest
from agent_support import STRAIGHT, FixedInference, going, packets, set_up

from lead.agents import novice as novice_module
from lead.agents.novice import Intention, Novice, NoviceError
from lead.config.closed_loop import ClosedLoopConfig
from lead.config.published import PublishedConfig
from lead.control.position_filter import AppliedControl
from lead.evaluation.observation import EgoState
from lead.expert.recording.recorder import Plan
from lead.models.transfuser.architecture import VARIANTS
from lead.sensing.errors import SensorError
from lead.sensing.rigs import CARLA_3_CAMERAS, CARLA_6_CAMERAS

STRIDE = 5
SPEED_MPS = 6.0


def ego(x_m=0.0, y_m=0.0, yaw_rad=0.0, speed_mps=SPEED_MPS):
    velocity = speed_mps * np.array([math.cos(yaw_rad), math.sin(yaw_rad), 0.0])
    return EgoState(np.array([x_m, y_m, 0.0]), yaw_rad, speed_mps, np.array([2.4, 0.9, 0.7]), velocity=velocity)


def make(monkeypatch, agent, prediction, rig=CARLA_3_CAMERAS):
    inference = FixedInference(prediction, VARIANTS["resnet34"], PublishedConfig(use_planning_decoder=True))
    monkeypatch.setattr(novice_module, "load_model", lambda choice, heads: inference)
    route = Plan(
        np.array([[place["lat"], place["lon"]] for place, _ in agent._global_plan]),
        np.array([[pose.location.x, pose.location.y] for pose, _ in agent._global_plan_world_coord]),
        [int(option.value) for _, option in agent._global_plan],
    )
    return Novice("ckpt", rig, STRIDE, route, ClosedLoopConfig()), inference


def recorded(agent, tick):
    """Packets as a recording has them: pictures in saved ticks only."""
    return {
        name: packet
        for name, packet in packets(agent, tick, SPEED_MPS).items()
        if tick % STRIDE == 0 or not name.startswith("rgb")
    }


def test_it_sees_what_an_agent_sees_that_drives_alone(monkeypatch):
    agent, alone = set_up(monkeypatch, going())
    novice, inference = make(monkeypatch, agent, going())
    last = AppliedControl(brake=1.0)
    for tick in range(3 * STRIDE + 1):
        novice.step(recorded(agent, tick), ego(SPEED_MPS * 0.05 * tick), last)
        given = agent.run_step(packets(agent, tick, SPEED_MPS), 0.05 * tick)
        last = AppliedControl(given.steer, given.throttle, given.brake)
        if tick and tick % STRIDE == 0:
            for key, array in alone.batches[-1].items():
                np.testing.assert_array_equal(inference.batches[-1][key], array, err_msg=key)
    assert len(inference.batches) == 4
    novice.close()


def test_between_looks_it_comes_back_to_the_path_it_has_planned(monkeypatch):
    agent, _ = set_up(monkeypatch, going())
    novice, _ = make(monkeypatch, agent, going(SPEED_MPS))
    on_path = novice.step(recorded(agent, 0), ego(), AppliedControl(brake=1.0))
    assert (on_path.steer, on_path.brake) == (0.0, 0.0)
    beside = novice.step(recorded(agent, 1), ego(0.3, 1.0), on_path)
    assert beside.steer < -0.3, "the car has come to the right of the path"
    turned = novice.step(recorded(agent, 2), ego(0.6, 0.0, math.radians(-10.0)), beside)
    assert turned.steer > 0.1, "the car looks to the left of the path"
    novice.close()


def test_the_plan_stays_where_it_is_while_the_car_moves():
    bend_rad = np.linspace(0.1, 1.0, 10)
    bend = 10.0 * np.stack([np.sin(bend_rad), 1.0 - np.cos(bend_rad)], axis=1)
    plan = Intention(bend, 5.0, ego(20.0, -5.0, 2.0))
    np.testing.assert_allclose(plan.path_from(plan.ego), bend, atol=1e-12)
    # 1 m on along the circle.
    forward, right = np.array([math.cos(2.0), math.sin(2.0)]), np.array([-math.sin(2.0), math.cos(2.0)])
    x_m, y_m = np.array([20.0, -5.0]) + 10.0 * (math.sin(0.1) * forward + (1.0 - math.cos(0.1)) * right)
    seen = plan.path_from(ego(x_m, y_m, 2.1))
    np.testing.assert_allclose(seen[:-1], bend[:-1], atol=0.02)
    np.testing.assert_allclose(seen[-1], bend[-2], atol=0.02, err_msg="the path ends where it ended")


def test_a_novice_of_another_rig_is_refused(monkeypatch):
    agent, _ = set_up(monkeypatch, going())
    with pytest.raises(NoviceError, match=r"carla_3_cameras.*carla_6_cameras"):
        make(monkeypatch, agent, going(), CARLA_6_CAMERAS)


def test_a_novice_without_a_path_is_refused(monkeypatch):
    agent, _ = set_up(monkeypatch, going())
    novice, _ = make(monkeypatch, agent, going(path_ego=None))
    with pytest.raises(NoviceError, match="no path"):
        novice.step(recorded(agent, 0), ego(), AppliedControl(brake=1.0))


def test_a_radar_that_is_not_recorded_is_named(monkeypatch):
    agent, _ = set_up(monkeypatch, going(path_ego=STRAIGHT))
    novice, _ = make(monkeypatch, agent, going())
    given = {name: packet for name, packet in recorded(agent, 0).items() if not name.startswith("radar")}
    with pytest.raises(SensorError, match="radar1"):
        novice.step(given, ego(), AppliedControl(brake=1.0))
