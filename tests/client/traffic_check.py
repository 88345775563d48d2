"""Lets the client's Traffic Manager drive many cars and measures what they do wrong, from snapshots and the map alone.

A module for test_traffic_manager.py and a script for tuning vehicle dynamics::

    python tests/client/traffic_check.py PORT TOWN VEHICLES SECONDS [BLUEPRINTS [SEED]]

``BLUEPRINTS`` is ``cars`` (default) or ``all`` (every vehicle). Three things are violations:

lane      a vehicle's centre is more than 0.5 m outside its lane: its lateral distance to the centre of the nearest
          driving lane, or of a driving lane beside it, exceeds half that lane's width by more than that
overlap   two bounding boxes penetrate each other by more than 5 cm
red       a vehicle's front crosses the entry of a junction later than 1 s after its light turned red
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field

import carla
import numpy as np
from client_support import STEP_S, TrafficManagerWaker, connect, free_port, is_open, tick
from numpy.typing import NDArray

LANE_TOLERANCE_M = 0.5
OVERLAP_TOLERANCE_M = 0.05
RED_TOLERANCE_S = 1.0
SETTLE_TICKS = 20
STUCK_M = 5.0
_SAME_LINE_M = 0.5
_SAME_LEVEL_M = 3.0
_RELEASE_TICKS = 2

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Violation:
    """One violation over its whole duration, with the worst amount (metres, or seconds into red)."""

    kind: str
    first_tick: int
    last_tick: int
    amount: float
    vehicles: tuple[int, ...]
    types: tuple[str, ...]
    x: float
    y: float
    z: float
    speed: float
    detail: str = ""


@dataclass
class Report:
    """Outcome of one run."""

    town: str
    vehicles: int
    seconds: float
    violations: list[Violation] = field(default_factory=list)
    way_m: float = 0.0
    stuck: int = 0
    crossings: int = 0
    worst_lane_m: float = -math.inf
    worst_lane_at: str = ""
    worst_overlap_m: float = 0.0
    ticks_per_s: float = 0.0
    setup_s: float = 0.0

    def count(self, kind: str) -> int:
        """Number of violations of one kind."""
        return sum(violation.kind == kind for violation in self.violations)


@dataclass
class Bodies:
    """Boxes of all vehicles in one snapshot, in the plane: centres (n, 2), yaw, half sizes (n, 2), origins (n, 3)."""

    origin: Array
    yaw: Array
    center: Array
    half: Array
    speed: Array

    @property
    def front(self) -> Array:
        """Middle of the front edge, (n, 2)."""
        heading = np.column_stack([np.cos(self.yaw), np.sin(self.yaw)])
        return self.center + heading * self.half[:, :1]


def penetration(bodies: Bodies) -> list[tuple[int, int, float]]:
    """Pairs of overlapping boxes and the least way that would part them."""
    radius = np.hypot(bodies.half[:, 0], bodies.half[:, 1])
    gap = bodies.center[:, None] - bodies.center[None]
    near = np.hypot(gap[..., 0], gap[..., 1]) < radius[:, None] + radius[None]
    near &= np.abs(bodies.origin[:, None, 2] - bodies.origin[None, :, 2]) < _SAME_LEVEL_M
    pairs = []
    for i, j in zip(*np.nonzero(np.triu(near, 1)), strict=True):
        depth = _depth(bodies, int(i), int(j))
        if depth > 0.0:
            pairs.append((int(i), int(j), depth))
    return pairs


def _depth(bodies: Bodies, i: int, j: int) -> float:
    """Smallest overlap of two boxes over the four separating axes; negative when they are apart."""
    axes = np.array(
        [[math.cos(yaw + turn), math.sin(yaw + turn)] for yaw in bodies.yaw[[i, j]] for turn in (0.0, math.pi / 2)]
    )
    spans = axes @ axes[:2].T, axes @ axes[2:].T
    reach = np.abs(spans[0]) @ bodies.half[i] + np.abs(spans[1]) @ bodies.half[j]
    return float((reach - np.abs(axes @ (bodies.center[i] - bodies.center[j]))).min())


class StopLines:
    """Entries of the junctions that a light controls, one per lane, and how long each light has been red."""

    def __init__(self, lights: list[carla.TrafficLight]) -> None:
        """Find the lines: each light's stop waypoints, moved on to the end of their lane before the junction."""
        self._lights = lights
        self._red_s = np.zeros(len(lights))
        rows = []
        for index, light in enumerate(lights):
            for stop in light.get_stop_waypoints():
                waypoint = stop
                for _ in range(40):
                    following = waypoint.next(_SAME_LINE_M)
                    if not following or following[0].is_junction:
                        break
                    waypoint = following[0]
                pose = waypoint.transform
                place = pose.location
                yaw = math.radians(pose.rotation.yaw)
                rows.append((place.x, place.y, place.z, yaw, 0.5 * waypoint.lane_width, index))
        table = np.array(rows).reshape(-1, 6)
        self._place, self._z, self._yaw = table[:, :2], table[:, 2], table[:, 3]
        self._half_width, self._owner = table[:, 4], table[:, 5].astype(int)
        self._heading = np.column_stack([np.cos(self._yaw), np.sin(self._yaw)])

    def step(self, before: Bodies, after: Bodies) -> list[tuple[int, int, float]]:
        """Vehicles whose front crossed a line in this tick: vehicle, light, how long the light has been red, s."""
        red = np.array([light.get_state() == carla.TrafficLightState.Red for light in self._lights])
        self._red_s = np.where(red, self._red_s + STEP_S, 0.0)
        if not len(self._place):
            return []
        gap = after.front[:, None] - self._place[None]
        ahead = (gap * self._heading).sum(axis=2)
        ahead_before = ((before.front[:, None] - self._place[None]) * self._heading).sum(axis=2)
        side = gap[..., 1] * self._heading[:, 0] - gap[..., 0] * self._heading[:, 1]
        crossed = (ahead_before < 0.0) & (ahead >= 0.0) & (ahead < 3.0) & (np.abs(side) < self._half_width)
        crossed &= np.abs(after.origin[:, None, 2] - self._z) < _SAME_LEVEL_M
        crossed &= np.cos(after.yaw[:, None] - self._yaw) > 0.5
        return [
            (int(vehicle), int(self._owner[line]), float(self._red_s[self._owner[line]]))
            for vehicle, line in zip(*np.nonzero(crossed), strict=True)
        ]


