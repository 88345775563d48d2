"""The engine itself: when it builds, triggers, steps and removes, with small scenarios made for the purpose."""

import logging
from dataclasses import replace

import carla
import pytest
from py_trees.common import Status
from scenario_support import Blind, ahead, blind, drive, lane, make_engine, make_stage, no_traffic, scenario

from lead.scenarios import scenario as registry
from lead.scenarios.actor_pool import PLAIN_CAR, ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.messages import SetMaxSpeed
from lead.scenarios.nodes.base import Node
from lead.scenarios.scenario import Scenario
from lead.scoring.penalties import EventType

CAR = ActorModel("vehicle.*", PLAIN_CAR)
NAMES = ("Accident", "HardBreakRoute", "ControlLoss", "T_Junction")
"""Names of real classes, under which the classes of a test are registered."""


class Step(Node):
    """Calls a function of the test in every tick, for a number of ticks."""

    def __init__(self, stage, act, ticks):
        super().__init__(stage)
        self._act, self._left = act, ticks

    def update(self):
        self._act()
        self._left -= 1
        return Status.RUNNING if self._left else Status.SUCCESS


class Probe(Scenario):
    """Spawns a car 20 m ahead of the trigger, 100 m underground, and lives for ten ticks."""

    log: list = []  # noqa: RUF012 - each test sets its own
    depth_m = 100.0
    ticks = 10

    def build(self):
        pose = ahead(self.trigger_waypoint, 20.0).transform
        pose.location.z -= self.depth_m
        self.car = self.spawn(CAR, pose)
        self.record.first_actor = self.car
        self.claimed.append(self.trigger.location)
        self.log.append(("built", self.config.name))

    def behaviour(self):
        return Step(self.stage, self.act, self.ticks)

    def act(self):
        self.log.append(("step", self.config.name))


@pytest.fixture
def register(monkeypatch):
    """``register(Class, "Accident")`` makes a class the one of that name for the test."""

    make_engine(no_traffic)  # the real classes must be there before they are replaced

    def put(cls, name):
        monkeypatch.setitem(registry._CLASSES, name, cls)

    Probe.log = []
    return put


@pytest.fixture
def highway(town):
    session = town("Town04")
    return session, lane(session.map, -516.6, 240.0)


def started(bench, *scenarios, traffic=no_traffic):
    engine = make_engine(traffic)
    engine.start(replace(bench.context, scenarios=scenarios))
    return engine


def tick(bench, engine, ticks=1):
    for _ in range(ticks):
        bench.session.tick()
        engine.tick(bench.observer.read(), bench.control)


def place_at_distance(carla_map, start, trigger, distance_m):
    """The first lane point from a start whose straight distance to a trigger is less than given."""
    waypoint = start
    while waypoint.transform.location.distance(trigger.transform.location) >= distance_m:
        waypoint = ahead(waypoint, 1.0)
    return waypoint.transform


def test_scenarios_are_built_within_500_m_looked_at_once_per_second(highway, register):
    session, start = highway
    register(Probe, "Accident")
    trigger = ahead(start, 700.0)
    with make_stage(session, start, route_m=720.0) as bench:
        engine = started(bench, scenario("Accident", trigger))
        bench.move_ego(place_at_distance(session.map, start, trigger, 502.0))
        tick(bench, engine, 41)
        assert not engine.scenarios
        assert len(engine.claimed_places) == 0
        bench.move_ego(place_at_distance(session.map, start, trigger, 498.0))
        tick(bench, engine, 18)
        assert not engine.scenarios
        tick(bench, engine, 2)
        assert [each.config.type for each in engine.scenarios] == ["Accident"]
        assert engine.claimed_places.shape == (1, 3)
        assert not engine.scenarios[0].record.is_triggered
        engine.close()


def test_what_is_near_at_the_start_is_built_before_the_first_tick(highway, register):
    session, start = highway
    register(Probe, "Accident")
    with make_stage(session, start, route_m=720.0) as bench:
        engine = started(bench, scenario("Accident", ahead(start, 100.0)), scenario("Accident", ahead(start, 700.0)))
        assert len(engine.scenarios) == 1
        engine.close()


def test_the_trigger_is_a_route_point_within_2_m_of_the_trigger(highway, register):
    session, start = highway
    register(Probe, "Accident")
    trigger = ahead(start, 30.0)
    with make_stage(session, start, route_m=100.0) as bench:
        engine = started(bench, scenario("Accident", trigger))
        triggered_at_m = None
        for step in range(80):
            bench.move_ego(ahead(start, 0.5 + 0.5 * step).transform)
            tick(bench, engine, 2)
            if engine.scenarios[0].record.is_triggered:
                triggered_at_m = 0.5 + 0.5 * step
                break
        engine.close()
    assert triggered_at_m is not None
    assert 27.0 <= triggered_at_m <= 29.0, "the ego's nearest route point is less than 2 m away from 28 to 29 m on"


