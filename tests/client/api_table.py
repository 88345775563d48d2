"""The API coverage table: one row per public method of the client's classes, and the page that shows them.

The rows live in the ``api_rows_*`` modules. A row says how the simulator behaves compared with CARLA, and carries the
check that calls the method on a prepared stage and looks at what comes of it; ``test_client_coverage.py`` runs them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from types import CodeType

import carla
from client_support import EGO_TYPE, Stage, ahead, lifted, straight_road

V15, V16 = "0.9.15", "0.9.16"
CLASSES = (
    "Client",
    "World",
    "Actor",
    "Vehicle",
    "Walker",
    "WalkerAIController",
    "TrafficSign",
    "TrafficLight",
    "Sensor",
    "ServerSideSensor",
    "LightManager",
    "Light",
    "DebugHelper",
    "TrafficManager",
    "command",
)
ROW_MODULES = (
    "api_rows_client",
    "api_rows_world",
    "api_rows_actors",
    "api_rows_vehicles",
    "api_rows_sensors",
    "api_rows_signals",
    "api_rows_commands",
    "api_rows_manager",
)
WALKER_TYPE = "walker.pedestrian.0001"
_SETTLE_TICKS = 12


class Verdict(Enum):
    """How a method compares with CARLA's."""

    AS_CARLA = "as CARLA"
    DIFFERS = "differs"
    WITHOUT_EFFECT = "without effect"
    REFUSED = "refused"


@dataclass(frozen=True)
class Row:
    """One method.

    ``name`` is ``Class.method``; ``note`` says how, or why; ``only`` is the one client version that has the method.
    ``alone``: runs in a process of its own, because of what it leaves behind in the client.
    """

    name: str
    verdict: Verdict
    note: str
    check: Callable[[Bench], None]
    only: str | None
    alone: bool

    @property
    def owner(self) -> str:
        return self.name.split(".")[0]

    @property
    def method(self) -> str:
        return self.name.split(".")[1]


_rows: list[Row] = []

Check = Callable[["Bench"], None]


def _covers(
    names: tuple[str, ...], verdict: Verdict, note: str, only: str | None, alone: bool
) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        _rows.extend(Row(name, verdict, note, check, only, alone) for name in names)
        return check

    return register


def as_carla(*names: str, note: str = "", only: str | None = None, alone: bool = False) -> Callable[[Check], Check]:
    """The decorated check shows that these methods do what CARLA's do."""
    return _covers(names, Verdict.AS_CARLA, note, only, alone)


def differs(*names: str, how: str, only: str | None = None, alone: bool = False) -> Callable[[Check], Check]:
    """The methods work, but not quite as CARLA's."""
    return _covers(names, Verdict.DIFFERS, how, only, alone)


def without_effect(*names: str, why: str, only: str | None = None, alone: bool = False) -> Callable[[Check], Check]:
    """The methods are accepted, or answer a harmless value, and nothing happens."""
    return _covers(names, Verdict.WITHOUT_EFFECT, why, only, alone)


def refused(*names: str, why: str, only: str | None = None, alone: bool = False) -> Callable[[Check], Check]:
    """The methods raise."""
    return _covers(names, Verdict.REFUSED, why, only, alone)


def all_rows() -> list[Row]:
    """Every row, by class and name."""
    for module in ROW_MODULES:
        importlib.import_module(module)
    return sorted(_rows, key=lambda row: (CLASSES.index(row.owner), row.method, row.only or ""))


def rows_of_client(rows: list[Row]) -> list[Row]:
    """Rows of the methods that the installed client has."""
    return [row for row in rows if row.only in (None, client_version())]


def client_version() -> str:
    """Version of the installed client."""
    return V16 if hasattr(carla.World, "set_imui_sensor_gravity") else V15


def public_names() -> Iterator[str]:
    """``Class.method`` of everything public that the installed client has in the covered classes."""
    for owner in CLASSES:
        yield from (f"{owner}.{name}" for name in vars(getattr(carla, owner)) if not name.startswith("_"))


def names_used(code: CodeType) -> set[str]:
    """Attributes and globals that a function's code names, also in its inner functions."""
    inner = [names_used(part) for part in code.co_consts if isinstance(part, CodeType)]
    return set(code.co_names).union(*inner)


