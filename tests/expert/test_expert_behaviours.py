"""What each behaviour says in which situation."""

from types import SimpleNamespace

import carla
import numpy as np
import pytest
from expert_support import (
    BACK,
    DOWN,
    INNER_Y_M,
    LANE_M,
    OPPOSITE_Y_M,
    OUTER_Y_M,
    UP,
    Car,
    bicycle,
    dense_route,
    expert_route,
    record,
    scene,
    straight_map,
    view,
    walker,
)

from lead.evaluation.observation import ActorKind
from lead.expert.behaviours.crossing import CrossingUsers, CutIns, PriorityTakers
from lead.expert.behaviours.emergency import EmergencyVehicles
from lead.expert.behaviours.flows import FlowGaps
from lead.expert.behaviours.following import Forecast, LeadingVehicle
from lead.expert.behaviours.limits import FreeSpeed
from lead.expert.behaviours.obstacles import LaneObstacles
from lead.expert.behaviours.side_hazards import InvadingTurns, SideHazards
from lead.expert.behaviours.signals import StopSignStop, TrafficLightStop
from lead.expert.behaviours.two_ways import ALLOWED_AFTER_S, OncomingObstacles
from lead.expert.proposal import Hazard, Proposal, most_careful

LIGHT_STATE = carla.TrafficLightState


def speeds(proposals):
    return [proposal.speed_mps for proposal in proposals]


def waypoint(x, y):
    return straight_map().get_waypoint(carla.Location(x, y, 0.0))


# -- arbiter -----------------------------------------------------------------------------------------------------------


def test_the_most_careful_proposal_wins_with_its_reason():
    verdict = most_careful(10.0, [Proposal(7.0, "a"), Proposal(3.0, "b", Hazard.LIGHT), Proposal(3.0, "c")])
    assert (verdict.speed_mps, verdict.winner.reason) == (3.0, "b")
    assert verdict.has(Hazard.LIGHT)


def test_a_free_road_has_no_cause():
    verdict = most_careful(8.0, [Proposal(12.0, "a")])
    assert (verdict.speed_mps, verdict.winner) == (8.0, None)


# -- driving behind others ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "speed", "yaw", "is_followed"),
    [
        (75.0, INNER_Y_M, 4.0, 0.0, True),
        (75.0, INNER_Y_M + 2.4, 4.0, 0.0, True),
        (75.0, OUTER_Y_M, 4.0, 0.0, False),
        (75.0, INNER_Y_M, 4.0, BACK, False),
        (150.0, INNER_Y_M, 4.0, 0.0, False),
        (45.0, INNER_Y_M, 9.0, 0.0, False),
    ],
)
def test_leading_vehicles(x, y, speed, yaw, is_followed):
    made = view(scene(Car(7, x, y, speed, yaw_rad=yaw)), expert_route())
    assert bool(LeadingVehicle().propose(made)) is is_followed


def test_a_standing_leader_stops_the_ego_behind_it():
    made = view(scene(Car(7, 67.0, INNER_Y_M), speed_mps=3.0), expert_route())
    assert speeds(LeadingVehicle().propose(made)) == [0.0]


@pytest.mark.parametrize(
    ("car", "is_hit"),
    [
        (Car(7, 70.0, INNER_Y_M - 9.0, 8.0, yaw_rad=DOWN), True),
        (Car(7, 70.0, INNER_Y_M - 25.0, 4.0, yaw_rad=DOWN), False),
        (Car(7, 70.0, INNER_Y_M - 9.0, 8.0, yaw_rad=UP), False),
        (Car(7, 63.0, OUTER_Y_M, 8.0), False),
        (Car(7, 50.0, INNER_Y_M + 0.5, 14.0), False),
    ],
    ids=["crosses", "too late", "drives away", "beside", "from behind"],
)
def test_forecast_of_vehicles(car, is_hit):
    found = Forecast().propose(view(scene(car), expert_route()))
    assert speeds(found) == ([0.0] if is_hit else [])


def test_forecast_keeps_a_gap_to_bicycles_instead_of_stopping():
    car = bicycle(7, 75.0, INNER_Y_M - 4.0, 2.5, yaw_rad=DOWN)
    found = Forecast().propose(view(scene(car), expert_route()))
    assert len(found) == 1 and found[0].speed_mps > 0.0


def test_forecast_of_walkers():
    near = walker(7, 68.0, INNER_Y_M + 3.0, 2.0, UP)
    far = walker(8, 68.0, INNER_Y_M + 30.0, 2.0, UP)
    found = Forecast().propose(view(scene(near, far), expert_route()))
    assert [proposal.actor_id for proposal in found] == [7]
    assert found[0].hazard is Hazard.WALKER


