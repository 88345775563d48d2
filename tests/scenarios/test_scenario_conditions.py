"""Conditions and composites, on a stage that is only a set of numbers: they are functions of it."""

from __future__ import annotations

from types import SimpleNamespace

import carla
import pytest
from py_trees.common import Status
from scenario_support import Switches

from lead.scenarios.nodes.base import Do, Forever, Node, in_order, until_all, until_one
from lead.scenarios.nodes.conditions import (
    Drive,
    EgoArrives,
    EgoAway,
    EgoInFrontOf,
    EgoNear,
    EgoPassed,
    Idle,
    JunctionLeft,
    Overtaken,
    ScenarioTimeout,
    is_ahead,
)
from lead.scoring.penalties import EventType

RUNNING, SUCCESS = Status.RUNNING, Status.SUCCESS


def pose(x=0.0, y=0.0, z=0.0, yaw=0.0):
    return carla.Transform(carla.Location(x, y, z), carla.Rotation(yaw=yaw))


class Pool:
    """Poses by actor."""

    def __init__(self):
        self.poses = {}

    def location(self, actor):
        return self.poses[actor].location

    def transform(self, actor):
        return self.poses[actor]


class FakeStage(SimpleNamespace):
    """The numbers that conditions look at."""

    def __init__(self):
        super().__init__(time_s=0.0, frame=0, ego_speed_mps=0.0, pool=Pool(), criteria=Switches(), pauses=0)
        self.ego_waypoint = SimpleNamespace(is_junction=False, junction_id=-1)
        self.at()

    def at(self, x=0.0, y=0.0, z=0.0):
        self.ego_location = carla.Location(x, y, z)

    def pause_blocked(self):
        self.pauses += 1

    def resume_blocked(self):
        self.pauses -= 1


@pytest.fixture
def stage():
    return FakeStage()


def status(node):
    node.tick_once()
    return node.status


# -- time ------------------------------------------------------------------------------------------------------------


def test_idle_waits_longer_than_its_time_from_when_it_begins(stage):
    stage.time_s = 7.0
    node = Idle(stage, 5.0)
    stage.time_s = 10.0
    times = [10.0, 14.95, 15.0, 15.05]
    found = []
    for stage.time_s in times:
        found.append(status(node))
    assert found == [RUNNING, RUNNING, RUNNING, SUCCESS]
    assert status(node) is RUNNING  # ticked again it starts anew


# -- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x, z, near, away", [(4.9, 0.0, SUCCESS, RUNNING), (5.0, 0.0, RUNNING, RUNNING),
                                              (5.1, 0.0, RUNNING, SUCCESS), (4.0, 4.0, RUNNING, SUCCESS)])  # fmt: skip
def test_near_and_away_compare_the_straight_distance(stage, x, z, near, away):
    stage.at(x, 0.0, z)
    assert status(EgoNear(stage, carla.Location(), 5.0)) is near
    assert status(EgoAway(stage, carla.Location(), 5.0)) is away


def test_near_follows_an_actor(stage):
    node = EgoNear(stage, "car", 10.0)
    stage.pool.poses["car"] = pose(30.0)
    assert status(node) is RUNNING
    stage.pool.poses["car"] = pose(9.0)
    assert status(node) is SUCCESS


@pytest.mark.parametrize("speed, expected", [(0.0, RUNNING), (1e-9, RUNNING), (9.9, RUNNING), (10.0, RUNNING),
                                             (10.1, SUCCESS)])  # fmt: skip
def test_arrival_is_distance_by_speed(stage, speed, expected):
    stage.ego_speed_mps = speed
    stage.at(-20.0, 0.0)
    assert status(EgoArrives(stage, carla.Location(), 2.0)) is expected


def test_a_standing_ego_never_arrives_even_where_it_is(stage):
    assert status(EgoArrives(stage, carla.Location(), 2.0)) is RUNNING


@pytest.mark.parametrize("yaw, x, y, ahead", [(0, 1, 9, True), (0, -1, 9, False), (90, 5, 1, True), (90, 5, -1, False),
                                              (180, -1, 0, True), (0, 0, 5, False)])  # fmt: skip
