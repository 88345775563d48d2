"""Starts Warp, which compiles our kernels, without its greetings; for all rooms that have kernels."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import warp as wp


def initialise_warp() -> None:
    """Initialise Warp silently; a second call does nothing."""
    if hasattr(wp, "LOG_ERROR"):
        wp.config.log_level = wp.LOG_ERROR
    else:  # Warp before it had levels
        wp.config.quiet = True
    with _silent_stderr():
        wp.init()


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep native code quiet: Warp's warns of every machine without a GPU, whatever its log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