def test_what_was_judged_otherwise_is_left_out_of_the_forecast():
    made = view(scene(Car(7, 70.0, INNER_Y_M - 9.0, 8.0, yaw_rad=DOWN)), expert_route())
    made.notes.judged.add(7)
    assert not Forecast().propose(made)


# -- lights and signs --------------------------------------------------------------------------------------------------


class OneLight:
    """A light whose stop line is 40 m behind the beginning of the route."""

    def __init__(self, state):
        self.actors = [SimpleNamespace(id=5)]
        self._state = state

    def along(self, dense):
        return [SimpleNamespace(distance_m=40.0, light=0)]

    def state(self, index):
        return self._state


@pytest.mark.parametrize(
    ("state", "ego_x", "speed", "stops"),
    [
        (LIGHT_STATE.Red, 90.0, 8.0, True),
        (LIGHT_STATE.Yellow, 80.0, 8.0, True),
        (LIGHT_STATE.Off, 90.0, 8.0, True),
        (LIGHT_STATE.Green, 90.0, 8.0, False),
        (LIGHT_STATE.Red, 61.0, 8.0, True),
        (LIGHT_STATE.Yellow, 95.0, 15.0, False),
        (LIGHT_STATE.Red, 104.0, 8.0, False),
    ],
    ids=["red", "yellow", "off", "green", "red far away", "yellow too late", "passed"],
)
def test_lights(state, ego_x, speed, stops):
    route = expert_route(ego_x_m=ego_x)
    behaviour = TrafficLightStop(OneLight(state), dense_route(), route)
    made = view(scene(ego_x_m=ego_x, speed_mps=speed), route, free_mps=20.0)
    found = behaviour.propose(made)
    assert bool(found) is stops
    if stops:
        assert found[0].speed_mps < 20.0 and found[0].hazard is Hazard.LIGHT


def test_the_last_metres_of_a_route_have_lights():
    class AtTheEnd(OneLight):
        def along(self, dense):
            return [SimpleNamespace(distance_m=dense.length_m - 1.0, light=0)]

    route = expert_route(ego_x_m=350.0)
    behaviour = TrafficLightStop(AtTheEnd(LIGHT_STATE.Red), dense_route(), route)
    assert behaviour.propose(view(scene(ego_x_m=350.0), route))


def test_a_stop_sign_is_left_after_standing_for_more_than_25_ticks():
    signs = SimpleNamespace(
        centers=np.array([[100.0, INNER_Y_M, 0.0]]), half_sizes=np.array([[1.0, 1.5]]), actors=[SimpleNamespace(id=9)]
    )
    route = expert_route(ego_x_m=97.5)
    behaviour = StopSignStop(signs, route)
    assert behaviour.propose(view(scene(ego_x_m=97.5, speed_mps=3.0), route))
    standing = [behaviour.propose(view(scene(ego_x_m=97.5, speed_mps=0.0), route)) for _ in range(26)]
    assert all(standing[:25]) and not standing[25]
    assert not behaviour.propose(view(scene(ego_x_m=97.5, speed_mps=3.0), route))


def test_a_stop_sign_beside_the_route_does_not_count():
    signs = SimpleNamespace(
        centers=np.array([[100.0, OPPOSITE_Y_M - 6.0, 0.0]]),
        half_sizes=np.array([[1.0, 1.5]]),
        actors=[SimpleNamespace(id=9)],
    )
    route = expert_route(ego_x_m=95.0)
    assert not StopSignStop(signs, route).propose(view(scene(ego_x_m=95.0), route))


# -- free road ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit_kmh", "visibility", "scenario", "parked", "expected"),
    [
        (50.0, 0, None, 0, 50.0 / 3.6),
        (50.0, 3, None, 0, 50.0 / 3.6 - 4.0),
        (50.0, 0, None, 2, 50.0 / 3.6 - 2.0),
        (90.0, 3, None, 0, 20.0),
        (20.0, 0, None, 0, 6.75),
        (30.0, 0, "EnterActorFlow", 0, 40.0 / 3.6),
    ],
)
def test_free_speed(limit_kmh, visibility, scenario, parked, expected):
    cars = [
        Car(number, 65.0 + number, 8.0, kind=ActorKind.PROP, type_id="static.prop.mesh", mesh_path="/Game/Car/x")
        for number in range(parked)
    ]
    made = scene(*cars, limit_mps=limit_kmh / 3.6)
    speed, notes = FreeSpeed().of(made, expert_route(), record(scenario) if scenario else None, visibility)
    assert speed == pytest.approx(expected)
    assert notes["slower_bad_visibility"] is (visibility == 3 and limit_kmh < 60.0)


