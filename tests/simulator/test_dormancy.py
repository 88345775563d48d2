"""Dormant actors: only in large towns, only with a hero, and only beyond the active distance."""

from dataclasses import replace

import numpy as np
import pytest

from lead.simulator.world.actors import Actor
from lead.simulator.world.layout import ActorState
from lead.simulator.world.world import World

MKZ = "vehicle.lincoln.mkz_2020"


@pytest.fixture
def large(town01: World) -> World:
    """Town01 under the name of a large map, so that the rule applies without loading one."""
    town01.load(_renamed(town01, "Town13"))
    town01.settings.actor_active_distance_m = 100.0
    return town01


def _renamed(world: World, name: str):
    return replace(world.town, name=name)


def spawn(world: World, index: int, role: str = "autopilot") -> Actor:
    row = world.town.spawn_points[index]
    actor = world.spawn(MKZ, [["role_name", role]], row[:3], row[3:])
    world.fleet.table.records["control"]["throttle"][actor.row] = 0.6
    return actor


def far_from(world: World, index: int) -> int:
    points = world.town.spawn_points[:, :2]
    return int(np.argmax(np.linalg.norm(points - points[index], axis=1)))


def state(world: World, actor: Actor) -> int:
    return int(world.fleet.table.records["state"][actor.row])


def test_far_vehicle_sleeps_and_wakes_when_the_hero_comes(large: World) -> None:
    hero, other = spawn(large, 0, "hero"), spawn(large, far_from(large, 0))
    spot = large.fleet.column("position")[other.row].copy()
    for _ in range(20):
        large.tick(0.05)
    assert state(large, hero) == ActorState.ACTIVE and state(large, other) == ActorState.DORMANT
    assert np.array_equal(large.fleet.column("position")[other.row], spot), "no physics while asleep"
    near = spot + np.array([10.0, 0.0, 0.0])
    large.set_pose(hero, near, None)
    for _ in range(20):
        large.tick(0.05)
    assert state(large, other) == ActorState.ACTIVE
    assert not np.array_equal(large.fleet.column("position")[other.row], spot)


def test_without_a_hero_and_in_small_towns_nothing_sleeps(large: World) -> None:
    others = [spawn(large, 0), spawn(large, far_from(large, 0))]
    large.tick(0.05)
    assert [state(large, actor) for actor in others] == [ActorState.ACTIVE] * 2
    large.load(_renamed(large, "Town01"))
    others = [spawn(large, 0, "hero"), spawn(large, far_from(large, 0))]
    large.tick(0.05)
    assert [state(large, actor) for actor in others] == [ActorState.ACTIVE] * 2


def test_everybody_wakes_when_the_hero_is_gone(large: World) -> None:
    hero, other = spawn(large, 0, "hero"), spawn(large, far_from(large, 0))
    large.tick(0.05)
    assert state(large, other) == ActorState.DORMANT
    large.destroy(hero.id)
    large.tick(0.05)
    assert state(large, other) == ActorState.ACTIVE


def test_sensors_of_a_sleeping_vehicle_are_silent(large: World) -> None:
    spawn(large, 0, "hero")
    other = spawn(large, far_from(large, 0))
    large.spawn("sensor.other.gnss", [], np.zeros(3), np.zeros(3), other.id)
    large.tick(0.05)
    assert list(large.measurements(lambda stream: True, lambda *event: b"")) == []
