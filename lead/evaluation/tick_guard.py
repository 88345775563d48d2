"""Ticks that cannot hang: works around two weaknesses of the carla client.

The Traffic Manager of the carla wheel (0.9.15 and 0.9.16) hands work to its thread with condition variables that it
notifies without holding their mutex. On a busy machine such a notification gets lost now and then; ``World.tick()``
then waits forever although the simulator has answered. Switching the Traffic Manager's synchronous mode off and on
notifies its thread again, and the tick returns. This has to go through the Traffic Manager's own network port, because
the stuck tick holds the lock that every call of the client's Traffic Manager object takes.

When the simulator dies, the client notices it only after its whole time-out, and the wheel may abort the process
then. The guard notices that the simulator's process is gone, or that nobody listens on its port any more, and says so
within seconds.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

import carla
import msgpack

from lead.simulator.launch import LOOPBACK

LOG = logging.getLogger(__name__)

PATIENCE_S = 2.0
POLL_S = 0.25
SETTLE_S = 0.5
"""Time for a tick that has just been answered to return."""
DEATH_POLLS = 4
"""The simulator is dead after this many negative answers in a row."""


class TickGuard:
    """Ticks a world, wakes the Traffic Manager when it sleeps and reports the simulator's death.

    Attributes:
        rescues: How often the Traffic Manager had to be woken.
    """

    def __init__(
        self,
        traffic_manager_port: int,
        is_alive: Callable[[], bool],
        is_idle: Callable[[], bool],
        on_death: Callable[[], None],
        *,
        always_probe: bool,
    ) -> None:
        """Guard ticks; use as a context manager.

        Args:
            traffic_manager_port: Port of this process's Traffic Manager, which is in synchronous mode.
            is_alive: Tells, quickly, whether the simulator lives.
            is_idle: Tells, within a second or so, whether the simulation answers a call, so that no tick is under way.
            on_death: Called at most once, on the guard's thread, while the main thread is stuck inside the client.
            always_probe: Ask ``is_alive`` all the time (it costs nothing), not only when a tick takes long.
        """
        self.rescues = 0
        self._traffic_manager_port = traffic_manager_port
        self._is_alive = is_alive
        self._is_idle = is_idle
        self._on_death = on_death
        self._always_probe = always_probe
        self._waiting: tuple[carla.World, int, float] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tick-guard", daemon=True)

    def tick(self, world: carla.World) -> int:
        """Advance the simulation by one step.

        Args:
            world: World in synchronous mode.

        Returns:
            The new frame.

        Raises:
            RuntimeError: If the simulator does not answer within the client's time-out.
        """
        self._waiting = (world, world.get_snapshot().frame, time.monotonic())
        try:
            return int(world.tick())
        finally:
            self._waiting = None

    def __enter__(self) -> TickGuard:
        """Start watching."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        failures = 0
        while not self._stop.wait(POLL_S):
            waiting = self._waiting
            is_late = waiting is not None and time.monotonic() - waiting[2] > PATIENCE_S
            if waiting is not None and is_late and self._is_stuck(waiting):
                self._wake(waiting[1])
                continue
            failures = 0 if not (is_late or self._always_probe) or self._is_alive() else failures + 1
            if failures == DEATH_POLLS:
                self._on_death()
                return

    def _is_stuck(self, waiting: tuple[carla.World, int, float]) -> bool:
        """Tell whether the simulator has finished the tick but the client has not returned.

        A slow simulator has delivered no new frame, or renders sensors after it and answers nothing meanwhile. Waking
        without need would let the Traffic Manager step once more, and no drive would repeat exactly.
        """
        if waiting[0].get_snapshot().frame <= waiting[1] or not self._is_idle():
            return False
        self._stop.wait(SETTLE_S)
        return self._waiting is waiting

    def _wake(self, frame: int) -> None:
        LOG.info("waking the Traffic Manager at frame %d", frame)
        self.rescues += 1
        try:
            switch_synchronous_mode(self._traffic_manager_port)
        except OSError as error:
            LOG.warning("the Traffic Manager could not be woken: %s", error)
        self._stop.wait(PATIENCE_S)


def switch_synchronous_mode(port: int) -> None:
    """Switch the synchronous mode of the Traffic Manager behind a port off and on again, over its msgpack-rpc.

    Raises:
        OSError: If it does not answer.
    """
    with socket.create_connection((LOOPBACK, port), timeout=PATIENCE_S) as connection:
        unpacker = msgpack.Unpacker()
        for number, mode in enumerate((False, True)):
            connection.sendall(msgpack.packb([0, number, "set_synchronous_mode", [mode]]))
            while next(iter(unpacker), None) is None:
                data = connection.recv(4096)
                if not data:
                    raise ConnectionError(f"port {port} closed the connection")
                unpacker.feed(data)
