"""The RPC listener: msgpack-RPC requests in, wrapped replies out, strictly in order per connection."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from typing import cast

import msgpack

from lead.simulator.protocol.calls import dispatch
from lead.simulator.protocol.session import Session

log = logging.getLogger(__name__)

_REQUEST, _RESPONSE = 0, 1
_MAX_REQUEST_BYTES = 512 * 1024 * 1024
_MAX_ARRAY = 1 << 22
"""A 2048 x 2048 texture is the longest array a client sends; the unpacker reserves what a header announces."""
_MAX_MAP = 1 << 10
_TM_REGISTRATION = "add_traffic_manager_running"
_TICK, _BATCH = "tick_cue", "apply_batch"


class RpcConnection(asyncio.Protocol):
    """One client connection.

    A connection that sends something else than msgpack-RPC is closed; the others never notice.
    """

    def __init__(self, session: Session, connections: set[RpcConnection]) -> None:
        self._session = session
        self._connections = connections
        self._unpacker = msgpack.Unpacker(
            raw=False,
            strict_map_key=False,
            max_buffer_size=_MAX_REQUEST_BYTES,
            max_array_len=_MAX_ARRAY,
            max_map_len=_MAX_MAP,
            max_ext_len=_MAX_MAP,
        )
        self._packer = msgpack.Packer(use_bin_type=True)
        self._transport: asyncio.Transport | None = None
        self._traffic_manager_ports: list[int] = []
        self._requests: deque[object] = deque()
        self._waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        stream = cast(asyncio.Transport, transport)
        self._transport = stream
        self._connections.add(self)
        stream.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Answer every complete request in the buffer."""
        try:
            self._unpacker.feed(data)
            for message in self._unpacker:
                self._requests.append(message)
                self._work()
        except (ValueError, msgpack.exceptions.UnpackException, msgpack.exceptions.BufferFull) as error:
            log.warning("closing a connection that does not speak msgpack-RPC: %s", error)
            assert self._transport is not None
            self._transport.abort()

    def _work(self) -> None:
        """Answer requests in order; a tick, and what follows it, may have to wait for readers to connect."""
        while self._requests and not self._waits:
            if self._is_premature(self._requests[0]):
                self._waits = True
                self._session.streams.when_complete(self._go_on)
                return
            answer = self._answer(self._requests.popleft())
            if self._transport is not None:
                self._transport.write(answer)

    def _is_premature(self, message: object) -> bool:
        session = self._session
        return not session.streams.is_complete and session.world.settings.synchronous and _ticks(message)

    def _go_on(self) -> None:
        self._waits = False
        if self._transport is None or self._transport.is_closing():
            return
        try:
            self._work()
        except ValueError as error:
            log.warning("closing a connection that does not speak msgpack-RPC: %s", error)
            self._transport.abort()

    def _answer(self, message: object) -> bytes:
        if not isinstance(message, list) or len(message) != 4 or message[0] != _REQUEST:
            raise ValueError("not a request")
        _, message_id, name, parameters = message
        if not isinstance(message_id, int) or not isinstance(name, str) or not isinstance(parameters, list):
            raise ValueError("malformed request")
        reply = dispatch(self._session, name, parameters[1:])
        if name == _TM_REGISTRATION and reply == [[1, True]]:
            self._traffic_manager_ports.append(parameters[1][1])
        return bytes(self._packer.pack([_RESPONSE, message_id, None, reply]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and the Traffic Managers that lived in its process."""
        self._connections.discard(self)
        for port in self._traffic_manager_ports:
            self._session.traffic_managers.pop(port, None)

    def close(self) -> None:
        """Close after pending replies are flushed."""
        if self._transport is not None:
            self._transport.close()


def _ticks(message: object) -> bool:
    """Whether a request makes a synchronous world step: a tick cue, or a batch that ends with one."""
    if not isinstance(message, list) or len(message) != 4:
        return False
    _, _, name, parameters = message
    return name == _TICK or (name == _BATCH and isinstance(parameters, list) and parameters[2:3] == [True])
