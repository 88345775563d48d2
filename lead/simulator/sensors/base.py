"""What every simulated sensor shares: its view of one tick, its clock and its random generator.

Sensors know nothing of the world's tables or of sockets. They get a :class:`SensorContext` and give back the
body of a stream packet, that is everything after the 48-byte sensor header.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lead.simulator.rendering.scene import ColorStyle, GroundTruth, ImageKind, RayBundle, RayHits
from lead.simulator.world.attributes import parse_bool, parse_float, parse_int
from lead.simulator.world.dynamics import GRAVITY_MPS2
from lead.simulator.world.solids import Solids

# Simulation time is a sum of steps, so an interval may come out a rounding error short.
_CLOCK_SLACK_S = 1e-6

Vector = NDArray[np.float64]
Body = bytes | tuple[bytes | memoryview, ...]
"""Body of a packet; in pieces where joining them would copy a whole image."""
EventBody = Callable[[int, int, object], bytes]
Cast = Callable[[RayBundle], RayHits]


class Collision(NamedTuple):
    """A contact of the sensor's parent: actor touched (0: level), its CityObjectLabel, impulse in N s."""

    other_id: int
    label: int
    impulse: tuple[float, float, float]


class Picture(Protocol):
    """What one camera's view shows; see the getters of `Frame`, of which this is one view."""

    def ground_truth(self) -> GroundTruth:
        """Depth, class and object of every pixel; objects that are actors have their ids."""

    def encoded(self, kind: ImageKind) -> NDArray[np.uint8]:
        """(h, w, 4) BGRA in CARLA's packing of depth, class or instance."""

    def normals(self) -> NDArray[np.float32]:
        """(h, w, 3) unit normals, world frame."""

    def flow(self) -> NDArray[np.float32]:
        """(h, w, 2) motion since the previous tick, right and down, pixels."""

    def color(self, style: ColorStyle) -> NDArray[np.uint8]:
        """(h, w, 4) BGRA."""


def joined(body: Body) -> bytes:
    """The bytes of a body as they are sent."""
    return body if isinstance(body, bytes) else b"".join(body)


def _no_rays(bundle: RayBundle) -> RayHits:
    raise RuntimeError("this context was made for sensors that cast no rays")


def _no_velocities(instance: NDArray[np.int32]) -> Vector:
    raise RuntimeError("this context was made for sensors that cast no rays")


def _no_solids(radius_m: float) -> Solids:
    return Solids()


def _no_events(other_id: int, label: int, payload: object) -> bytes:
    raise RuntimeError("this context was made for sensors that send no events")


@dataclass(frozen=True)
class SensorContext:
    """State of one sensor in one tick; world frame throughout.

    Attributes:
        frame: Number of the frame.
        time_s: Simulation time.
        dt_s: Length of the tick.
        location: float64 (3,) of the sensor, metres.
        rotation_deg: float64 (3,) pitch, yaw, roll of the sensor.
        rotation: float64 (3, 3) the same as matrix, sensor frame to world.
        velocity: float64 (3,) of the sensor, m/s.
        parent_id: Actor that carries the sensor, 0 for none.
        parent_rotation: float64 (3, 3) of that actor; None for none.
        parent_angular_velocity: float64 (3,) of that actor, rad/s, world frame.
        geo_reference: Latitude and longitude of the world's origin, degrees.
        gravity_mps2: Gravity that accelerometers measure.
        collisions: Contacts of the parent in this tick.
        cast: First hits of the rays that the sensor aimed.
        velocity_of: Velocities (n, 3), m/s, of the instances that rays hit; zero for those that are none.
        solids: Boxes and ground within a radius in metres.
        picture: What the sensor, a camera, sees; None for all others.
        event_body: Packs an event from id and CityObjectLabel of the other party and its payload (a
            distance, or an impulse as list); the world knows how to describe the two actors.
    """

    frame: int
    time_s: float
    dt_s: float
    location: Vector
    rotation_deg: Vector
    rotation: NDArray[np.float64]
    velocity: Vector = field(default_factory=lambda: np.zeros(3))
    parent_id: int = 0
    parent_rotation: NDArray[np.float64] | None = None
    parent_angular_velocity: Vector = field(default_factory=lambda: np.zeros(3))
    geo_reference: tuple[float, float] = (0.0, 0.0)
    gravity_mps2: float = GRAVITY_MPS2
    collisions: Sequence[Collision] = ()
    cast: Cast = _no_rays
    velocity_of: Callable[[NDArray[np.int32]], Vector] = _no_velocities
    solids: Callable[[float], Solids] = _no_solids
    picture: Picture | None = None
    event_body: EventBody = _no_events


