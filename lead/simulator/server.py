"""The embedded simulator as a process: two listeners, one event loop, one world.

Remote calls and world steps run on the same loop, one after the other, so a client never sees a half-simulated frame.
In synchronous mode time passes only on a tick cue; otherwise the world runs at real time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable

from lead.errors import LeadError
from lead.maps.compiled import CompiledMap, compile_map
from lead.maps.towns import canonical_name, installed_towns, read_opendrive
from lead.simulator.protocol import batch, bone_calls, episode_calls, recorder_calls, scene_calls
from lead.simulator.protocol.rpc import RpcConnection
from lead.simulator.protocol.session import Session
from lead.simulator.protocol.streams import StreamConnection, StreamHub
from lead.simulator.world.world import DEFAULT_STEP_S, World

log = logging.getLogger(__name__)

CALL_MODULES = (batch, bone_calls, episode_calls, recorder_calls, scene_calls)
"""Importing these fills the call table."""

_MAX_LAG_S = 0.5
_LOOK_S = 0.1
"""How often a synchronous server looks whether it was told to let time pass by itself."""


class ServerError(LeadError):
    """The simulator cannot start; one sentence says why."""


def load_town(name: str) -> CompiledMap:
    """Read and compile an installed town or an OpenDRIVE file.

    Raises:
        LeadError: If the town is unknown or not installed, or the file is unusable.
    """
    text = read_opendrive(name)
    plain = name.rsplit("/", 1)[-1].removesuffix(".gz").removesuffix(".xodr")
    return compile_map(canonical_name(plain), text)


class SimulatorServer:
    """Serves one world on ``port`` (calls) and ``port + 1`` (streams).

    Args:
        world: The world to serve.
        host: Address to bind.
        port: RPC port.
    """

    def __init__(self, world: World, host: str = "127.0.0.1", port: int = 2000) -> None:
        self.host = host
        self.port = port
        self.streams = StreamHub()
        self.session = Session(
            world=world,
            streams=self.streams,
            stream_port=port + 1,
            load_town=load_town,
            compile_opendrive=compile_map,
            available_towns=installed_towns,
        )
        self._connections: set[RpcConnection] = set()
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Open both listeners.

        Raises:
            ServerError: If a port is taken or not allowed.
        """
        loop = asyncio.get_running_loop()
        factories: tuple[Callable[[], asyncio.Protocol], ...] = (
            lambda: RpcConnection(self.session, self._connections),
            lambda: StreamConnection(self.streams),
        )
        for offset, factory in enumerate(factories):
            try:
                self._servers.append(await loop.create_server(factory, self.host, self.port + offset))
            except OSError as error:
                await self.stop()
                reason = error.strerror or str(error)
                raise ServerError(
                    f"cannot listen on {self.host}:{self.port + offset} ({reason}); choose another --port"
                ) from None

    async def run(self, stop: asyncio.Event) -> None:
        """Let time pass in asynchronous mode until ``stop`` is set."""
        next_due = time.monotonic()
        while not stop.is_set():
            settings = self.session.world.settings
            if settings.synchronous:
                # Python 3.10's is not the built-in one.
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(stop.wait(), timeout=_LOOK_S)
                next_due = time.monotonic()
                continue
            step = settings.fixed_delta_s or DEFAULT_STEP_S
            self.session.tick(step)
            next_due = max(next_due + step, time.monotonic() - _MAX_LAG_S)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), timeout=max(next_due - time.monotonic(), 0.001))

    async def stop(self) -> None:
        """Close listeners and connections, and the recording if there is one."""
        self.session.deck.stop()
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.close()
        self.streams.close()
        self._servers.clear()


async def serve(server: SimulatorServer, ready: Callable[[], None]) -> None:
    """Run a server until SIGINT or SIGTERM.

    Args:
        server: Server to run.
        ready: Called once both ports are open.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await server.start()
    try:
        ready()
        await server.run(stop)
    finally:
        await server.stop()