def test_ahead_is_in_front_of_the_line_across(stage, yaw, x, y, ahead):
    stage.at(x, y)
    stage.pool.poses["car"] = pose(yaw=yaw)
    assert is_ahead(pose(yaw=yaw), stage.ego_location) is ahead
    expected = SUCCESS if ahead else RUNNING
    assert status(EgoPassed(stage, pose(yaw=yaw))) is expected
    assert status(EgoInFrontOf(stage, "car")) is expected


@pytest.mark.parametrize("x, expected", [(-1.0, RUNNING), (1.0, SUCCESS), (49.0, SUCCESS), (50.0, RUNNING)])
def test_a_passed_place_may_have_to_be_near(stage, x, expected):
    stage.at(x)
    assert status(EgoPassed(stage, pose(), within_m=50.0)) is expected


class Lane:
    """A lane along x."""

    def __init__(self, x, length):
        self.transform, self._length = pose(x), length

    def next(self, distance):
        x = self.transform.location.x + distance
        return [Lane(x, self._length)] if x < self._length else []


def vehicle(half_length_m):
    return SimpleNamespace(bounding_box=SimpleNamespace(extent=SimpleNamespace(x=half_length_m)), __hash__=None)


@pytest.mark.parametrize("x, within_m, expected", [(2.9, None, RUNNING), (3.1, None, SUCCESS), (300.0, None, SUCCESS),
                                                   (3.1, 10.0, SUCCESS), (14.0, 10.0, RUNNING)])  # fmt: skip
def test_overtaken_needs_half_of_both_lengths(stage, x, within_m, expected):
    places = {1: pose(0.0), 2: pose(x)}
    slower, faster = vehicle(1.0), vehicle(2.0)
    slower.id, faster.id = 1, 2
    stage.pool = SimpleNamespace(location=lambda actor: places[actor.id].location)
    stage.map = SimpleNamespace(get_waypoint=lambda location: Lane(location.x, 1000.0))
    assert status(Overtaken(stage, slower, faster, within_m)) is expected
    stage.map = SimpleNamespace(get_waypoint=lambda location: Lane(location.x, 1.0))
    assert status(Overtaken(stage, slower, faster, within_m)) is RUNNING  # the road ends there


# -- junctions and distances -----------------------------------------------------------------------------------------


def through(stage, node, junctions):
    found = []
    for number in junctions:
        stage.ego_waypoint = SimpleNamespace(is_junction=number is not None, junction_id=number)
        found.append(status(node) is SUCCESS)
    return found


@pytest.mark.parametrize("wanted, junctions, done", [
    (None, [None, None], [False, False]),
    (None, [None, 3, 3, None], [False, False, False, True]),
    (None, [3, None], [False, True]),
    (7, [None, 3, None, 7, None], [False, False, False, False, True]),
    (7, [7, 3, None], [False, False, True]),
])  # fmt: skip
def test_a_junction_is_left_after_it_was_entered(stage, wanted, junctions, done):
    assert through(stage, JunctionLeft(stage, wanted), junctions) == done


def test_a_junction_condition_starts_anew(stage):
    node = JunctionLeft(stage)
    assert through(stage, node, [3, None]) == [False, True]
    assert through(stage, node, [None, 3, None]) == [False, False, True]


def test_driven_distance_is_summed_from_the_first_tick(stage):
    stage.at(100.0)
    node = Drive(stage, 10.0)
    found = []
    for x in (0.0, 6.0, 0.0, -1.0):  # back and forth: 6, 12, 13 m
        stage.at(x)
        found.append(status(node))
    assert found == [RUNNING, RUNNING, SUCCESS, RUNNING]


def test_other_actors_distances_are_summed_too(stage):
    node = Drive(stage, 10.0, "car")
    found = []
    for x in (0.0, 10.0, 10.5):
        stage.pool.poses["car"] = pose(x)
        found.append(status(node))
    assert found == [RUNNING, RUNNING, SUCCESS]


