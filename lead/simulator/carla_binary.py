"""A real CARLA server: where it is installed, how it is started, and what its failures mean.

    python -m lead.simulator.carla_binary --port 2000

starts one in the foreground. About one start of ten fails by itself, so starts are repeated.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from lead.errors import LeadError
from lead.simulator.carla_failures import explain_failure
from lead.simulator.probe import LaunchError
from lead.simulator.process import STREAMING_PORT_OFFSET, SimulatorProcess

LOG = logging.getLogger(__name__)

ROOT_VARIABLE = "CARLA_ROOT"
FAIL2DRIVE_VARIABLE = "CARLA_F2D"
OFFICIAL_QUALITY = "Epic"
SCRIPT_NAME = "CarlaUE4.sh"
SUPPORTED_VERSIONS = ("0.9.15", "0.9.16")
_WATCH_INTERVAL_S = 0.5
_SET_UP = "run scripts/setup_carla.sh, or set {variable} to the folder of an unpacked CARLA"
_SET_UP_FAIL2DRIVE = "unpack the CARLA build of Fail2Drive and set {variable} to its folder"


class CarlaBinary(SimulatorProcess):
    """A CARLA server started from its shell script, rendering off-screen on one GPU."""

    name = "CARLA server"
    start_attempts = 3
    port_purposes = ("simulator port", "simulator streaming port", "simulator multi-GPU port")

    def __init__(
        self,
        root: Path,
        port: int = 2000,
        *,
        quality: str = OFFICIAL_QUALITY,
        gpu: int = 0,
        startup_timeout_s: float = 300.0,
        log_path: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """Describe the server to start.

        Args:
            root: Folder with ``CarlaUE4.sh`` (the usual ``CARLA_ROOT``).
            port: RPC port; CARLA also takes the two ports after it.
            quality: Rendering quality; official numbers need "Epic".
            gpu: Index of the graphics adapter, as Vulkan counts them.
            startup_timeout_s: Longest wait until the server answers, per attempt.
            log_path: File for the server's output; None means a temporary file, removed after a clean stop.
            options: Further words for the server's command line.
        """
        super().__init__(port, startup_timeout_s, log_path)
        self.script = root.expanduser().absolute() / SCRIPT_NAME
        self.quality = quality
        self.gpu = gpu
        self.options = tuple(options)
        if quality != OFFICIAL_QUALITY:
            LOG.warning(
                "rendering quality %r changes what cameras see: results are no official numbers (those need %s)",
                quality,
                OFFICIAL_QUALITY,
            )

    @classmethod
    def from_environment(
        cls,
        port: int = 2000,
        *,
        fail2drive: bool = False,
        quality: str = OFFICIAL_QUALITY,
        gpu: int = 0,
        startup_timeout_s: float = 300.0,
        log_path: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> CarlaBinary:
        """Describe the installed server: ``$CARLA_ROOT``, or ``$CARLA_F2D`` for the build of Fail2Drive.

        Args:
            port: RPC port.
            fail2drive: Whether the routes need the build with Fail2Drive's own assets.
            quality: Rendering quality.
            gpu: Index of the graphics adapter.
            startup_timeout_s: Longest wait per attempt.
            log_path: File for the server's output.
            variables: Environment to look in; None means the process's own.

        Raises:
            LaunchError: If the variable is not set or names a folder without CARLA.
        """
        root = installed_root(fail2drive=fail2drive, variables=variables)
        return cls(root, port, quality=quality, gpu=gpu, startup_timeout_s=startup_timeout_s, log_path=log_path)

    def command(self) -> list[str]:
        """Return the command line of the server.

        Raises:
            LaunchError: If the folder holds no CARLA.
        """
        if not self.script.is_file():
            raise LaunchError(f"{self.script.parent} holds no {SCRIPT_NAME}; {_SET_UP.format(variable=ROOT_VARIABLE)}")
        return [
            "/bin/sh",
            str(self.script),
            "-RenderOffScreen",
            "-nosound",
            f"-quality-level={self.quality}",
            f"-graphicsadapter={self.gpu}",
            f"-carla-rpc-port={self.port}",
            f"-carla-streaming-port={self.port + STREAMING_PORT_OFFSET}",
            *self.options,
        ]

    def diagnosis(self) -> str:
        """Say what the log means and where it is; without a known cause, its last lines."""
        cause = explain_failure(self._log_end(), self.exit_code)
        return super().diagnosis() if cause is None else f"{cause} (log: {self.log_path})"

    def start(self, attempts: int | None = None) -> CarlaBinary:
        """Start the server as `SimulatorProcess.start` does, and warn if the client does not fit it."""
        super().start(attempts)
        assert self.version is not None
        _check_version(self.version)
        return self


def installed_root(*, fail2drive: bool = False, variables: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the installed CARLA.

    Args:
        fail2drive: Whether the build of Fail2Drive is meant.
        variables: Environment to look in; None means the process's own.

    Raises:
        LaunchError: If the variable is not set or names a folder without CARLA.
    """
    variable = FAIL2DRIVE_VARIABLE if fail2drive else ROOT_VARIABLE
    remedy = (_SET_UP_FAIL2DRIVE if fail2drive else _SET_UP).format(variable=variable)
    value = (os.environ if variables is None else variables).get(variable, "")
    if not value:
        raise LaunchError(f"{variable} is not set; {remedy}")
    root = Path(value).expanduser()
    if not (root / SCRIPT_NAME).is_file():
        raise LaunchError(f"{variable}={value} holds no {SCRIPT_NAME}; {remedy}")
    return root


