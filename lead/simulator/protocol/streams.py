"""The streaming listener: one TCP connection per subscribed stream, packets pushed as they are made."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import Counter
from collections.abc import Callable
from typing import cast

log = logging.getLogger(__name__)

_MAX_BACKLOG_BYTES = 64 * 1024 * 1024
"""A reader that is this far behind loses packets instead of eating the server's memory."""
_ANNOUNCED_FOR_S = 0.5
"""How long a tick waits for readers that were announced; a client may also have changed its mind, or died."""
_MAX_ANNOUNCED = 4096


class StreamHub:
    """Who listens to which stream, and who is about to.

    A client asks for a stream's token and then connects in the background, so a tick that it asks for right after
    ``listen()`` could overtake the connection and its packet be lost. Asking for a token announces a reader; ticks
    wait until all that were announced are here.
    """

    def __init__(self) -> None:
        self._readers: dict[int, list[StreamConnection]] = {}
        self._announced: Counter[int] = Counter()
        self._waiting: list[Callable[[], None]] = []
        self._patience: asyncio.TimerHandle | None = None

    def announce(self, stream_id: int) -> None:
        """Expect a reader of a stream."""
        if len(self._announced) < _MAX_ANNOUNCED:
            self._announced[stream_id] += 1

    @property
    def is_complete(self) -> bool:
        """Whether all readers that were announced are here."""
        return not self._announced

    def when_complete(self, callback: Callable[[], None]) -> None:
        """Call back once all readers that were announced are here, or have had half a second to come."""
        self._waiting.append(callback)
        if self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(_ANNOUNCED_FOR_S, self._wake)

    def _wake(self) -> None:
        self._announced.clear()
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def subscribe(self, stream_id: int, reader: StreamConnection) -> None:
        """Add a reader; a stream id nobody sends on is legal and stays silent."""
        self._readers.setdefault(stream_id, []).append(reader)
        if self._announced[stream_id] <= 1:
            del self._announced[stream_id]
        else:
            self._announced[stream_id] -= 1
        if not self._announced and self._waiting:
            self._wake()

    def unsubscribe(self, stream_id: int, reader: StreamConnection) -> None:
        """Remove a reader."""
        readers = self._readers.get(stream_id, [])
        if reader in readers:
            readers.remove(reader)
        if not readers:
            self._readers.pop(stream_id, None)

    def has_subscribers(self, stream_id: int) -> bool:
        """True while somebody reads the stream."""
        return stream_id in self._readers

    def send(self, stream_id: int, *pieces: bytes | memoryview) -> None:
        """Push one packet to every reader of the stream; its pieces must not change afterwards."""
        for reader in self._readers.get(stream_id, ()):
            reader.push(*pieces)

    def close(self) -> None:
        """Drop all readers."""
        if self._patience is not None:
            self._patience.cancel()
        for readers in list(self._readers.values()):
            for reader in list(readers):
                reader.abort()
        self._readers.clear()


class StreamConnection(asyncio.Protocol):
    """One subscriber: sends a stream id, then only reads.

    Connections to unknown or destroyed streams are left open and idle, because a client whose connection is closed
    reconnects for ever.
    """

    def __init__(self, hub: StreamHub) -> None:
        self._hub = hub
        self._greeting = b""
        self._stream_id: int | None = None
        self._transport: asyncio.Transport | None = None
        self._lost = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; small packets must not wait for acknowledgements."""
        stream = cast(asyncio.Transport, transport)
        self._transport = stream
        stream.set_write_buffer_limits(high=_MAX_BACKLOG_BYTES)
        connection = stream.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Read the stream id; anything after it is ignored."""
        if self._stream_id is not None:
            return
        self._greeting += data[: 4 - len(self._greeting)]
        if len(self._greeting) == 4:
            self._stream_id = struct.unpack("<I", self._greeting)[0]
            self._hub.subscribe(self._stream_id, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the subscription."""
        if self._stream_id is not None:
            self._hub.unsubscribe(self._stream_id, self)

    def push(self, *pieces: bytes | memoryview) -> None:
        """Send a packet, or drop it when the reader is hopelessly behind."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > _MAX_BACKLOG_BYTES:
            self._lost += 1
            if self._lost == 1:
                log.warning("stream %s: its reader is too slow, packets are dropped", self._stream_id)
            return
        transport.writelines(pieces)

    def abort(self) -> None:
        """Close without waiting for the reader."""
        if self._transport is not None:
            self._transport.abort()