def test_an_ego_that_jumps_along_the_route_is_followed_five_points_at_a_time(highway, register):
    session, start = highway
    register(Probe, "Accident")
    with make_stage(session, start, route_m=100.0) as bench:
        engine = started(bench, scenario("Accident", ahead(start, 30.0)))
        bench.move_ego(ahead(start, 60.0).transform)
        tick(bench, engine, 4)
        assert not engine.scenarios[0].record.is_triggered
        tick(bench, engine, 4)
        assert engine.scenarios == [] or engine.scenarios[0].record.is_triggered
        engine.close()


def test_order_of_a_tick_and_messages_read_one_tick_later(highway, register):
    session, start = highway
    log = []

    class Posting(Probe):
        def act(self):
            log.append((self.config.type, bench_frame()))
            self.stage.post(SetMaxSpeed(float(len(log))))

    class Traffic:
        def __init__(self, stage):
            self.stage = stage

        def tick(self):
            log.append(("traffic", self.stage.frame, self.stage.mailbox.take(SetMaxSpeed)))

        def close(self):
            log.append(("closed", 0, None))

    class Bare(Posting):
        def build(self):
            pass

    register(Posting, NAMES[0])
    register(Bare, NAMES[1])
    with make_stage(session, start) as bench:
        engine = started(bench, *(scenario(name, start) for name in NAMES[:2]), traffic=Traffic)
        bench_frame = lambda: engine.stage.frame  # noqa: E731
        tick(bench, engine, 2)
        frame = engine.stage.frame
        engine.close()
    assert [(entry[0], entry[1] - frame) for entry in log[:6]] == [
        ("traffic", -1),
        ("Accident", -1),
        ("HardBreakRoute", -1),
        ("traffic", 0),
        ("Accident", 0),
        ("HardBreakRoute", 0),
    ]
    assert log[0][2] is None
    assert log[3][2] == SetMaxSpeed(3.0), "of two messages of a kind the later one counts"
    assert log[-1][0] == "closed"


def test_a_scenario_that_does_not_fit_is_left_out_with_a_warning_and_leaves_nothing(highway, register, caplog):
    session, start = highway

    class Misfit(Probe):
        def build(self):
            super().build()
            raise ScenarioError("there is no lane to the left")

    register(Misfit, "Accident")
    register(Probe, "HardBreakRoute")
    with make_stage(session, start) as bench, caplog.at_level(logging.WARNING):
        engine = started(bench, scenario("Accident", start), scenario("HardBreakRoute", ahead(start, 30.0)))
        tick(bench, engine, 2)
        assert [each.config.type for each in engine.scenarios] == ["HardBreakRoute"]
        assert len(engine.stage.pool.actors) == 1
        assert len(engine.active.records) == 1
        engine.close()
    assert "scenario Accident_1 is left out: there is no lane to the left" in caplog.text


def test_wrong_parameters_leave_the_scenario_out_and_name_them(highway, register, caplog):
    session, start = highway

    class Reading(Probe):
        def build(self):
            self.parameters.number("distance")

    register(Reading, "Accident")
    with make_stage(session, start) as bench, caplog.at_level(logging.WARNING):
        engine = started(bench, scenario("Accident", start, distance="far"))
        assert not engine.scenarios
        engine.close()
    assert "parameter distance is 'far', not a number" in caplog.text


def test_the_end_of_a_tree_removes_actors_and_record(highway, register):
    session, start = highway
    register(Probe, "Accident")
    with make_stage(session, start) as bench:
        engine = started(bench, scenario("Accident", start))
        tick(bench, engine, 9)
        car = engine.scenarios[0].car
        assert engine.stage.pool.is_alive(car)
        tick(bench, engine)
        assert not engine.scenarios
        assert not engine.active.records
        bench.session.tick()
        assert car.id not in {actor.id for actor in bench.session.world.get_actors()}
        tick(bench, engine, 25)
        assert Probe.log.count(("step", "Accident_1")) == 10, "a scenario never runs twice"
        engine.close()


