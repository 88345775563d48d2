"""Moves an ego along public routes and looks whether every scenario is built, triggered and taken down.

The ego does not drive: it is put forward along the dense route in every tick, through whatever stands there, so that
hundreds of routes take minutes. There is no agent, no sensor, no criterion and no background traffic.
"""

import collections
import faulthandler
import itertools
import logging
import math
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import carla
import numpy as np
from public_left_outs import BESIDE_THE_ROUTE, LEFT_OUT, ON_THE_ROUTE
from scenario_support import Switches, no_traffic

from lead.evaluation.world_setup import TICK_S, ActorSet, SimulationSession
from lead.maps.towns import installed_towns
from lead.routes.catalogue import benchmark_route_files
from lead.routes.model import Route, ScenarioConfig
from lead.routes.planner import DenseRoute, RoutePlanner
from lead.routes.reader import read_routes
from lead.routes.scenarios import matched_scenarios, trigger_offset
from lead.scenarios.context import ScenarioContext
from lead.scenarios.engine import Engine
from lead.scoring.profiles import profile
from lead.simulator.launch import EmbeddedServer, free_port

SHARED = Path(__file__).resolve().parents[2] / "../shared"
SPEED_MPS = 15.0
BEFORE_M, AFTER_M = 20.0, 100.0
"""The ego moves at its speed from so far before a trigger to so far after it,"""
HURRY_M = 4.0
"""and by this distance per tick elsewhere; the engine follows up to 5 m."""
TOWN13_M = 1000.0
"""So much of the very long routes is driven."""
LARGE = ("Town12", "Town13")
FLOWS = {
    *("EnterActorFlow", "EnterActorFlowV2", "MergerIntoSlowTraffic", "MergerIntoSlowTrafficV2"),
    *("HighwayExit", "InterurbanActorFlow", "InterurbanAdvancedActorFlow", "ParkingExit"),
    *("SignalizedJunctionLeftTurn", "NonSignalizedJunctionLeftTurn", "CrossJunctionDefectTrafficLight"),
    *("SignalizedJunctionLeftTurnEnterFlow", "NonSignalizedJunctionLeftTurnEnterFlow"),
    *("SignalizedJunctionRightTurn", "NonSignalizedJunctionRightTurn"),
}
"""Classes whose cars the Traffic Manager drives."""
ANSWER_S = 120.0
STUCK_S = 300.0
"""The process ends when a tick takes so long: a Traffic Manager that goes in circles fills the memory until then."""


@dataclass(frozen=True, eq=False)
class Item:
    """A route to drive.

    Attributes:
        label: Set, folder and file.
        rules: Name of the profile.
        route: The route.
        length_m: How far to go.
    """

    label: str
    rules: str
    route: Route
    length_m: float = math.inf


@dataclass
class Tally:
    """What happened to the scenarios of some routes.

    Attributes:
        failures: Class, route and reason.
        left_out: The same of scenarios whose place does not fit: the engine leaves them out with a warning.
        counts: Of scenarios by class: "on the route", "built", "triggered", "ended by itself", "not on the route".
        ticks: Ticks in all.
        wall_s: Time by town.
    """

    failures: list[tuple[str, str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str, str]] = field(default_factory=list)
    counts: dict[str, collections.Counter] = field(default_factory=lambda: collections.defaultdict(collections.Counter))
    ticks: int = 0
    wall_s: dict[str, float] = field(default_factory=dict)

    def table(self) -> str:
        """Failures by class and reason, with the number of cases and one of the routes."""
        lines = [f"{len(self.failures)} failures", *_grouped(self.failures)]
        return "\n".join([*lines, f"{len(self.left_out)} left out", *_grouped(self.left_out)])

    def left_out_counts(self) -> dict[tuple[str, str, str], int]:
        """How many scenarios were left out, by class, reason with its numbers taken out, and route."""
        return dict(
            collections.Counter((kind, _without_numbers(reason), label) for kind, label, reason in self.left_out)
        )

    def numbers(self, column: str) -> collections.Counter:
        """One of the numbers of :attr:`counts` by class, where it is not 0."""
        return collections.Counter({kind: count[column] for kind, count in self.counts.items() if count[column]})

    def summary(self) -> str:
        """Numbers by class."""
        columns = ("on the route", "built", "triggered", "ended by itself", "not on the route")
        lines = [f"{'class':<44}" + "".join(f"{column:>18}" for column in columns)]
        for kind, count in sorted(self.counts.items()):
            lines.append(f"{kind:<44}" + "".join(f"{count[column]:>18}" for column in columns))
        times = ", ".join(f"{town} {seconds:.0f} s" for town, seconds in self.wall_s.items())
        return "\n".join([*lines, f"{self.ticks} ticks; {times}"])


