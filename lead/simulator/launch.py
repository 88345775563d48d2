"""The simulators that LEAD starts, and how to look at them: the one import for programs that need one.

`EmbeddedServer` is our own simulator, `CarlaBinary` a real CARLA server. Both are `SimulatorProcess`es.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lead.simulator.carla_binary import CarlaBinary
from lead.simulator.gpus import VARIABLE, visible_gpu
from lead.simulator.ports import free_port, require_free_port
from lead.simulator.probe import (
    LOOPBACK,
    LaunchError,
    map_answers,
    port_is_open,
    server_answers,
    world_answers,
)
from lead.simulator.process import SimulatorProcess

__all__ = [
    "LOOPBACK",
    "CarlaBinary",
    "EmbeddedServer",
    "LaunchError",
    "SimulatorProcess",
    "free_port",
    "map_answers",
    "port_is_open",
    "require_free_port",
    "server_answers",
    "world_answers",
]


class EmbeddedServer(SimulatorProcess):
    """The embedded simulator (``lead sim``) in a process of its own."""

    name = "embedded simulator"

    def __init__(  # noqa: PLR0913 (one parameter per option of `lead sim`)
        self,
        port: int = 2000,
        town: str = "Town10HD",
        carla_version: str | None = None,
        seed: int = 0,
        *,
        synchronous: bool = False,
        fail2drive_assets: bool = False,
        gpu: int | None = None,
        startup_timeout_s: float = 120.0,
        log_path: Path | None = None,
    ) -> None:
        """Describe the server to start.

        Args:
            port: RPC port; the next port is used for streams.
            town: Town name or path of an OpenDRIVE file.
            carla_version: Protocol version to speak; None means the version of the installed carla wheel.
            seed: Seed of the simulation.
            synchronous: Let no time pass before a client ticks, so that runs repeat exactly.
            fail2drive_assets: Offer Fail2Drive's animals and plates beside the stock blueprints.
            gpu: The only GPU it shall see; None for all.
            startup_timeout_s: Longest wait until the server answers.
            log_path: File for the server's output; None means a temporary file, removed after a clean stop.
        """
        super().__init__(port, startup_timeout_s, log_path)
        self.town = town
        self.carla_version = carla_version
        self.seed = seed
        self.synchronous = synchronous
        self.fail2drive_assets = fail2drive_assets
        self.gpu = gpu

    def environment(self) -> dict[str, str]:
        """Return the environment of the server, in which cameras are drawn by the chosen GPU.

        Raises:
            GpuError: If there is no such GPU.
        """
        chosen = {} if self.gpu is None else {VARIABLE: visible_gpu(self.gpu)}
        return {**super().environment(), **chosen}

    def command(self) -> list[str]:
        """Return the command line of the server."""
        words = [sys.executable, "-m", "lead", "sim", "--port", str(self.port), "--town", self.town]
        if self.carla_version is not None:
            words += ["--carla-version", self.carla_version]
        words += ["--synchronous"] if self.synchronous else []
        words += ["--fail2drive-assets"] if self.fail2drive_assets else []
        return [*words, "--seed", str(self.seed)]