# -- the time-out ----------------------------------------------------------------------------------------------------


def test_a_timeout_reports_once_and_pauses_the_blocked_criterion_while_it_waits(stage):
    node = ScenarioTimeout(stage, "Accident_3", seconds=240.0)
    assert stage.pauses == 0
    assert status(node) is RUNNING and stage.pauses == 1
    stage.time_s, stage.frame = 240.0, 4800
    assert status(node) is RUNNING and not stage.criteria.reports
    stage.time_s, stage.frame = 240.05, 4801
    assert status(node) is SUCCESS and stage.pauses == 0
    (event,) = stage.criteria.reports
    assert event.type is EventType.SCENARIO_TIMEOUT and "Accident_3" in event.message and event.frame == 4801
    node.stop(Status.INVALID)
    assert stage.pauses == 0


def test_a_timeout_that_is_cut_off_reports_nothing(stage):
    node = ScenarioTimeout(stage, "Accident_3")
    tree = until_one("end", [node, EgoNear(stage, carla.Location(50.0), 5.0)])
    assert status(tree) is RUNNING and stage.pauses == 1
    stage.at(50.0)
    assert status(tree) is SUCCESS
    assert stage.pauses == 0 and not stage.criteria.reports


def test_a_timeout_that_never_ran_pauses_nothing(stage):
    ScenarioTimeout(stage, "Accident_3").stop(Status.INVALID)
    assert stage.pauses == 0


# -- composites ------------------------------------------------------------------------------------------------------


class Steps(Node):
    """Takes so many ticks, and writes down what happens to it."""

    def __init__(self, stage, log, name, ticks):
        super().__init__(stage, name)
        self._log, self._ticks, self._left = log, ticks, 0

    def initialise(self):
        self._left = self._ticks
        self._log.append(f"{self.name} begins")

    def update(self):
        self._left -= 1
        return RUNNING if self._left > 0 else SUCCESS

    def terminate(self, new_status):
        self._log.append(f"{self.name} {new_status.name}")


def test_in_order_goes_on_in_the_same_tick_and_repeats_nothing(stage):
    log = []
    tree = in_order(
        "both", [Steps(stage, log, "a", 2), Do(stage, lambda: log.append("did")), Steps(stage, log, "b", 1)]
    )
    assert status(tree) is RUNNING and log == ["a begins"]
    assert status(tree) is SUCCESS
    assert log == ["a begins", "a SUCCESS", "did", "b begins", "b SUCCESS"]


def test_until_one_cuts_the_others_off(stage):
    log = []
    tree = until_one("race", [Steps(stage, log, "slow", 9), Steps(stage, log, "fast", 2), Forever(stage)])
    assert [status(tree), status(tree)] == [RUNNING, SUCCESS]
    assert log == ["slow begins", "fast begins", "fast SUCCESS", "slow INVALID"]


def test_until_all_waits_for_the_last_and_ticks_the_first_no_more(stage):
    log = []
    tree = until_all("all", [Steps(stage, log, "a", 1), Steps(stage, log, "b", 3)])
    assert [status(tree) for _ in range(3)] == [RUNNING, RUNNING, SUCCESS]
    assert log == ["a begins", "a SUCCESS", "b begins", "b SUCCESS"]


def test_stopping_a_tree_ends_what_runs(stage):
    log = []
    tree = in_order("tree", [Steps(stage, log, "a", 1), Steps(stage, log, "b", 9), Steps(stage, log, "c", 1)])
    status(tree)
    tree.stop(Status.INVALID)
    assert "b INVALID" in log and "c begins" not in log and "c INVALID" not in log


def test_forever_never_ends_and_functions_must_be_callable(stage):
    assert {status(node) for node in [Forever(stage)] * 5} == {RUNNING}
    with pytest.raises(TypeError, match="is no function"):
        Do(stage, 3)
    with pytest.raises(NotImplementedError, match="Node has no update"):
        Node(stage).update()
