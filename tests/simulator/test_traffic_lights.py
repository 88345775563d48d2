"""Light groups: the cycle, overrides, timers, freezing."""

import numpy as np
import pytest

from lead.simulator.world.layout import LightState
from lead.simulator.world.world import World


def lights_of_group(world: World, group: int) -> np.ndarray:
    return np.flatnonzero(world.lights._group_of_light == group)


def states(world: World, rows: np.ndarray) -> list[int]:
    return world.lights.table.records["light"][rows].tolist()


def run(world: World, seconds: float, dt_s: float = 0.05) -> None:
    for _ in range(round(seconds / dt_s)):
        world.lights.step(dt_s)


def test_group_cycles_green_yellow_gap_and_then_hands_over(town01: World) -> None:
    rows = lights_of_group(town01, 0)
    members = len(rows)
    assert members == 3
    seen = []
    for _ in range(round(15.0 * members / 0.05)):
        seen.append(tuple(states(town01, rows)))
        town01.lights.step(0.05)
    assert all(sum(state != LightState.RED for state in row) <= 1 for row in seen)
    for k in range(members):
        column = [row[k] for row in seen]
        assert column.count(LightState.GREEN) == pytest.approx(200, abs=1)
        assert column.count(LightState.YELLOW) == pytest.approx(60, abs=1)
    gap = [all(state == LightState.RED for state in row) for row in seen]
    assert sum(gap) == pytest.approx(40 * members, abs=members)
    assert tuple(states(town01, rows)) == seen[0], "one full cycle later it looks the same"


def test_all_groups_start_with_exactly_one_green_controller(town10: World) -> None:
    lights = town10.lights
    for group in range(int(lights._group_of_light.max()) + 1):
        rows = lights_of_group(town10, group)
        green = {int(c) for c in lights._controller[rows[np.array(states(town10, rows)) == LightState.GREEN]]}
        assert len(green) == 1, group


def test_elapsed_time_counts_since_the_colour_changed(town01: World) -> None:
    rows = lights_of_group(town01, 0)
    green = rows[np.array(states(town01, rows)) == LightState.GREEN][0]
    run(town01, 10.5)
    record = town01.lights.table.records[green]
    assert record["light"] == LightState.YELLOW
    assert record["elapsed_s"] == pytest.approx(0.5, abs=0.06)


def test_override_lasts_until_the_next_transition(town01: World) -> None:
    rows = lights_of_group(town01, 0)
    actor = town01.lights.table.actors[rows[0]]
    town01.lights.set_state(actor, LightState.OFF)
    run(town01, 9.0)
    assert states(town01, rows[:1]) == [LightState.OFF]
    run(town01, 1.1)
    assert states(town01, rows[:1]) != [LightState.OFF]


def test_times_are_shared_by_the_controller_and_change_the_stage_under_way(town01: World) -> None:
    rows = lights_of_group(town01, 0)
    green = rows[np.array(states(town01, rows)) == LightState.GREEN][0]
    actor = town01.lights.table.actors[green]
    run(town01, 1.0)
    town01.lights.set_time(actor, 0, 2.0)
    town01.lights.set_time(actor, 1, 6.0)
    run(town01, 0.9)
    assert states(town01, np.array([green])) == [LightState.GREEN]
    run(town01, 0.2)
    assert states(town01, np.array([green])) == [LightState.YELLOW], "the new length counts from the stage's start"
    run(town01, 5.8)
    assert states(town01, np.array([green])) == [LightState.YELLOW]
    assert town01.lights.table.records["yellow_s"][green] == 6.0


def test_very_long_stages_hold_the_lights_of_a_junction(town01: World) -> None:
    # scenario_runner's TrafficLightFreezer: chosen colours, then all times long; later everything back.
    lights, rows = town01.lights, lights_of_group(town01, 0)
    run(town01, 4.0)
    wanted = [LightState.RED] * (len(rows) - 1) + [LightState.GREEN]
    for row, state in zip(rows, wanted, strict=True):
        actor = lights.table.actors[row]
        lights.set_state(actor, state)
        for stage in range(3):
            lights.set_time(actor, stage, 10_000.0)
    run(town01, 60.0)
    assert states(town01, rows) == wanted
    for row in rows:
        for stage, seconds in enumerate((10.0, 3.0, 2.0)):
            lights.set_time(lights.table.actors[row], stage, seconds)
    run(town01, 0.1)
    assert sorted(states(town01, rows)) == [LightState.RED] * (len(rows) - 1) + [LightState.YELLOW], "long overdue"
    run(town01, 2.8)
    assert LightState.YELLOW in states(town01, rows), "the yellow stage is not cut short by the overrun"
    run(town01, 0.2)
    assert set(states(town01, rows)) == {LightState.RED}


def test_freeze_stops_one_group_and_freeze_all_every_group(town01: World) -> None:
    first, second = lights_of_group(town01, 0), lights_of_group(town01, 1)
    before = states(town01, first), states(town01, second)
    town01.lights.freeze(town01.lights.table.actors[first[0]], True)
    run(town01, 11.0)
    assert states(town01, first) == before[0]
    assert states(town01, second) != before[1]
    town01.lights.freeze_all(True)
    held = states(town01, second)
    run(town01, 60.0)
    assert states(town01, second) == held
    assert town01.lights.table.records["frozen"].all()


def test_reset_restarts_every_group_green(town01: World) -> None:
    start = town01.lights.table.records["light"].tolist()
    run(town01, 23.0)
    assert town01.lights.table.records["light"].tolist() != start
    town01.lights.reset_all()
    assert town01.lights.table.records["light"].tolist() == start


def test_zero_length_stage_does_not_hang_or_skip_the_others(town01: World) -> None:
    rows = lights_of_group(town01, 0)
    for row in rows:
        town01.lights.set_time(town01.lights.table.actors[row], 2, 0.0)
    run(town01, 60.0)
    assert sum(state != LightState.RED for state in states(town01, rows)) <= 1