def _grouped(cases: list[tuple[str, str, str]]) -> list[str]:
    groups = collections.defaultdict(list)
    for kind, label, reason in cases:
        groups[kind, _without_numbers(reason)].append((label, reason))
    lines = []
    for (kind, _), found in sorted(groups.items()):
        label, reason = found[0]
        lines.append(f"{len(found):>4}  {kind:<42} {reason}  (such as {label})")
    return lines


def _without_numbers(text: str) -> str:
    return re.sub(r"-?\d+(\.\d+)?", "#", text)


def public_items() -> list[Item]:
    """All public routes with scenarios, by town."""
    items = []
    for name in ("bench2drive", "longest6", "town13"):
        length_m = TOWN13_M if name == "town13" else math.inf
        for path in benchmark_route_files(name, SHARED):
            items.append(Item(f"{name}/{path.stem}", name, read_routes(path)[0], length_m))
    folder = SHARED / "data/data_routes"
    for path in sorted(folder.rglob("*.xml")):
        for route in read_routes(path):
            items.append(Item(f"{path.relative_to(folder)}#{route.id}", "leaderboard", route))
    # From the first flow on the Traffic Manager makes every tick several times slower: routes without come first.
    return sorted(
        (item for item in items if item.route.scenarios), key=lambda item: (item.route.town, has_flow(item.route))
    )


def has_flow(route: Route) -> bool:
    """Whether a scenario hands cars to the Traffic Manager."""
    return any(scenario.type in FLOWS for scenario in route.scenarios)


def one_per_class(items: list[Item]) -> list[Item]:
    """The first route of every class."""
    chosen = {}
    for item in items:
        for scenario in item.route.scenarios:
            chosen.setdefault(scenario.type, item)
    return [item for item in items if item in chosen.values()]


def sweep(items: Iterable[Item], traffic=no_traffic) -> Tally:
    """Drive routes, with one simulator per town."""
    tally = Tally()
    for town, routes in itertools.groupby(items, lambda item: item.route.town):
        group = list(routes)
        if town not in installed_towns():
            reason = f"{town} is not installed: lead towns install {town}"
            tally.failures += [("(town)", item.label, reason) for item in group]
            continue
        start_s = time.monotonic()
        with (
            EmbeddedServer(free_port(3), town, synchronous=True) as server,
            SimulationSession(server.port, free_port(1), seed=0, timeout_s=ANSWER_S) as session,
        ):
            session.load_town(town)
            planner = RoutePlanner(session.map)
            for item in group:
                Passage(session, item, planner.trace(item.route.keypoints), tally, traffic).run()
        tally.wall_s[town] = time.monotonic() - start_s
    return tally


def check(tally: Tally, group: str) -> None:
    """Print what happened, and compare it with the table of a large town or, with "", of all others."""
    print(tally.table(), tally.summary(), sep="\n")
    assert not tally.failures, tally.table()
    assert tally.left_out_counts() == LEFT_OUT[group]
    assert tally.numbers("on the route").total() == ON_THE_ROUTE[group]
    assert tally.numbers("not on the route") == BESIDE_THE_ROUTE[group]


class SweepEngine(Engine):
    """The engine, with a note of what happened to each scenario; one that fails in a tick does not end the others."""

    def __init__(self, traffic, fail):
        super().__init__(traffic)
        self._fail = fail
        self.built, self.triggered, self.ended = set(), set(), set()

    def _build(self, number, config):
        try:
            super()._build(number, config)
        except Exception as error:
            self._fail(config.type, f"the building raises {error!r}")
            raise
        if any(each.config is config for each in self.scenarios):
            self.built.add(config.name)

    def _step(self, running):
        config = running.scenario.config
        self.triggered.add(config.name)
        try:
            super()._step(running)
        except Exception as error:
            self._fail(config.type, f"a tick raises {error!r}")
            self._running.remove(running)
            running.scenario.close()
        else:
            if running not in self._running:
                self.ended.add(config.name)


class LeftOut(logging.Handler):
    """Collects which scenarios the engine leaves out, and why."""

    def __init__(self):
        super().__init__()
        self.reasons: dict[str, str] = {}

    def emit(self, record):
        if "is left out" in record.msg and record.args:
            name, reason = record.args
            self.reasons[str(name)] = str(reason)


