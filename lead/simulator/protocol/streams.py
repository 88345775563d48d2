"""The streaming listener: one TCP connection per subscribed stream, packets pushed as they are made."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import cast

log = logging.getLogger(__name__)

_MAX_BACKLOG_BYTES = 64 * 1024 * 1024
"""A reader that is this far behind loses packets instead of eating the server's memory."""


class StreamHub:
    """Who listens to which stream."""

    def __init__(self) -> None:
        self._readers: dict[int, list[StreamConnection]] = {}

    def subscribe(self, stream_id: int, reader: StreamConnection) -> None:
        """Add a reader; a stream id nobody sends on is legal and stays silent."""
        self._readers.setdefault(stream_id, []).append(reader)

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

    def send(self, stream_id: int, head: bytes, body: bytes) -> None:
        """Push one packet to every reader of the stream."""
        for reader in self._readers.get(stream_id, ()):
            reader.push(head, body)

    def close(self) -> None:
        """Drop all readers."""
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

    def push(self, head: bytes, body: bytes) -> None:
        """Send a packet, or drop it when the reader is hopelessly behind."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > _MAX_BACKLOG_BYTES:
            self._lost += 1
            if self._lost == 1:
                log.warning("stream %s: its reader is too slow, packets are dropped", self._stream_id)
            return
        transport.writelines((head, body))

    def abort(self) -> None:
        """Close without waiting for the reader."""
        if self._transport is not None:
            self._transport.abort()
