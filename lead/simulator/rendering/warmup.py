"""Compile the rendering kernels before a client waits for them.

Warp compiles kernels on first use and keeps them; the first time takes ten seconds or more, longer than some clients
wait for a tick. A marker file remembers which kernels were compiled, so that later starts need not even import Warp.
"""

from __future__ import annotations

import hashlib
import logging
import time
from importlib import metadata
from pathlib import Path

from lead.maps.towns import cache_dir
from lead.simulator.rendering.options import RenderOptions

logger = logging.getLogger(__name__)


def kernels_are_compiled(options: RenderOptions) -> bool:
    """Whether this machine has compiled these kernels for this back end before."""
    return _marker(options).exists()


def compile_kernels(options: RenderOptions) -> str:
    """Compile (or load) all kernels; returns the name of the back end they are for.

    Raises:
        LeadError: The back end that was asked for does not work here.
    """
    from lead.simulator.rendering.select import choose_backend  # imports Warp

    started_s = time.monotonic()
    backend = choose_backend(options.backend, options.threads)
    backend.close()
    marker = _marker(options)
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError as error:
        logger.info("cannot remember that the kernels are compiled: %s", error)
    logger.info("rendering kernels for %s ready after %.1f s", backend.name, time.monotonic() - started_s)
    return backend.name


def _marker(options: RenderOptions) -> Path:
    digest = hashlib.sha256(f"{options.backend} {metadata.version('warp-lang')}".encode())
    for source in sorted((Path(__file__).parent / "kernels").glob("*.py")):
        digest.update(source.read_bytes())
    return cache_dir() / "rendering" / f"compiled-{digest.hexdigest()[:16]}"