class Bench:
    """What the checks work with; actors are spawned when first asked for and go with the stage."""

    def __init__(self, client: carla.Client, stage: Stage) -> None:
        self.client = client
        self.stage = stage

    @property
    def world(self) -> carla.World:
        """The stage's world."""
        return self.stage.world

    @cached_property
    def road(self) -> carla.Waypoint:
        """Start of a straight, level lane of 60 m."""
        return straight_road(self.stage.map, 60.0)

    @cached_property
    def car(self) -> carla.Vehicle:
        """A car at rest at the start of the road."""
        return self.car_ahead(0.0)

    def car_ahead(self, metres: float) -> carla.Vehicle:
        """Another car at rest on the road."""
        return self._settled(EGO_TYPE, lifted(ahead(self.road.transform, metres), 0.3))

    @cached_property
    def walker(self) -> carla.Walker:
        """A pedestrian standing 20 m up the road."""
        return self._settled(WALKER_TYPE, lifted(ahead(self.road.transform, 20.0), 1.0))

    @cached_property
    def camera(self) -> carla.ServerSideSensor:
        """A small camera on the car."""
        return self.mounted("sensor.camera.rgb", image_size_x=32, image_size_y=32)

    @property
    def lights(self) -> list[carla.TrafficLight]:
        """All traffic lights, by id."""
        return sorted(self.world.get_actors().filter("traffic.traffic_light"), key=lambda light: light.id)

    @property
    def light(self) -> carla.TrafficLight:
        """The first of them."""
        return self.lights[0]

    @cached_property
    def lamps(self) -> list[carla.Light]:
        """All street lamps, switched off and independent of the sun."""
        manager = self.world.get_lightmanager()
        manager.set_day_night_cycle(False)
        lamps = manager.get_all_lights()
        manager.turn_off(lamps)
        return list(lamps)

    def _settled(self, type_id: str, pose: carla.Transform) -> carla.Actor:
        actor = self.stage.spawn(type_id, pose)
        self.tick(_SETTLE_TICKS)
        return actor

    def mounted(self, type_id: str, **attributes: object) -> carla.Actor:
        """Something rigidly attached above the car."""
        place = carla.Transform(carla.Location(z=2.0))
        return self.stage.spawn(type_id, place, self.car, **attributes)

    def tick(self, count: int = 1) -> int:
        """Step the world; the last frame."""
        return self.stage.tick(count)

    def run(self, command: object) -> carla.command.Response:
        """Reply to one command; ticks once."""
        (reply,) = self.client.apply_batch_sync([command], False)
        self.tick()
        return reply


HEAD = """# API coverage

Every public method of the CARLA client's classes, called on the embedded simulator. This page is written by
`tests/client/test_client_coverage.py`, which calls each method with the clients 0.9.15 and 0.9.16 and fails when a row
is missing, names a method that does not exist, or when the simulator does something else than its check expects. The
checks show what the simulator does; what CARLA does is taken from its reference, no CARLA server ran beside it. The
settings of the Traffic Manager are called while a car drives; not each one's effect is measured. After a change:

    LEAD_WRITE_API_TABLE=1 .venv/bin/python -m pytest tests/client/test_client_coverage.py

* **as CARLA**: arguments, results, errors and effect are those that CARLA's reference describes.
* **differs**: it works, with the difference named.
* **without effect**: accepted, or answered with a harmless value; nothing else happens.
* **refused**: raises the exception named.

"0.9.16" or "0.9.15" in the column *client* means that only this client has the method. What actors, sensors and lights
do is described in [simulator.md](simulator.md); this page is about calls.
"""

TAIL = """## Computed in the client

`Map`, `Waypoint`, `Junction`, `Landmark`, `LaneMarking`, `GeoLocation`, `WorldSnapshot`, `ActorSnapshot`, `Timestamp`,
`ActorList`, `BlueprintLibrary`, `ActorBlueprint`, `Transform`, `BoundingBox`, the measurement classes and the control
structures hold data and compute with it; they make no calls. Maps are built by the client from the OpenDRIVE text that
the simulator sends, so lanes, topology, landmarks and crosswalks are computed by CARLA's own code.
`sensor.other.lane_invasion` and the Traffic Manager run inside the client too.
"""


def render(rows: list[Row]) -> str:
    """The page as Markdown."""
    parts = [HEAD, _summary(rows)]
    for owner in CLASSES:
        title = f"carla.{owner}"
        lines = [f"## {title}\n", "| method | client | behaves | how, or why |", "|---|---|---|---|"]
        for row in rows:
            if row.owner == owner:
                lines.append(f"| `{row.method}` | {row.only or ''} | {row.verdict.value} | {row.note} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join([*parts, TAIL])


def _summary(rows: list[Row]) -> str:
    lines = [
        "| client | " + " | ".join(verdict.value for verdict in Verdict) + " | methods |",
        "|---|---|---|---|---|---|",
    ]
    for version in (V15, V16):
        mine = [row for row in rows if row.only in (None, version)]
        counts = [str(sum(row.verdict is verdict for row in mine)) for verdict in Verdict]
        lines.append(f"| {version} | {' | '.join(counts)} | {len(mine)} |")
    return "\n".join(lines) + "\n"
