"""Holding the expert's car: when, for how long, and what is recorded meanwhile."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from lead.dataset.layout import find_routes
from lead.dataset.reader import RouteReader
from lead.expert.forward_models import TICK_S
from lead.expert.hesitation import HOLD_S, START_S, Hesitation
from lead.maps.towns import installed_towns

ROUTE = """<routes><route id="straight" town="Town01"><waypoints><position x="88.4" y="235" z="0.0"/>
<position x="88.4" y="265" z="0.0"/></waypoints></route></routes>"""


class Car:
    """A car that reaches 8 m/s in two seconds and stands within one."""

    def __init__(self, seed):
        self.hesitation = Hesitation(np.random.default_rng(seed))
        self.speed_mps = 0.0

    def step(self, junction_ahead_m=math.inf, *, wants_to_drive=True, is_busy=False):
        is_held = self.hesitation.holds(
            self.speed_mps, junction_ahead_m, wants_to_drive=wants_to_drive, is_busy=is_busy
        )
        change = 0.2 if wants_to_drive and not is_held else -0.4
        self.speed_mps = min(max(self.speed_mps + change, 0.0), 8.0)
        return is_held

    def drive_off(self):
        while self.speed_mps < 8.0:
            self.step(is_busy=True)
        return self


def lengths_s(flags):
    """Durations of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(flags, int), [0]])))
    return (edges[1::2] - edges[::2]) * TICK_S


def test_a_route_begins_with_a_hold_that_ends():
    first_s = []
    for seed in range(50):
        car, ticks = Car(seed), 0
        while car.step(is_busy=True):
            ticks += 1
        first_s.append(ticks * TICK_S)
    assert (
        max(first_s) <= START_S[1] + TICK_S and min(first_s) < 0.3 and np.mean(first_s) == pytest.approx(1.0, abs=0.3)
    )


def test_stops_on_a_free_road_are_as_many_and_as_long_as_promised():
    car = Car(1).drive_off()
    track = [(car.step(), car.speed_mps) for _ in range(int(1800 / TICK_S))]
    held, speeds = (np.array(column) for column in zip(*track, strict=True))
    stops = lengths_s(held)
    assert 35 <= len(stops) <= 75, "about one in half a minute of driving"
    standing_s = lengths_s(held & (speeds < 0.1))
    assert len(standing_s) == len(stops), "every hold comes to a standstill"
    assert standing_s.min() >= HOLD_S[0] - 2 * TICK_S and standing_s.max() <= HOLD_S[1] + 2 * TICK_S


@pytest.mark.parametrize("place", [{"junction_ahead_m": 12.0}, {"is_busy": True}])
def test_a_car_that_has_something_else_to_do_is_not_stopped(place):
    car = Car(2).drive_off()
    assert not any(car.step(**place) for _ in range(20_000))


def test_half_of_the_times_it_could_drive_off_it_is_held_and_never_while_it_must_wait():
    car, held = Car(3).drive_off(), 0
    for _ in range(200):
        assert not any(car.step(wants_to_drive=False) for _ in range(60))
        held += car.step(is_busy=True)
        car.drive_off()
    assert 75 <= held <= 125


@pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed")
@pytest.mark.slow
def test_the_record_keeps_what_the_expert_wants(tmp_path):
    (tmp_path / "straight.xml").write_text(ROUTE)
    words = ["collect", str(tmp_path / "straight.xml"), "--out", str(tmp_path / "out"), "--traffic", "0"]
    environment = {**os.environ, "LEAD_EXPERT_CONFIG": "hesitate=true"}
    done = subprocess.run(
        [sys.executable, "-m", "lead", *words],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    (place,) = find_routes(tmp_path / "out")
    reader = RouteReader(place.folder)
    assert reader.why_unusable() is None
    metas = [reader.meta(frame) for frame in reader.frames]
    standing = [meta for meta in metas if meta["speed"] < 0.05]
    assert len(standing) >= 2, "held at the beginning"
    assert all(meta["target_speed"] > 5.0 and not meta["brake"] and meta["throttle"] > 0.0 for meta in standing)
