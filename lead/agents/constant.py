"""An agent without a model that consumes a whole sensor rig, to measure what a rig costs or to try out a simulator.

Its configuration is a YAML or JSON file:

    track: SENSORS          # or MAP
    speed_mps: 5.0
    sensors:
      - {id: front, type: sensor.camera.rgb, x: 0.35, y: 0, z: 2.25, roll: 0, pitch: 0, yaw: 0,
         width: 384, height: 384, fov: 60}
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import carla
import numpy as np

from lead.control.longitudinal import LongitudinalController
from lead.errors import LeadError
from lead.evaluation.agent import AutonomousAgent, Track
from lead.evaluation.sensors.models import OPENDRIVE_MAP, SPEEDOMETER

LOG = logging.getLogger(__name__)

DEFAULT_SPEED_MPS = 5.0
_KEYS = ("track", "speed_mps", "sensors")


class RigFileError(LeadError):
    """A rig file cannot be used; the text says why."""


@dataclass(frozen=True)
class RigFile:
    """Content of a rig file.

    Attributes:
        sensors: Entries as an agent's ``sensors()`` returns them.
        track: Track the agent takes part in.
        speed_mps: Speed to drive; more than 0 needs a speedometer in the rig.
    """

    sensors: list[dict[str, Any]]
    track: Track = Track.SENSORS
    speed_mps: float = DEFAULT_SPEED_MPS


def read_rig(path: str | Path) -> RigFile:
    """Read a rig file.

    The sensors themselves are checked by the drive, like those of every agent.

    Args:
        path: YAML or JSON file.

    Raises:
        RigFileError: If the file is missing, no YAML, or holds unknown keys or values.
    """
    # Not needed for anything else when agents are listed.
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError  # type: ignore[import-untyped]

    try:
        data = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except (OSError, UnicodeDecodeError, YAMLError, OmegaConfBaseException) as error:
        reason = " ".join(str(error).split())
        raise RigFileError(f"the rig file {path} cannot be read: {reason}") from error
    if not isinstance(data, dict) or not isinstance(data.get("sensors"), list):
        raise RigFileError(f"the rig file {path} must hold a list named 'sensors'")
    unknown = [str(key) for key in data if key not in _KEYS]
    if unknown:
        raise RigFileError(f"the rig file {path} has unknown keys: {', '.join(unknown)} (known: {', '.join(_KEYS)})")
    tracks = {track.value: track for track in Track}
    track, speed_mps = data.get("track", Track.SENSORS.value), data.get("speed_mps", DEFAULT_SPEED_MPS)
    if track not in tracks:
        raise RigFileError(f"the rig file {path} names the track {track!r}; it must be one of {', '.join(tracks)}")
    if not isinstance(speed_mps, int | float) or not 0.0 <= speed_mps < float("inf"):
        raise RigFileError(f"the rig file {path} has speed_mps {speed_mps!r}, which is no speed")
    if speed_mps > 0.0 and not any(SPEEDOMETER in str(spec) for spec in data["sensors"]):
        raise RigFileError(f"the rig file {path} lists no {SPEEDOMETER}: add one, or set speed_mps to 0 to stand still")
    return RigFile(data["sensors"], tracks[track], float(speed_mps))


@dataclass
class _Usage:
    """What the sensors delivered.

    Attributes:
        ticks: Number of steps.
        size_bytes: Bytes received, by sensor id.
        started_s: Wall clock of the first step.
    """

    ticks: int = 0
    size_bytes: dict[str, int] = field(default_factory=dict)
    started_s: float = 0.0

    def add(self, input_data: dict[str, tuple[int, Any]]) -> None:
        """Read every byte of a tick once, as a model would have to."""
        self.started_s = self.started_s or time.monotonic()
        self.ticks += 1
        for name, (_, value) in input_data.items():
            size = 0
            if isinstance(value, np.ndarray):
                size = value.nbytes
                np.bitwise_xor.reduce(np.ascontiguousarray(value).view(np.uint8), axis=None)
            self.size_bytes[name] = self.size_bytes.get(name, 0) + size

    def report(self) -> str:
        """Summarize the drive in one line."""
        if self.ticks == 0:
            return "no step was driven"
        rate_hz = self.ticks / max(time.monotonic() - self.started_s, 1e-9)
        sizes = ", ".join(f"{name} {size / self.ticks / 1e3:.1f} kB" for name, size in self.size_bytes.items())
        return f"{self.ticks} ticks at {rate_hz:.1f} per second; per tick: {sizes or 'no sensors'}"


class CruiseAgent(AutonomousAgent):
    """Drives straight on at a constant speed and reads all sensors of its rig file."""

    def __init__(self, carla_host: str, carla_port: int, debug: bool = False) -> None:
        """Create the agent; the rig comes with :meth:`setup`."""
        super().__init__(carla_host, carla_port, debug)
        self._rig = RigFile([])
        self._usage = _Usage()
        self._longitudinal = LongitudinalController()

    def setup(self, path_to_conf_file: str) -> None:
        """Read the rig file.

        Args:
            path_to_conf_file: Path of a YAML or JSON file; see :func:`read_rig`.

        Raises:
            RigFileError: If it cannot be used.
        """
        if not path_to_conf_file:
            raise RigFileError("the agent 'cruise' needs a rig file as its configuration: a YAML list of sensors")
        self._rig = read_rig(path_to_conf_file)
        self._usage = _Usage()
        self.track = self._rig.track

    def sensors(self) -> list[dict[str, Any]]:
        """Return the sensors of the rig file."""
        return self._rig.sensors

    def run_step(self, input_data: dict[str, tuple[int, Any]], timestamp: float) -> carla.VehicleControl:
        """Read all data and hold the speed.

        Raises:
            ValueError: If a sensor of the rig delivered nothing; maps are slower than the ticks and may be missing.
        """
        self._usage.add(input_data)
        lacking = [spec["id"] for spec in self._rig.sensors if spec["type"] != OPENDRIVE_MAP]
        lacking = [name for name in lacking if name not in input_data]
        if lacking:
            raise ValueError(f"no data came from {', '.join(lacking)}")
        speeds_mps = [input_data[spec["id"]][1]["speed"] for spec in self._rig.sensors if spec["type"] == SPEEDOMETER]
        if not speeds_mps:
            return carla.VehicleControl(brake=1.0)
        pedals = self._longitudinal.step(self._rig.speed_mps, max(speeds_mps[0], 0.0))
        return carla.VehicleControl(throttle=pedals.throttle, brake=float(pedals.brake))

    def destroy(self) -> None:
        """Log how much data came and how fast."""
        LOG.info("cruise: %s", self._usage.report())
