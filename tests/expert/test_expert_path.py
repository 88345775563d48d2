"""The expert's path, what it sees, and its settings."""

import carla
import numpy as np
import pytest
from expert_support import EGO_HALF, INNER_Y_M, LANE_M, OPPOSITE_Y_M, OUTER_Y_M, dense_route, expert_route, straight_map

from lead.config.expert import resolve_expert
from lead.config.resolve import ConfigError
from lead.dataset.weather_choice import VISIBILITY, nearest_preset
from lead.evaluation.observation import EgoState
from lead.expert.gaps import Line, first_meeting
from lead.expert.route import ExpertRoute
from lead.expert.route_edits import abandon_shift, extend_shift, ramp, restore, shift_to_lane
from lead.expert.visibility import visible_boxes
from lead.routes.planner import RoadOption
from lead.routes.weather import preset


def test_the_path_has_a_point_every_tenth_of_a_metre_and_lanes_around_the_route():
    route = expert_route()
    np.testing.assert_allclose(np.hypot(*np.diff(route.xy, axis=0).T), 0.1, atol=1e-6)
    assert route.xy[0, 0] == pytest.approx(10.0, abs=0.01)
    assert route.xy[-1, 0] > 408.0
    assert route.from_dense(0.0) == pytest.approx(50.0, abs=0.02)
    assert not route.starts_parked


def test_progress_starts_at_the_ego_and_never_goes_back():
    route = expert_route()
    route.locate(np.array([60.0, INNER_Y_M]))
    assert route.xy[route.index, 0] == pytest.approx(60.0, abs=0.06)
    route.locate(np.array([62.0, INNER_Y_M + 0.5]))
    index = route.index
    route.locate(np.array([55.0, INNER_Y_M]))
    assert route.index == index


def test_a_parked_ego_is_led_onto_the_road():
    dense = dense_route(INNER_Y_M)
    route = ExpertRoute(dense, straight_map(), carla.Location(60.0, OUTER_Y_M, 0.0))
    assert route.starts_parked and route.index == 0
    np.testing.assert_allclose(route.xy[0], (60.0, OUTER_Y_M))
    np.testing.assert_allclose(route.xy[80:, 1], INNER_Y_M, atol=0.25)


def test_ramps():
    weight = ramp(100, 300, 50)
    assert weight[0] == 0.0 and weight[25] == pytest.approx(0.5) and (weight[50:151] == 1.0).all()
    np.testing.assert_allclose(weight[1:], weight[1:][::-1])


@pytest.mark.parametrize(("left", "y"), [(True, OPPOSITE_Y_M), (False, OUTER_Y_M)])
def test_shift_to_a_lane_and_back(left, y):
    route = expert_route()
    shift_to_lane(route, 800, 1400, 100, left=left)
    np.testing.assert_allclose(route.xy[900:1300, 1], y, atol=1e-3)
    np.testing.assert_allclose(route.xy[:800, 1], INNER_Y_M, atol=1e-3)
    towards = RoadOption.CHANGELANELEFT if left else RoadOption.CHANGELANERIGHT
    assert (route.option[800:900] == int(towards)).all()
    assert route.is_changed and route.near_lane_change(8.0) is False
    route.index = 790
    assert route.near_lane_change(8.0)
    restore(route, 800, 1400)
    np.testing.assert_allclose(route.xy, route.original_xy)


def test_a_factor_goes_beyond_the_lane():
    route = expert_route(OUTER_Y_M)
    shift_to_lane(route, 800, 1400, 100, left=True, factor=1.12)
    assert route.xy[1100, 1] == pytest.approx(OUTER_Y_M - 1.12 * LANE_M, abs=1e-3)