def outside_of(lane: carla.Waypoint, x: float, y: float) -> float:
    """How far a point is outside a lane, metres; negative inside."""
    center = lane.transform.location
    return math.hypot(center.x - x, center.y - y) - 0.5 * float(lane.lane_width)


class Observer:
    """Watches vehicles tick by tick and gathers violations."""

    def __init__(self, world: carla.World, cars: list[carla.Vehicle], report: Report) -> None:
        """Read the vehicles' boxes and the town's stop lines."""
        self._world = world
        self._map = world.get_map()
        self._cars = cars
        self._report = report
        boxes = [car.bounding_box for car in cars]
        self._offset = np.array([[box.location.x, box.location.y] for box in boxes])
        self._half = np.array([[box.extent.x, box.extent.y] for box in boxes])
        lights = sorted(world.get_actors().filter("traffic.traffic_light"), key=lambda light: light.id)
        self._lines = StopLines(lights)
        self._lights = lights
        self._open: dict[tuple[str, tuple[int, ...]], Violation] = {}
        self._bodies = self._look()
        self._way = np.zeros(len(cars))

    def _look(self) -> Bodies:
        rows = []
        snapshot = self._world.get_snapshot()
        for car in self._cars:
            record = snapshot.find(car.id)
            pose, velocity = record.get_transform(), record.get_velocity()
            place = pose.location
            speed = math.hypot(velocity.x, velocity.y)
            rows.append((place.x, place.y, place.z, math.radians(pose.rotation.yaw), speed))
        table = np.array(rows)
        cos, sin = np.cos(table[:, 3]), np.sin(table[:, 3])
        shift = np.column_stack(
            [
                cos * self._offset[:, 0] - sin * self._offset[:, 1],
                sin * self._offset[:, 0] + cos * self._offset[:, 1],
            ]
        )
        return Bodies(table[:, :3], table[:, 3], table[:, :2] + shift, self._half, table[:, 4])

    def step(self, tick: int) -> None:
        """Look at the newest snapshot."""
        before, self._bodies = self._bodies, self._look()
        bodies = self._bodies
        self._way += np.hypot(*(bodies.origin - before.origin)[:, :2].T)
        for index in range(len(self._cars)):
            self._check_lane(tick, index)
        for i, j, depth in penetration(bodies):
            self._report.worst_overlap_m = max(self._report.worst_overlap_m, depth)
            if depth > OVERLAP_TOLERANCE_M:
                self._note("overlap", tick, depth, (i, j))
        for index, light, red_s in self._lines.step(before, bodies):
            self._report.crossings += 1
            if red_s > RED_TOLERANCE_S:
                detail = f"light {self._lights[light].id}"
                self._note("red", tick, red_s, (index,), detail)
        self._close(tick)

    def _check_lane(self, tick: int, index: int) -> None:
        x, y, z = self._bodies.origin[index].tolist()
        lane = self._map.get_waypoint(carla.Location(x, y, z))
        outside = outside_of(lane, x, y)
        if outside > 0.0:
            # Where a lane begins or ends it is a few centimetres wide and its centre may be nearer than that of the
            # full lane beside it, in which the vehicle drives.
            for beside in (lane.get_left_lane(), lane.get_right_lane()):
                if beside is not None and beside.lane_type == carla.LaneType.Driving:
                    outside = min(outside, outside_of(beside, x, y))
        worst = outside > self._report.worst_lane_m
        if not worst and outside <= LANE_TOLERANCE_M:
            return
        junction = " in junction" if lane.is_junction else ""
        detail = f"road {lane.road_id} lane {lane.lane_id}, width {lane.lane_width:.2f}{junction}"
        if worst:
            self._report.worst_lane_m = outside
            who = f"{self._cars[index].id} {self._cars[index].type_id}"
            self._report.worst_lane_at = f"({x:.1f}, {y:.1f}, {z:.1f}) tick {tick} {who} {detail}"
        if outside > LANE_TOLERANCE_M:
            self._note("lane", tick, outside, (index,), detail)

    def _note(self, kind: str, tick: int, amount: float, who: tuple[int, ...], detail: str = "") -> None:
        """Open a violation, or extend the one that is still going on."""
        known = self._open.get((kind, who))
        x, y, z = self._bodies.origin[who[0]].tolist()
        fresh = Violation(
            kind,
            known.first_tick if known else tick,
            tick,
            amount,
            tuple(self._cars[index].id for index in who),
            tuple(self._cars[index].type_id for index in who),
            x,
            y,
            z,
            float(self._bodies.speed[list(who)].max()),
            detail,
        )
        if known and known.amount >= amount:
            fresh = Violation(**{**asdict(known), "last_tick": tick})
        self._open[kind, who] = fresh

    def _close(self, tick: int) -> None:
        over = [key for key, violation in self._open.items() if violation.last_tick < tick - _RELEASE_TICKS]
        self._report.violations += [self._open.pop(key) for key in over]

    def finish(self) -> None:
        """Close what is still open and sum up."""
        self._report.violations += self._open.values()
        self._report.violations.sort(key=lambda violation: violation.first_tick)
        self._report.way_m = float(self._way.sum())
        self._report.stuck = int((self._way < STUCK_M).sum())