def test_the_privileged_view_is_sorted_by_distance_and_cleaned(highway, register):
    session, start = highway

    class OnTheRoad(Probe):
        depth_m = 0.0
        ticks = 1000

    class Bare(Probe):
        def build(self):
            pass

    register(Bare, "HardBreakRoute")
    register(OnTheRoad, "Accident")
    register(OnTheRoad, "ControlLoss")
    with make_stage(session, start) as bench:
        places = {"HardBreakRoute": 5.0, "ControlLoss": 60.0, "Accident": 10.0}
        engine = started(bench, *(scenario(name, ahead(start, place)) for name, place in places.items()))
        tick(bench, engine)
        assert [record.name for record in engine.active.records] == ["Accident", "ControlLoss", "HardBreakRoute"]
        assert engine.active.current.name == "Accident"
        bench.move_ego(ahead(start, 75.0).transform)
        tick(bench, engine, 2)
        assert [record.name for record in engine.active.records] == ["ControlLoss", "Accident", "HardBreakRoute"]
        engine.active.finish(engine.active.current)
        assert (engine.active.previous.name, engine.active.current.name) == ("ControlLoss", "Accident")
        engine.active.current.first_actor.destroy()
        tick(bench, engine, 2)
        assert [record.name for record in engine.active.records] == ["HardBreakRoute"], "its actor is gone"
        engine.close()


class Convoy(Scenario):
    """Three random cars that drive away, one of them by the Traffic Manager."""

    def build(self):
        self.wished_mps = [float(self.stage.rng.uniform(3.0, 9.0)) for _ in range(3)]
        for index in range(3):
            self.spawn(CAR, ahead(self.trigger_waypoint, 20.0 + 15.0 * index).transform)

    def behaviour(self):
        self.actors[2].set_autopilot(True, self.stage.traffic_manager.get_port())
        return Step(self.stage, self.push, 10000)

    def push(self):
        for car, speed in zip(self.actors[:2], self.wished_mps, strict=False):
            forward = self.stage.pool.transform(car).get_forward_vector()
            car.set_target_velocity(carla.Vector3D(forward.x * speed, forward.y * speed, 0.0))


def convoy_drive(session, start, **options):
    result = drive(session, [start, ahead(start, 90.0)], [scenario("Accident", start)], ego=blind(8.0), **options)
    types = [kind.type_id + str(kind.attributes.get("color")) for kind in result.kinds.values()]
    tracks = [[motion.xyz for _, motion in result.track(number)] for number in result.kinds]
    return types, tracks, [tick.ego.xyz for tick in result.ticks]


def test_the_same_seed_gives_the_same_drive_and_another_does_not(highway, register):
    session, start = highway
    register(Convoy, "Accident")
    first = convoy_drive(session, start, max_s=6.0)
    assert len(first[1]) == 3
    assert all(len(track) > 50 for track in first[1])
    assert convoy_drive(session, start, max_s=6.0) == first
    other = convoy_drive(session, start, max_s=6.0, scenario_seed=None, seed=7)
    assert other[0] != first[0]


def test_an_episode_drives_scenarios_and_leaves_nothing_though_it_ends_before_them(highway, register):
    session, start = highway

    class Endless(Probe):
        ticks = 100000

    register(Endless, "Accident")
    result = drive(session, [start, ahead(start, 80.0)], [scenario("Accident", ahead(start, 10.0))], ego=blind(10.0))
    assert result.completed_percent == 100.0
    phases = result.phases["Accident_1"]
    assert phases.built == 0
    assert 10 < phases.triggered < 100
    assert phases.ended == len(result.ticks), "by the end of the drive"
    assert not result.stage.pool.actors


def test_events_that_scenarios_report_when_the_drive_ends_are_part_of_the_result(highway, register):
    session, start = highway

    class Reporter(Probe):
        ticks = 100000

        def close(self):
            kind = EventType.YIELD_TO_EMERGENCY_VEHICLE
            self.stage.criteria.report(kind, "did not yield", {"percentage": 70.0}, self.stage.frame)
            super().close()

    register(Reporter, "Accident")
    result = drive(session, [start, ahead(start, 40.0)], [scenario("Accident", start)], ego=blind(10.0))
    assert result.event_types == {EventType.YIELD_TO_EMERGENCY_VEHICLE}


class Crashing(Blind):
    """An agent that fails while a scenario runs."""

    def run_step(self, input_data, timestamp):
        if timestamp > 1.0:
            raise ValueError("bad input")
        return super().run_step(input_data, timestamp)


def test_a_crash_of_the_agent_leaves_nothing(highway, register):
    session, start = highway
    register(Convoy, "Accident")
    result = drive(session, [start, ahead(start, 80.0)], [scenario("Accident", start)], ego=lambda: Crashing(10.0))
    assert result.run.failure == "Agent crashed"
    assert not result.stage.pool.actors