def _check_version(version: str) -> None:
    """Warn of a server that LEAD does not know or that the installed client was not made for."""
    plain = version.split("-", maxsplit=1)[0]
    if plain not in SUPPORTED_VERSIONS:
        LOG.warning("CARLA %s is not among the tested versions (%s)", version, ", ".join(SUPPORTED_VERSIONS))
    try:
        client = metadata.version("carla")
    except metadata.PackageNotFoundError:
        return
    if client != plain:
        LOG.warning(
            "the server is CARLA %s but the client %s; install the client: pip install carla==%s",
            version,
            client,
            plain,
        )


def main(words: Sequence[str] | None = None) -> int:
    """Run a CARLA server in the foreground until it ends or is interrupted.

    Args:
        words: Command line without the program; the process's own when None.

    Returns:
        0 after an interrupt, 1 if it does not start or dies.
    """
    arguments = _parser().parse_args(words)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.INFO)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server = CarlaBinary.from_environment(
            arguments.port,
            fail2drive=arguments.fail2drive,
            quality=arguments.quality,
            gpu=arguments.gpu,
            startup_timeout_s=arguments.timeout,
            log_path=arguments.log,
        )
        return _run(server, arguments.attempts)
    except LeadError as error:
        LOG.error("%s", error)
        return 1
    except KeyboardInterrupt:
        return 0


def _run(server: CarlaBinary, attempts: int) -> int:
    """Start a server and watch it until it dies; stop it in any case."""
    server.start(attempts)
    try:
        LOG.info("CARLA %s answers on port %d; its output goes to %s", server.version, server.port, server.log_path)
        while server.is_running:
            time.sleep(_WATCH_INTERVAL_S)
        LOG.error("%s", server.death_report())
        return 1
    finally:
        server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lead.simulator.carla_binary",
        description=f"Start the CARLA server of ${ROOT_VARIABLE} and keep it until Ctrl-C.",
        epilog="Example: python -m lead.simulator.carla_binary --port 2000 --gpu 1",
    )
    parser.add_argument("--port", type=int, default=2000, help="RPC port; the two after it are taken too [2000]")
    parser.add_argument("--gpu", type=int, default=0, help="graphics adapter [0]")
    parser.add_argument("--quality", default=OFFICIAL_QUALITY, help="rendering quality; official numbers need Epic")
    parser.add_argument("--fail2drive", action="store_true", help=f"start the build in ${FAIL2DRIVE_VARIABLE}")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds until it must answer, per attempt [300]")
    parser.add_argument("--attempts", type=int, default=3, help="how often a failing start is repeated [3]")
    parser.add_argument("--log", type=Path, default=None, help="file for the server's output [a temporary file]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