def blueprints(world: carla.World, kind: str) -> list[carla.ActorBlueprint]:
    """Vehicles to choose from, by id."""
    library = sorted(world.get_blueprint_library().filter("vehicle.*"), key=lambda blueprint: blueprint.id)
    if kind == "all":
        return library
    return [blueprint for blueprint in library if blueprint.get_attribute("base_type").as_str() == "car"]


def spawn(client: carla.Client, world: carla.World, count: int, kind: str, seed: int) -> list[carla.Vehicle]:
    """Put vehicles on random spawn points; fewer if the town has not enough of them."""
    dice = random.Random(seed)
    points = world.get_map().get_spawn_points()
    dice.shuffle(points)
    choice = blueprints(world, kind)
    cars: list[carla.Vehicle] = []
    while len(cars) < count and points:
        batch, points = points[: count - len(cars)], points[count - len(cars) :]
        commands = [carla.command.SpawnActor(dice.choice(choice), point) for point in batch]
        ids = [reply.actor_id for reply in client.apply_batch_sync(commands, False) if not reply.error]
        tick(world)
        cars += [world.get_actor(actor_id) for actor_id in ids]
    return cars


def run(port: int, town: str, count: int, seconds: float, kind: str = "cars", seed: int = 7) -> Report:
    """Load a town, let ``count`` vehicles drive and report.

    Raises:
        RuntimeError: If not enough vehicles find a place.
    """
    client = connect(port, 180.0)
    world = client.get_world()
    if world.get_map().name.split("/")[-1] != town:
        world = client.load_world(town, False)
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    started = time.monotonic()
    manager = client.get_trafficmanager(free_port())
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(seed)
    cars = spawn(client, world, count, kind, seed)
    report = Report(town, len(cars), seconds)
    waker = TrafficManagerWaker(manager.get_port()).__enter__()
    try:
        if len(cars) < count:
            raise RuntimeError(f"only {len(cars)} of {count} vehicles found a place in {town}")
        for _ in range(SETTLE_TICKS):
            tick(world)
        for car in cars:
            car.set_autopilot(True, manager.get_port())
        observer = Observer(world, cars, report)
        report.setup_s = time.monotonic() - started
        started = time.monotonic()
        for number in range(round(seconds / STEP_S)):
            tick(world)
            observer.step(number)
        report.ticks_per_s = round(seconds / STEP_S) / (time.monotonic() - started)
        observer.finish()
    finally:
        for car in cars:
            car.set_autopilot(False, manager.get_port())
        tick(world)
        client.apply_batch_sync([carla.command.DestroyActor(car.id) for car in cars], False)
        tick(world)
        waker.__exit__()
        manager.set_synchronous_mode(False)
        manager.shut_down()
    return report