def test_the_ego_keeps_up_with_the_stream_that_it_joins():
    car = Car(1, 20.0, OUTER_Y_M, 16.0)
    made = scene(car, limit_mps=8.0)
    scenario = record("InterurbanAdvancedActorFlow", adversarial_actors_1=[], adversarial_actors_2=[car])
    assert FreeSpeed().of(made, expert_route(), scenario, 0)[0] == pytest.approx(16.0)


def test_nobody_is_faster_than_the_traffic():
    cars = [Car(1, 80.0, OUTER_Y_M, 9.0), Car(2, 90.0, OUTER_Y_M, 12.0)]
    speed, notes = FreeSpeed().of(scene(*cars, limit_mps=25.0), expert_route(), None, 0)
    assert notes["second_highest_speed"] == 9.0
    assert speed == pytest.approx(10.0)


# -- crossing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "speed", "yaw", "stops"),
    [
        (70.0, INNER_Y_M + 4.0, 2.0, UP, True),
        (70.0, INNER_Y_M, 1.0, UP, True),
        (70.0, INNER_Y_M - 4.0, 2.0, UP, False),
        (70.0, INNER_Y_M + 4.0, 0.0, UP, False),
        (50.0, INNER_Y_M, 1.0, UP, False),
    ],
    ids=["comes", "on the path", "has crossed", "never moved", "behind"],
)
def test_crossing_users(x, y, speed, yaw, stops):
    person = walker(7, x, y, speed, yaw)
    scenario = record("DynamicObjectCrossing", first=person, pedestrian_moved={7: False})
    found = CrossingUsers().propose(view(scene(person), expert_route(), scenario))
    assert speeds(found) == ([0.0] if stops else [])
    assert scenario.memory["pedestrian_moved"][7] is (speed > 0.25)


@pytest.mark.parametrize(("y", "speed", "stops"), [(-20.0, 15.0, True), (-20.0, 0.0, False), (30.0, 15.0, False)])
def test_emergency_vehicles_that_take_the_way(y, speed, stops):
    car = Car(7, 80.0, y, speed, yaw_rad=DOWN)
    scenario = record("OppositeVehicleTakingPriority", first=car, adversarial_actors=[car])
    found = PriorityTakers().propose(view(scene(car), expert_route(), scenario))
    assert speeds(found) == ([0.0] if stops else [])


@pytest.mark.parametrize(("speed", "brakes"), [(0.5, False), (2.0, True), (4.5, False), (6.0, False)])
def test_cut_ins(speed, brakes):
    car = Car(7, 75.0, OUTER_Y_M, speed)
    scenario = record("ParkingCutIn", first=car, cut_in_vehicle=car, stopped=False)
    found = CutIns().propose(view(scene(car), expert_route(), scenario))
    assert speeds(found) == ([0.0] if brakes else [])
    assert scenario.memory["stopped"] is (speed >= 5.0)


# -- round obstacles ---------------------------------------------------------------------------------------------------


def obstacle(name, car, target_y):
    return record(
        name,
        first=car,
        last=car,
        obstacles=[car],
        direction="right",
        target_lane=waypoint(car.x, target_y),
        changed_route=False,
    )


def test_an_obstacle_is_passed_on_the_lane_beside_it():
    car = Car(7, 140.0, OUTER_Y_M)
    route = expert_route(OUTER_Y_M, ego_x_m=95.0)
    scenario = obstacle("ParkedObstacle", car, INNER_Y_M)
    LaneObstacles().steer(view(scene(car, ego_x_m=95.0, ego_y_m=OUTER_Y_M), route, scenario))
    beside = route.xy[np.abs(route.xy[:, 0] - 140.0) < 2.0]
    np.testing.assert_allclose(beside[:, 1], INNER_Y_M, atol=0.05)
    np.testing.assert_allclose(route.xy[route.index, 1], OUTER_Y_M, atol=0.05)
    assert scenario.memory["changed_route"] is True


def test_an_obstacle_far_away_changes_nothing():
    car = Car(7, 170.0, OUTER_Y_M)
    route = expert_route(OUTER_Y_M, ego_x_m=95.0)
    LaneObstacles().steer(view(scene(car, ego_x_m=95.0), route, obstacle("Accident", car, INNER_Y_M)))
    assert not route.is_changed


