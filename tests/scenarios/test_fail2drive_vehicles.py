"""Fail2Drive's vehicles: a plain one that does not give way, and cars that brake without brake lights."""

import carla
import pytest
from passing_support import built, seconds_between
from scenario_support import ahead, autopilot, blind, drive, lane, make_stage, map_only, scenario

from lead.scenarios.families.fail2drive_vehicles import DarkBrakeLights
from lead.scenarios.lane_tools import sink_point
from lead.scenarios.messages import StartFrontVehicles, StopFrontVehicles
from lead.scoring.penalties import EventType

TOWN = "Town07"
PRIORITY, RED = "NormalVehicleTakingPriority", "NormalVehicleRunningRedLight"
BRAKE = int(carla.VehicleLightState.Brake)


def site(kind):
    """Trigger and key points at a crossing of four roads, with lights if the class needs them."""
    entry = lane(map_only(TOWN), *((-90.9, 53.5) if kind == RED else (-148.9, -26.3)))
    return entry.previous(40.0)[0], [entry.previous(60.0)[0], entry, sink_point(entry, 0, 40.0)[0]]


@pytest.mark.parametrize(
    ("kind", "direction"), [(PRIORITY, "left"), pytest.param(RED, "right", marks=pytest.mark.slow)]
)
def test_plain_vehicle_crosses_when_the_ego_comes(town, kind, direction):
    trigger, places = site(kind)
    config = scenario(kind, trigger, direction=direction, vehicle="vehicle.ford.crown")
    lights = []

    def look(done):
        vehicle = done.scenario_of[config.name].actors[0]
        if done.phases[config.name].triggered and not lights:
            lights.append(int(vehicle.get_light_state()))
        return done.phases[config.name].ended is not None

    done = drive(town(TOWN), places, [config], ego=autopilot, until=look, max_s=60.0)
    (vehicle,) = done.actors("vehicle.")
    assert done.kinds[vehicle].type_id == "vehicle.ford.crown"
    assert lights == [0]
    speeds = sorted(motion.speed_mps for _, motion in done.track(vehicle))
    assert speeds[-5] == pytest.approx(60.0 / 3.6, abs=0.5)
    assert done.scenario_of[config.name].record.name == kind
    assert EventType.COLLISION_VEHICLE not in done.event_types


@pytest.mark.slow
def test_a_driver_that_does_not_look_hits_it(town):
    trigger, places = site(PRIORITY)
    hit = set()
    for direction in ("left", "right"):
        config = scenario(PRIORITY, trigger, direction=direction, vehicle="vehicle.volkswagen.t2_2021")
        hit |= drive(town(TOWN), places, [config], ego=blind(11.0), max_s=25.0).event_types
    assert EventType.COLLISION_VEHICLE in hit


def test_any_vehicle_is_neither_a_bicycle_nor_of_the_emergency_services(town):
    trigger, _ = site(PRIORITY)
    kinds = set()
    with make_stage(town(TOWN), trigger) as bench:
        for number in range(12):
            made, _ = built(bench, scenario(PRIORITY, trigger), number)
            attributes = made._vehicle.attributes
            assert attributes["base_type"] != "bicycle" and attributes["special_type"] != "emergency"
            kinds.add(made._vehicle.type_id)
            made.close()
            bench.step()
    assert len(kinds) > 4


def test_brake_lights_go_out_and_others_stay(town):
    session = town("Town01")
    start = lane(session.map, 101.0, 133.0)
    with make_stage(session, start) as bench:
        blueprint = session.world.get_blueprint_library().find("vehicle.tesla.model3")
        car = session.world.spawn_actor(blueprint, ahead(start, 20.0).transform)
        try:
            bench.step()
            car.set_light_state(carla.VehicleLightState(BRAKE | int(carla.VehicleLightState.LowBeam)))
            bench.step()
            assert int(car.get_light_state()) & BRAKE
            node = DarkBrakeLights(bench.stage)
            bench.step(2, node.tick_once)
            assert int(car.get_light_state()) == int(carla.VehicleLightState.LowBeam)
        finally:
            car.destroy()


@pytest.mark.slow
def test_cars_ahead_brake_without_brake_lights(town):
    session = town("Town04")
    trigger = lane(session.map, -511.0, 197.3)
    places = [trigger.previous(60.0)[0], ahead(trigger, 250.0)]
    name, lit = "HardBrakeNoLights_1", []

    def look(done):
        phases = done.phases[name]
        if phases.triggered is not None and phases.ended is None and not done.posted(StartFrontVehicles):
            states = session.world.get_vehicles_light_states()
            lit.append(sum(bool(int(state) & BRAKE) for state in states.values()))
        return phases.ended is not None

    done = drive(session, places, [scenario("HardBrakeNoLights", trigger)], ego=autopilot, traffic="bubble", until=look)
    stop, start = (
        next(tick for tick, message in done.messages if isinstance(message, kind))
        for kind in (StopFrontVehicles, StartFrontVehicles)
    )
    assert seconds_between(done, stop, start) == pytest.approx(10.05, abs=0.1)
    assert len(lit) > 150
    assert max(lit[10:]) == 0
    assert not done.event_types - {EventType.MIN_SPEED_INFRACTION}


@pytest.mark.slow
def test_a_driver_that_does_not_brake_hits_the_car_ahead(town):
    session = town("Town04")
    trigger = lane(session.map, -511.0, 197.3)
    places = [trigger.previous(60.0)[0], ahead(trigger, 200.0)]
    done = drive(
        session, places, [scenario("HardBrakeNoLights", trigger)], ego=blind(12.0), traffic="bubble", max_s=25.0
    )
    assert EventType.COLLISION_VEHICLE in done.event_types