def text(report: Report, limit: int = 200) -> str:
    """The report for people."""
    kinds: dict[str, int] = defaultdict(int)
    for violation in report.violations:
        kinds[violation.kind] += 1
    lines = [
        f"{report.town}: {report.vehicles} vehicles, {report.seconds:.0f} s, {report.way_m / 1000:.1f} km driven, "
        f"{report.stuck} moved less than {STUCK_M:.0f} m, {report.crossings} stop lines crossed",
        f"violations: {dict(kinds) or 'none'}; worst: {report.worst_lane_m:.2f} m outside its lane, "
        f"{report.worst_overlap_m:.3f} m overlap; {report.ticks_per_s:.0f} ticks/s, set-up {report.setup_s:.1f} s",
        f"nearest to leaving its lane: {report.worst_lane_at or 'none'}",
    ]
    for violation in report.violations[:limit]:
        who = " + ".join(f"{key} {name}" for key, name in zip(violation.vehicles, violation.types, strict=True))
        lines.append(
            f"  {violation.kind:8s} ticks {violation.first_tick:4d}-{violation.last_tick:4d} {violation.amount:6.2f} "
            f"at ({violation.x:.1f}, {violation.y:.1f}, {violation.z:.1f}) {violation.speed:4.1f} m/s  {who}"
            f"  {violation.detail}"
        )
    return "\n".join(lines)


def main() -> int:
    """Script entry: prints the report; exit code 1 when something was violated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("town")
    parser.add_argument("vehicles", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("blueprints", nargs="?", choices=("cars", "all"), default="cars")
    parser.add_argument("seed", nargs="?", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    options = parser.parse_args()
    if not is_open(options.port):
        parser.error(f"nothing listens on port {options.port}; start one with: lead sim --port {options.port}")
    report = run(
        options.port,
        options.town,
        options.vehicles,
        options.seconds,
        kind=options.blueprints,
        seed=options.seed,
    )
    print(json.dumps(asdict(report)) if options.json else text(report))
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