class Sensor(ABC):
    """One sensor of the world with its own state.

    Args:
        blueprint_id: Type id.
        attributes: Attribute values as text.
        rng: Generator of this sensor's noise.
    """

    def __init__(self, blueprint_id: str, attributes: Mapping[str, str], rng: np.random.Generator) -> None:
        self.blueprint_id = blueprint_id
        self._attributes = attributes
        self._rng = rng
        self._last_output_s: float | None = None
        self._tick_s = self._float("sensor_tick", low=0.0) if "sensor_tick" in attributes else 0.0

    def measure(self, context: SensorContext) -> Body | list[Body] | None:
        """Body of this tick's packet; several for several events; None when there is nothing to send.

        See :meth:`is_due`.
        """
        if not self.is_due(context.time_s):
            return None
        elapsed_s = context.dt_s if self._last_output_s is None else context.time_s - self._last_output_s
        self._last_output_s = context.time_s
        return self._measure(context, elapsed_s)

    def is_due(self, time_s: float) -> bool:
        """Whether the sensor speaks at this simulation time.

        A sensor with a ``sensor_tick`` is silent until at least that much simulation time has passed since
        its previous output; none speaks twice in a tick.
        """
        if self._last_output_s is None:
            return True
        return time_s - self._last_output_s >= max(self._tick_s - _CLOCK_SLACK_S, _CLOCK_SLACK_S)

    @abstractmethod
    def _measure(self, context: SensorContext, elapsed_s: float) -> Body | list[Body] | None:
        """The measurement of a tick that is due; ``elapsed_s`` seconds after the previous one."""

    def _float(self, name: str, *, low: float | None = None, high: float | None = None) -> float:
        """A float attribute within inclusive limits; ValueError with one sentence otherwise."""
        return self._within(name, parse_float(name, self._attributes[name]), low, high)

    def _int(self, name: str, *, low: int | None = None, high: int | None = None) -> int:
        """An int attribute within inclusive limits; ValueError with one sentence otherwise."""
        return int(self._within(name, parse_int(name, self._attributes[name]), low, high))

    def _bool(self, name: str) -> bool:
        """A bool attribute; ValueError with one sentence otherwise."""
        return parse_bool(name, self._attributes[name])

    def _within(self, name: str, value: float, low: float | None, high: float | None) -> float:
        if (low is not None and value < low) or (high is not None and value > high):
            limits = f"at least {low}" if high is None else f"from {low} to {high}"
            raise ValueError(f"attribute {name!r} of {self.blueprint_id} must be {limits}, not {value:g}")
        return value


class RaySensor(Sensor):
    """A sensor that casts rays. It aims first, so that the rays of all sensors of a tick can be cast together."""

    _aimed: tuple[int, RayBundle | None] = (-1, None)

    def aim(self, context: SensorContext) -> RayBundle | None:
        """Its rays of this tick, the same however often it is asked; None if it has none."""
        if self._aimed[0] != context.frame:
            self._aimed = context.frame, self._aim(context)
        return self._aimed[1]

    def _measure(self, context: SensorContext, elapsed_s: float) -> bytes | None:
        bundle = self.aim(context)
        return None if bundle is None else self._pack(context, elapsed_s, bundle, context.cast(bundle))

    @abstractmethod
    def _aim(self, context: SensorContext) -> RayBundle | None:
        """The rays of a tick."""

    @abstractmethod
    def _pack(self, context: SensorContext, elapsed_s: float, bundle: RayBundle, hits: RayHits) -> bytes:
        """The packet of a tick from what its rays hit."""
