"""The table of remote calls: each handler registers under its RPC name and says what kind of reply it has."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from lead.simulator.protocol.wire import VOID, Reply, error_reply, value_reply
from lead.simulator.world.actors import WorldError

if TYPE_CHECKING:
    from lead.simulator.protocol.session import Session

log = logging.getLogger(__name__)

Handler = Callable[..., object]

_VALUE: dict[str, Handler] = {}
_VOID: dict[str, Handler] = {}
_BARE: dict[str, Handler] = {}


def value_call(name: str) -> Callable[[Handler], Handler]:
    """Register a handler whose result travels to the caller."""
    return _registrar(_VALUE, name)


def void_call(name: str) -> Callable[[Handler], Handler]:
    """Register a handler without a result."""
    return _registrar(_VOID, name)


def bare_call(name: str) -> Callable[[Handler], Handler]:
    """Register a handler whose result is the reply itself, unwrapped."""
    return _registrar(_BARE, name)


def _registrar(table: dict[str, Handler], name: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        if name in _VALUE or name in _VOID or name in _BARE:
            raise ValueError(f"call {name} is registered twice")
        table[name] = handler
        return handler

    return register


def known_calls() -> list[str]:
    """Names of all remote calls, sorted."""
    return sorted([*_VALUE, *_VOID, *_BARE])


def dispatch(session: Session, name: str, arguments: list[object]) -> Reply:
    """Run one call and wrap its outcome; nothing a client sends raises here.

    Args:
        session: What the calls act on.
        name: RPC method name.
        arguments: Arguments without the leading metadata element.
    """
    try:
        if name in _VALUE:
            return value_reply(_VALUE[name](session, *arguments))
        if name in _VOID:
            _VOID[name](session, *arguments)
            return VOID
        if name in _BARE:
            result = _BARE[name](session, *arguments)
            assert isinstance(result, list)
            return result
    except WorldError as error:
        return error_reply(str(error))
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError) as error:
        log.warning("call %s failed: %s", name, error, exc_info=log.isEnabledFor(logging.DEBUG))
        return error_reply(f"bad arguments for {name}: {error}")
    log.warning("unknown call %s", name)
    return error_reply(f"not implemented: {name}")
