"""An agent's sensors on the ego: spawned once per route, read once per tick, removed without leaving anything behind.

The client delivers measurements on threads of its own. They only put them into a queue; converting and matching them
to the tick happens in :meth:`SensorRig.read`, so that no Python error can arise on a thread of the client.
"""

from __future__ import annotations

import logging
import queue
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import carla

from lead.evaluation.sensors.formats import as_array, forward_speed_mps
from lead.evaluation.sensors.models import EVERY_KEY, FREQUENCY_KEY, MODELS, OPENDRIVE_MAP, SPEEDOMETER, SensorSpec
from lead.scoring.profiles import BenchmarkProfile

LOG = logging.getLogger(__name__)

POLL_S = 1.0
"""How often the life of the simulator is checked while data is missing."""
_SEED_MASK = 0x7FFFFFFF
_Inbox = queue.SimpleQueue[tuple[str, carla.SensorData]]


class SensorDataMissingError(RuntimeError):
    """Sensors sent nothing for a tick: the simulator failed."""


class SensorRig:
    """The sensors of one agent on one route.

    Attributes:
        sensor_types: Type of every sensor in the agent's order, pseudo sensors included.
    """

    def __init__(
        self,
        world: carla.World,
        ego: carla.Vehicle,
        specs: Sequence[SensorSpec],
        profile: BenchmarkProfile,
        *,
        opendrive: str,
        seed: int,
        is_alive: Callable[[], bool] | None = None,
    ) -> None:
        """Describe the rig; nothing is spawned before :meth:`start`.

        Args:
            world: The world, in synchronous mode.
            ego: Vehicle that carries the sensors.
            specs: Entries that passed :func:`lead.evaluation.sensors.validation.validate_sensors`.
            profile: Benchmark; gives the longest wait for a tick's data.
            opendrive: Map of the town as OpenDRIVE text, for ``sensor.opendrive_map``.
            seed: Seed of the sensors' noise; equal seeds and drives give equal data.
            is_alive: Tells whether the simulator still answers; without it a dead simulator is noticed by time-outs.
        """
        self._world = world
        self._ego = ego
        self._specs = list(specs)
        self._profile = profile
        self._opendrive = opendrive
        self._seed = seed
        self._is_alive = is_alive
        self._inbox: _Inbox = queue.SimpleQueue()
        self._sensors: list[carla.Sensor] = []
        self._map_sent_s: float | None = None
        self._first_frame = 0
        self.sensor_types = [str(spec["type"]) for spec in self._specs]

    def start(self) -> None:
        """Spawn all sensors in the agent's order and listen to them.

        The first frames of an IMU are artefacts; tick some times before the first :meth:`read`.

        Raises:
            RuntimeError: If the simulator refuses a sensor or does not answer; nothing is left spawned then.
        """
        library = self._world.get_blueprint_library()
        self._first_frame = self._world.get_snapshot().frame + 1
        try:
            for spec in self._specs:
                if not MODELS[spec["type"]].is_pseudo:
                    self._spawn(library, spec)
        except BaseException:
            self.close()
            raise

    def read(self, frame: int, timeout_s: float | None = None) -> dict[str, tuple[int, Any]]:
        """Collect the data of one tick; data of other frames is dropped.

        Args:
            frame: Frame that the tick returned.
            timeout_s: Longest wait, seconds; None takes the benchmark's.

        Returns:
            Sensor id to (frame, data), in the agent's order; see :mod:`lead.evaluation.sensors.formats`. The
            speedometer gives ``{"speed": m/s}``; the map ``{"opendrive": text}`` in ticks in which it is due.

        Raises:
            SensorDataMissingError: If data is missing after the wait; names the sensors.
        """
        wait_s = self._profile.sensor_timeout_s if timeout_s is None else timeout_s
        deadline_s = time.monotonic() + wait_s
        due = [spec for spec in self._specs if self._is_due(spec, frame)]
        data: dict[str, Any] = {}
        missing = {spec["id"] for spec in due if not MODELS[spec["type"]].is_pseudo}
        while missing:
            arrived = self._next(deadline_s)
            if arrived is None:
                names = ", ".join(spec["id"] for spec in due if spec["id"] in missing)
                raise SensorDataMissingError(
                    f"time-out: no data of frame {frame} came from the sensors {names} within {wait_s:g} s"
                )
            name, measurement = arrived
            if measurement.frame == frame:
                data[name] = as_array(measurement)
                missing.discard(name)
        for spec in due:
            if spec["type"] == SPEEDOMETER:
                data[spec["id"]] = {"speed": forward_speed_mps(self._ego)}
            elif spec["type"] == OPENDRIVE_MAP:
                data[spec["id"]] = {"opendrive": self._opendrive}
        return {spec["id"]: (frame, data[spec["id"]]) for spec in due}

    def close(self) -> None:
        """Stop all sensors, then destroy them; safe to call twice and after the simulator's death.

        They disappear from the world with the next tick.
        """
        sensors, self._sensors = self._sensors, []
        # A sensor destroyed while others still listen can make the client wait for itself.
        answers = self._for_each(sensors, carla.Sensor.stop)
        if sensors and self._is_alive is not None and not self._is_alive():
            LOG.info("the simulator is gone and its sensors with it")
        elif answers:
            self._for_each(sensors[::-1], carla.Sensor.destroy)
        self._inbox = queue.SimpleQueue()

    def _spawn(self, library: carla.BlueprintLibrary, spec: SensorSpec) -> None:
        model = MODELS[spec["type"]]
        blueprint = library.find(spec["type"])
        for name, value in model.attributes(spec).items():
            blueprint.set_attribute(name, value)
        if EVERY_KEY in spec:
            blueprint.set_attribute("sensor_tick", str(spec[EVERY_KEY] * self._step_s()))
        if blueprint.has_attribute("noise_seed"):
            # From the id, so that a further sensor leaves the noise of the others as it was; 0 means "no seed".
            noise_seed = zlib.crc32(f"{self._seed} {spec['id']}".encode()) & _SEED_MASK
            blueprint.set_attribute("noise_seed", str(noise_seed or 1))
        if overruled := model.overruled(spec):
            LOG.warning("sensor %r: the benchmark fixes %s; the agent's values do not count", spec["id"], overruled)
        sensor = self._world.spawn_actor(blueprint, _mount(spec), attach_to=self._ego)
        self._sensors.append(sensor)
        sensor.listen(_forward(self._inbox, spec["id"]))

    def _step_s(self) -> float:
        """Length of a tick."""
        return float(self._world.get_settings().fixed_delta_seconds)

    def _is_due(self, spec: SensorSpec, frame: int) -> bool:
        """Tell whether a sensor delivers in this tick."""
        if EVERY_KEY in spec:
            return bool((frame - self._first_frame) % spec[EVERY_KEY] == 0)
        if spec["type"] != OPENDRIVE_MAP or FREQUENCY_KEY not in spec:
            return True
        now_s = float(self._world.get_snapshot().timestamp.elapsed_seconds)
        # Half a microsecond: the clock is a sum of steps that are not exact.
        if self._map_sent_s is not None and now_s - self._map_sent_s < 1.0 / spec[FREQUENCY_KEY] - 5e-7:
            return False
        self._map_sent_s = now_s
        return True

    def _next(self, deadline_s: float) -> tuple[str, carla.SensorData] | None:
        """Wait for the next measurement; None if there is none until the deadline.

        Raises:
            SensorDataMissingError: If the simulator is dead.
        """
        while True:
            left_s = deadline_s - time.monotonic()
            try:
                return self._inbox.get(timeout=max(min(left_s, POLL_S), 0.0))
            except queue.Empty:
                if left_s <= POLL_S:
                    return None
            if self._is_alive is not None and not self._is_alive():
                raise SensorDataMissingError("time-out: the simulator stopped answering before a tick's data came")

    def _for_each(self, sensors: Sequence[carla.Sensor], action: Callable[[carla.Sensor], bool | None]) -> bool:
        """Apply an action; False if the simulator does not answer, which is waited for once and not per sensor."""
        for sensor in sensors:
            started_s = time.monotonic()
            try:
                failed = sensor.is_alive and action(sensor) is False
            except RuntimeError as error:
                failed = True
                LOG.warning("sensor %d could not be removed: %s", sensor.id, error)
            if failed and time.monotonic() - started_s > POLL_S:
                return False
        return True


def _forward(inbox: _Inbox, name: str) -> Callable[[carla.SensorData], None]:
    """Return a callback that refers to the queue only: a closed rig must not live as long as the client."""

    def put(data: carla.SensorData) -> None:
        inbox.put((name, data))

    return put


def _mount(spec: SensorSpec) -> carla.Transform:
    keys = MODELS[spec["type"]].place_keys
    x, y, z, roll, pitch, yaw = (
        float(spec[key]) if key in keys else 0.0 for key in ("x", "y", "z", "roll", "pitch", "yaw")
    )
    return carla.Transform(carla.Location(x=x, y=y, z=z), carla.Rotation(pitch=pitch, yaw=yaw, roll=roll))
