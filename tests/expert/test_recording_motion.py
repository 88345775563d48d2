"""History and target points of the metas: newest first, in the ego frame, one family per pop distance."""

import math

import numpy as np
import pytest

from lead.control.position_filter import AppliedControl
from lead.control.sparse_route import POP_DISTANCES_M
from lead.evaluation.observation import EgoState
from lead.expert.recording.motion import Motion
from lead.geometry.geodesy import world_to_geo
from lead.geometry.gnss_reference import GnssReference

REFERENCE = GnssReference(42.0, 2.0)
PLAN = [[0.0, 0.0], [20.0, 0.0], [40.0, 0.0], [40.0, 30.0]]
SPEED_MPS, TICK_S = 8.0, 0.05


def drive(ticks):
    motion = Motion(REFERENCE, PLAN, [4, 4, 1, 4])
    for tick in range(ticks):
        x = tick * SPEED_MPS * TICK_S
        ego = EgoState(np.array([x, 0.0, 0.2]), 0.0, SPEED_MPS, np.ones(3))
        imu = np.array([0.1, 0.2, 9.8, 0.0, 0.0, 0.3, 0.5 * math.pi])
        fix = np.array([*world_to_geo(x, 0.0, 0.0, 42.0, 2.0)])
        measured = motion.step(imu, fix, SPEED_MPS, ego, AppliedControl(throttle=0.5))
    return motion, ego, measured


def test_the_past_begins_now_and_goes_back_in_the_ego_frame():
    motion, ego, measured = drive(100)
    assert measured.yaw_rad == pytest.approx(0.0)
    past = motion.history(ego)
    assert {key: (value.shape, value.dtype) for key, value in past.items()} == {
        "privileged_past_positions": ((61, 2), np.float32),
        "past_positions": ((61, 2), np.float32),
        "past_filtered_state": ((61, 2), np.float32),
        "past_speeds": ((61,), np.float32),
        "past_yaws": ((61,), np.float32),
    }
    way = -np.arange(61) * SPEED_MPS * TICK_S
    assert past["privileged_past_positions"][:, 0] == pytest.approx(way, abs=1e-4)
    assert past["past_positions"][0] == pytest.approx([0.0, 0.0])
    assert past["past_positions"][:, 0] == pytest.approx(way, abs=0.3)
    assert past["past_speeds"][0] == SPEED_MPS


def test_clouds_are_stacked_oldest_first():
    motion, *_ = drive(12)
    places, yaws = motion.stacking(10)
    assert places.shape == (10, 2) and yaws.shape == (10,)
    assert places[-1] == pytest.approx([0.0, 0.0]) and places[0, 0] < -3.0


def test_a_short_past_is_short():
    motion, ego, _ = drive(3)
    assert len(motion.history(ego)["past_positions"]) == 3


def test_points_are_passed_at_the_distance_of_their_family():
    motion, *_ = drive(33)  # 12.8 m of the way, 7.2 m before the second point
    found = motion.targets()
    assert len(found) == 4 + 8 * len(POP_DISTANCES_M)
    assert found["next_target_points_7.0"][0] == [0.0, 0.0]
    assert found["next_target_points_7.25"] == PLAN[1:]
    assert found["next_commands_7.25"] == [4, 1, 4]
    assert found["previous_target_points_7.25"] == [[0.0, 0.0], [0.0, 0.0]], "a placeholder, then what was passed"
    assert found["previous_target_points_7.0"] == [[0.0, 0.0]]
    assert found["next_target_points"] == PLAN[1:], "the main family passes at 7.5 m"
    assert found["next_gps_target_points_10.0"] == PLAN[1:]
