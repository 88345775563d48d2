"""The record of a tick: every published key that the policy knows, with its type."""

import math

import numpy as np
import pytest
from expert_support import (
    DOWN,
    INNER_Y_M,
    OUTER_Y_M,
    Car,
    dense_route,
    expert_route,
    record,
    scene,
    straight_map,
    view,
    walker,
)

from lead.expert.behaviours.limits import FreeSpeed
from lead.expert.decision import Control
from lead.expert.metas import Recorder
from lead.expert.proposal import Hazard, Proposal, most_careful
from lead.expert.route_edits import shift_to_lane

KEYS = {
    int: """num_dangerous_adversarial num_safe_adversarial num_ignored_adversarial rear_adversarial_id ego_lane_id
        road_id lane_id junction_id num_parking_vehicles_in_proximity visual_visibility""",
    float: """target_speed speed_limit target_speed_limit second_highest_speed second_highest_speed_limit
        route_curvature
        route_left_length distance_ego_to_route signed_dist_to_lane_change steer throttle ego_lane_width
        distance_to_next_junction dist_to_construction_site dist_to_accident_site dist_to_parked_obstacle
        dist_to_vehicle_opens_door dist_to_cutin_vehicle dist_to_pedestrian dist_to_biker""",
    bool: """changed_route brake is_junction is_intersection vehicle_opened_door vehicle_hazard light_hazard
        walker_hazard stop_sign_hazard stop_sign_close walker_close europe_traffic_light over_head_traffic_light
        emergency_brake_for_special_vehicle does_emergency_brake_for_pedestrians slower_bad_visibility
        slower_clutterness slower_occluded_junction construction_obstacle_two_ways_stuck accident_two_ways_stuck
        parked_obstacle_two_ways_stuck vehicle_opens_door_two_ways_stuck rear_danger_8 rear_danger_16 brake_cutin""",
    str: """traffic_light_state lane_change_str lane_type_str left_lane_marking_color_str left_lane_marking_type_str
        right_lane_marking_color_str right_lane_marking_type_str weather_setting""",
    list: """next_road_ids next_next_road_ids_ego scenario_obstacles_ids scenario_actors_ids cut_in_actors_ids
        scenario_obstacles_convex_hull""",
    np.ndarray: "route",
}
OPTIONAL = """last_encountered_speed_limit_sign speed_reduced_by_obj_type speed_reduced_by_obj_id
    speed_reduced_by_obj_distance target_lane_width dist_to_junction distance_to_intersection_index_ego
    current_active_scenario_type previous_active_scenario_type vehicle_door_side vehicle_affecting_id
    walker_affecting_id walker_close_id"""


def made_record(*cars, scenarios=(), proposals=(), route=None):
    made_scene, route = scene(*cars), route or expert_route()
    _, notes = FreeSpeed().of(made_scene, route, None, 0)
    made = view(made_scene, route, *scenarios)
    made.notes.values.update(notes)
    recorder = Recorder(dense_route(), straight_map())
    return recorder.record(made, most_careful(8.0, proposals), Control(0.5, -0.1, 0.0, False), None, "ClearNoon")


@pytest.mark.parametrize("kind", KEYS, ids=lambda kind: kind.__name__)
def test_all_keys_have_their_types(kind):
    values = made_record(Car(7, 80.0, INNER_Y_M, 5.0), walker(8, 70.0, 9.0, 1.0, DOWN))
    assert {key: type(values[key]) for key in KEYS[kind].split()} == dict.fromkeys(KEYS[kind].split(), kind)


def test_keys_that_may_be_none_are_there():
    assert set(OPTIONAL.split()) <= set(made_record())


def test_the_route_begins_two_and_a_half_metres_ahead_in_steps_of_a_metre():
    route = made_record()["route"]
    assert route.dtype == np.float32 and route.shape == (50, 2)
    np.testing.assert_allclose(route[:2], [(2.5, 0.0), (3.5, 0.0)], atol=0.06)


def test_the_cause_is_recorded():
    cause = Proposal(0.0, "x", Hazard.WALKER, 8, "walker.pedestrian.0001", 9.5)
    values = made_record(walker(8, 69.0, 5.0, 1.0, DOWN), proposals=[cause])
    assert (values["speed_reduced_by_obj_type"], values["speed_reduced_by_obj_id"]) == ("walker.pedestrian.0001", 8)
    assert values["walker_hazard"] and not values["vehicle_hazard"]
    assert values["walker_affecting_id"] == values["walker_close_id"] == 8


def test_the_scenario_is_recorded():
    car = Car(7, 90.0, OUTER_Y_M)
    accident = record("Accident", first=car, obstacles=[car])
    values = made_record(car, scenarios=[accident])
    assert values["current_active_scenario_type"] == "Accident"
    assert values["scenario_obstacles_ids"] == [7]
    assert values["dist_to_accident_site"] == pytest.approx(math.hypot(30.0, 3.5))
    assert values["dist_to_parked_obstacle"] == math.inf


def test_the_way_to_a_lane_change_is_kept_as_published_and_true():
    route = expert_route()
    shift_to_lane(route, route.index + 100, route.index + 900, 100, left=False)
    values = made_record(route=route)
    assert values["true_signed_dist_to_lane_change"] == pytest.approx(10.0)
    assert values["signed_dist_to_lane_change"] == pytest.approx(1.0)
    assert values["changed_route"] is True