@pytest.mark.parametrize(("other_x", "other_speed", "waits"), [(100.0, 12.0, True), (40.0, 4.0, False)])
def test_the_other_lane_must_be_free(other_x, other_speed, waits):
    car, other = Car(7, 140.0, OUTER_Y_M), Car(8, other_x, INNER_Y_M, other_speed)
    route = expert_route(OUTER_Y_M, ego_x_m=108.0)
    made = scene(car, other, ego_x_m=108.0, ego_y_m=OUTER_Y_M, speed_mps=6.0)
    found, _ = LaneObstacles().steer(view(made, route, obstacle("ParkedObstacle", car, INNER_Y_M)))
    assert any("not free" in proposal.reason for proposal in found) is waits


@pytest.mark.parametrize(
    ("oncoming_x", "waited", "goes"),
    [
        (None, ALLOWED_AFTER_S + 1.0, True),
        (None, 1.0, False),
        (165.0, ALLOWED_AFTER_S + 1.0, False),
        (205.0, ALLOWED_AFTER_S + 1.0, False),
        (275.0, ALLOWED_AFTER_S + 1.0, True),
        (105.0, 9.0, True),
    ],
    ids=["empty", "not yet allowed", "oncoming", "oncoming from 83 m", "oncoming from 153 m", "has passed"],
)
def test_the_oncoming_lane_is_used_only_when_it_is_empty(oncoming_x, waited, goes):
    car = Car(7, 140.0, INNER_Y_M)
    cars = [car] if oncoming_x is None else [car, Car(8, oncoming_x, OPPOSITE_Y_M, 8.0, yaw_rad=BACK)]
    route = expert_route(ego_x_m=122.0)
    scenario = obstacle("ParkedObstacleTwoWays", car, OPPOSITE_Y_M)
    behaviour = OncomingObstacles()
    for time in (0.0, waited):
        made = scene(*cars, ego_x_m=122.0, speed_mps=0.0, time_s=time)
        found, commitment = behaviour.steer(view(made, route, scenario))
    assert (commitment is not None) is goes
    assert goes or found[0].speed_mps < 3.0
    beside = route.xy[np.abs(route.xy[:, 0] - 140.0) < 1.0]
    np.testing.assert_allclose(beside[:, 1], OPPOSITE_Y_M, atol=0.05)


def test_an_overtaking_is_finished_once_begun():
    car = Car(7, 140.0, INNER_Y_M)
    route = expert_route(ego_x_m=122.0)
    scenario = obstacle("AccidentTwoWays", car, OPPOSITE_Y_M)
    behaviour = OncomingObstacles()
    for time in (0.0, 9.0):
        behaviour.steer(view(scene(car, ego_x_m=122.0, speed_mps=0.0, time_s=time), route, scenario))
    late = Car(8, 170.0, OPPOSITE_Y_M, 8.0, yaw_rad=BACK)
    made = view(scene(car, late, ego_x_m=130.0, time_s=10.0), route, scenario)
    assert behaviour.steer(made)[1] is not None


def test_bicycles_at_the_side_are_passed_and_the_shift_grows_with_them():
    first, last = bicycle(7, 80.0, OUTER_Y_M + 1.0, 3.0), bicycle(8, 89.0, OUTER_Y_M + 1.0, 3.0)
    route = expert_route(OUTER_Y_M, ego_x_m=60.0)
    scenario = record("HazardAtSideLane", first=first, last=last)
    behaviour = SideHazards()
    behaviour.steer(view(scene(first, last, ego_y_m=OUTER_Y_M), route, scenario))
    np.testing.assert_allclose(route.xy[np.abs(route.xy[:, 0] - 85.0) < 1.0, 1], INNER_Y_M, atol=0.05)
    before = scenario.memory["to_index"]
    first.x, last.x = 100.0, 109.0
    behaviour.steer(view(scene(first, last, ego_x_m=80.0, ego_y_m=INNER_Y_M), route, scenario))
    assert scenario.memory["to_index"] == before + 200


def test_the_ego_goes_back_behind_the_bicycles_if_somebody_comes():
    first, last = bicycle(7, 80.0, INNER_Y_M + 1.0, 2.0), bicycle(8, 89.0, INNER_Y_M + 1.0, 2.0)
    route = expert_route(ego_x_m=62.0)
    scenario = record("HazardAtSideLaneTwoWays", first=first, last=last)
    behaviour = SideHazards()
    commitments = []
    oncoming = Car(9, 150.0, OPPOSITE_Y_M, 9.0, yaw_rad=BACK)
    for time, ego_x, cars in ((0.0, 62.0, ()), (9.0, 62.0, ()), (10.0, 70.0, (oncoming,))):
        route.index = int(10 * (ego_x - 10.0))
        made = scene(first, last, *cars, ego_x_m=ego_x, speed_mps=4.0, time_s=time)
        commitments.append(behaviour.steer(view(made, route, scenario))[1] is not None)
    assert commitments == [False, True, False]
    np.testing.assert_allclose(route.xy[route.index + 100 :, 1], INNER_Y_M, atol=1e-3)