class Passage:
    """One route."""

    def __init__(self, session: SimulationSession, item: Item, dense: DenseRoute, tally: Tally, traffic) -> None:
        self._session, self._item, self._dense, self._tally = session, item, dense, tally
        self._traffic = traffic
        self._switches = Switches()

    def run(self) -> None:
        session, item, counts = self._session, self._item, self._tally.counts
        actors_before, lights_before = {actor.id for actor in session.world.get_actors()}, self._lights()
        kept, dropped = matched_scenarios(item.route, self._dense)
        last = int(min(len(self._dense) - 1, item.length_m))
        expected = [config for config in kept if trigger_offset(config.trigger, self._dense).index <= last]
        ego = ActorSet(session).spawn_ego(self._dense)
        session.tick()
        engine = SweepEngine(self._traffic, self._fail)
        left_out = LeftOut()
        logger = logging.getLogger("lead.scenarios.engine")
        logger.setLevel(logging.WARNING)
        logger.addHandler(left_out)
        try:
            self._drive(engine, ego, kept, last)
        except Exception as error:
            self._fail("(engine)", f"raises {error!r}")
        finally:
            faulthandler.cancel_dump_traceback_later()
            logger.removeHandler(left_out)
            engine.close()
            ego.destroy()
            session.tick()
        for config in expected:
            self._judge(config, engine, left_out.reasons)
            counts[config.type]["on the route"] += 1
        for config in dropped:
            counts[config.type]["not on the route"] += 1
        self._look_around(engine, actors_before, lights_before)

    def _drive(self, engine: SweepEngine, ego: carla.Vehicle, kept: list[ScenarioConfig], last: int) -> None:
        session, dense = self._session, self._dense
        engine.start(
            ScenarioContext(
                client=session.client,
                world=session.world,
                map=session.map,
                ego=ego,
                route=self._item.route,
                dense=dense,
                scenarios=kept,
                criteria=self._switches,
                profile=profile(self._item.rules),
                traffic_manager=lambda: session.traffic_manager,
                seed=0,
            )
        )
        ego.set_simulate_physics(False)
        triggers = np.array([trigger_offset(config.trigger, dense).index for config in kept])
        place, time_s = 0.0, 0.0
        while place < last:
            ego.set_transform(self._pose(place))
            time_s += TICK_S
            faulthandler.dump_traceback_later(STUCK_S, exit=True)
            view = SimpleNamespace(frame=session.tick(), time_s=time_s, ego=SimpleNamespace(speed_mps=SPEED_MPS))
            engine.tick(view, carla.VehicleControl())
            self._tally.ticks += 1
            is_near = ((triggers > place - AFTER_M) & (triggers < place + BEFORE_M)).any()
            place += SPEED_MPS * TICK_S if is_near else HURRY_M

    def _pose(self, place: float) -> carla.Transform:
        """Pose between two route points, which are about a metre apart."""
        xyz, index = self._dense.xyz, int(place)
        x, y, z = xyz[index] + (place - index) * (xyz[min(index + 1, len(xyz) - 1)] - xyz[index])
        yaw_deg = math.degrees(self._dense.yaw_rad[index])
        return carla.Transform(carla.Location(float(x), float(y), float(z)), carla.Rotation(yaw=yaw_deg))

    def _judge(self, config: ScenarioConfig, engine: SweepEngine, left_out: dict[str, str]) -> None:
        count = self._tally.counts[config.type]
        steps = (("built", engine.built), ("triggered", engine.triggered), ("ended by itself", engine.ended))
        for word, names in steps:
            count[word] += config.name in names
        if config.name in left_out:
            reason = left_out[config.name].removeprefix(f"{config.name}: ")
            self._tally.left_out.append((config.type, self._item.label, reason))
        elif config.name not in engine.built:
            self._fail(config.type, "is not built")
        elif config.name not in engine.triggered:
            self._fail(config.type, "is not triggered")

    def _lights(self) -> dict[int, tuple[bool, float, float, float]]:
        """Of every traffic light whether it is frozen, and its times."""
        lights = self._session.world.get_actors().filter("traffic.traffic_light*")
        return {
            light.id: (light.is_frozen(), light.get_green_time(), light.get_yellow_time(), light.get_red_time())
            for light in lights
        }

    def _look_around(self, engine: SweepEngine, actors_before: set[int], lights_before: dict) -> None:
        """Nothing may be left; what is left must not disturb the next route."""
        kinds = "+".join(sorted({config.type for config in self._item.route.scenarios}))
        if self._switches.blocked_paused:
            self._fail(kinds, "leaves the standstill criterion paused")
        if engine.scenarios or engine.active.records:
            self._fail(kinds, "leaves scenarios behind")
        if self._lights() != lights_before:
            self._fail(kinds, "leaves traffic lights frozen or with other times")
        left = [actor for actor in self._session.world.get_actors() if actor.id not in actors_before]
        if left:
            names = collections.Counter(actor.type_id for actor in left)
            self._fail(kinds, f"leaves actors behind: {dict(names)}")
            for actor in left:
                actor.destroy()
            self._session.tick()

    def _fail(self, kind: str, reason: str) -> None:
        self._tally.failures.append((kind, self._item.label, reason))