def test_a_shift_grows_but_never_shrinks():
    route = expert_route(OUTER_Y_M)
    _, last = shift_to_lane(route, 800, 1400, 100, left=True)
    begin = extend_shift(route, last - 100, 1600, 100, left=True)
    assert begin == 1600
    np.testing.assert_allclose(route.xy[900:1600, 1], INNER_Y_M, atol=1e-3)
    assert extend_shift(route, begin, 1500, 100, left=True) == 1600
    np.testing.assert_allclose(route.xy[1700:, 1], OUTER_Y_M, atol=1e-3)
    assert np.abs(np.diff(route.xy[:, 1])).max() < 0.1


def test_an_abandoned_shift_leads_back_smoothly():
    route = expert_route(OUTER_Y_M)
    _, last = shift_to_lane(route, 800, 1400, 100, left=True)
    route.index = 950
    abandon_shift(route, last, 80)
    np.testing.assert_allclose(route.xy[900:950, 1], INNER_Y_M, atol=1e-3)
    np.testing.assert_allclose(route.xy[1031:, 1], OUTER_Y_M, atol=1e-3)
    assert np.abs(np.diff(route.xy[:, 1])).max() < 0.08


def test_a_shift_past_the_end_of_the_path_stays_inside():
    route = expert_route()
    _, last = shift_to_lane(route, len(route) - 200, len(route) + 500, 100, left=True)
    assert last == len(route)
    assert extend_shift(route, last - 50, last + 300, 80, left=True) == last + 300


def test_where_lines_meet():
    route = expert_route()
    across = Line.through(np.array([[100.0, -40.0], [100.0, 40.0]]))
    first, last = first_meeting(route, across)
    assert route.xy[first, 0] == pytest.approx(97.6, abs=0.4)
    assert route.xy[last, 0] == pytest.approx(102.4, abs=0.6)
    assert first_meeting(route, Line.through(np.array([[50.0, -20.0], [200.0, -20.0]]))) is None


def test_positions_on_a_line():
    line = Line.through(np.array([[0.0, 0.0], [10.0, 0.0]]))
    assert line.place(np.array([4.0, 1.5])) == pytest.approx((4.0, 1.5))
    xy, _ = line.at(np.array([2.25, 14.0]))
    np.testing.assert_allclose(xy, [[2.25, 0.0], [14.0, 0.0]], atol=1e-9)


@pytest.mark.parametrize(("truck_half_height", "sees"), [(2.0, False), (0.2, True)])
def test_who_is_hidden_by_a_truck(truck_half_height, sees):
    ego = EgoState(np.zeros(3), 0.0, 0.0, EGO_HALF)
    center = np.array([[10.0, 0.0, truck_half_height], [20.0, 0.0, 0.8]])
    half = np.array([[1.0, 3.0, truck_half_height], [0.3, 0.3, 0.8]])
    every = np.array([True, True])
    assert visible_boxes(ego, center, np.zeros(2), half, every, every).tolist() == [True, sees]


def test_the_nearest_preset_is_found():
    for name in ("HardRainNoon", "ClearNight", "Custom15", "FoggyWetCloudyNoon"):
        assert nearest_preset(preset(name)) == name
    assert len(VISIBILITY) == 52
    assert [VISIBILITY[name] for name in ("ClearNoon", "WetNoon", "HardRainNoon", "ClearNight")] == [0, 1, 2, 3]


def test_settings_come_from_the_published_variable(monkeypatch):
    monkeypatch.setenv("LEAD_EXPERT_CONFIG", "target_dataset=2 perturbate_sensors=false lidar_stack_size=2")
    config = resolve_expert()
    assert (config.target_dataset, config.perturbate_sensors, config.lidar_stack_size) == (2, False, 2)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("perturb_sensors=true", "perturbate_sensors"),
        ("target_dataset=9", "0 to 6"),
        ("lidar_stack_size=0", "one sweep"),
    ],
)
def test_wrong_settings_are_refused(monkeypatch, words, text):
    monkeypatch.setenv("LEAD_EXPERT_CONFIG", words)
    with pytest.raises(ConfigError, match=text):
        resolve_expert()