@pytest.mark.parametrize("name", ["HazardAtSideLane", "HazardAtSideLaneTwoWays"])
def test_the_ego_comes_back_once_it_has_passed_the_bicycles(name):
    lane = OUTER_Y_M if name == "HazardAtSideLane" else INNER_Y_M
    first, last = bicycle(7, 80.0, lane + 1.0, 2.0), bicycle(8, 89.0, lane + 1.0, 2.0)
    route = expert_route(lane, ego_x_m=62.0)
    scenario, behaviour = record(name, first=first, last=last), SideHazards()
    ends = []
    for time, ego_x in ((0.0, 62.0), (9.0, 62.0), (12.0, 88.0), (13.0, 95.0), (14.0, 102.0)):
        route.index = int(10 * (ego_x - 10.0))
        behaviour.steer(view(scene(first, last, ego_x_m=ego_x, time_s=time), route, scenario))
        ends.append(float(np.abs(route.xy[:, 0][np.abs(route.xy[:, 1] - lane) > 0.1]).max(initial=0.0)))
    assert ends[-1] == ends[-2] < 125.0


def test_cones_are_passed_on_the_right_within_the_lane():
    cones = [
        Car(number, 100.0 + 5.0 * number, OPPOSITE_Y_M, kind=ActorKind.PROP, type_id="static.prop.constructioncone")
        for number in range(3)
    ]
    route = expert_route(ego_x_m=70.0)
    scenario = record(
        "InvadingTurn", first=cones[0], last=cones[-1], first_cone=cones[0], last_cone=cones[-1], offset=-1.4
    )
    InvadingTurns().steer(view(scene(*cones, ego_x_m=70.0), route, scenario))
    beside = route.xy[np.abs(route.xy[:, 0] - 105.0) < 1.0, 1]
    np.testing.assert_allclose(beside, INNER_Y_M + 1.0, atol=0.02)
    assert np.abs(np.diff(route.xy[:, 1])).max() < 0.03  # no step at the ends
    assert beside.max() < INNER_Y_M + 0.5 * LANE_M


@pytest.mark.parametrize(("y", "left"), [(OUTER_Y_M, True), (INNER_Y_M, False)])
def test_room_is_made_on_a_lane_of_the_same_direction(y, left):
    car = Car(7, 80.0, y, 25.0, type_id="vehicle.ford.ambulance")
    route = expert_route(y, ego_x_m=120.0)
    scenario = record("YieldToEmergencyVehicle", first=car, emergency_vehicle=car)
    EmergencyVehicles().steer(view(scene(car, ego_x_m=120.0, ego_y_m=y), route, scenario))
    assert scenario.memory["to_left"] is left
    there = INNER_Y_M if left else OUTER_Y_M
    np.testing.assert_allclose(route.xy[route.index + 250, 1], there, atol=0.05)


# -- streams -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "speed", "waits"),
    [(-22.0, 10.0, True), (-12.0, 8.0, True), (15.0, 8.0, False), (-90.0, 8.0, False)],
    ids=["arrives with the ego", "is there", "has passed", "comes later"],
)
def test_gaps_in_streams(y, speed, waits):
    car = Car(7, 85.0, y, speed, yaw_rad=DOWN)
    scenario = record("NonSignalizedJunctionLeftTurn", adversarial_actors=[car])
    made = view(scene(car, ego_x_m=76.0, speed_mps=1.0), expert_route(ego_x_m=76.0), scenario)
    found = FlowGaps(straight_map()).propose(made)
    assert bool(found) is waits
    assert (7 in made.notes.dangerous) is waits


def test_too_late_to_wait_the_ego_falls_back_behind_those_whom_it_joins():
    car = Car(7, 65.0, INNER_Y_M + 2.2, 9.7, yaw_rad=-0.1)
    scenario = record("MergerIntoSlowTrafficV2", adversarial_actors=[car])
    made = view(scene(car, speed_mps=9.7), expert_route(), scenario, free_mps=11.1)
    assert not FlowGaps(straight_map()).propose(made)
    assert 7 in made.notes.dangerous and 7 not in made.notes.judged
    assert speeds(LeadingVehicle().propose(made)) == [0.0]
