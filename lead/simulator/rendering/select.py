"""Which rendering back end this machine gets: the fastest that works, or the one that was asked for."""

from __future__ import annotations

import contextlib
import ctypes
import logging
from collections.abc import Callable

import numpy as np
import warp as wp

from lead.errors import LeadError
from lead.geometry.warp_runtime import initialise_warp
from lead.simulator.rendering.backend import Backend
from lead.simulator.rendering.environment import environment_from_weather
from lead.simulator.rendering.options import BACKENDS
from lead.simulator.rendering.scene import ColorStyle, Instances, Lights, RayBundle, View
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Look, MeshBuilder
from lead.simulator.world.weather import WeatherParameters

logger = logging.getLogger(__name__)

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h
_KEPT_BLOCK_BYTES, _KEPT_BYTES = 32 * 2**20, 512 * 2**20
_TOLERANCE_M = 1e-3
_FAST_MATH = " -mreassociate -freciprocal-math -fno-signed-zeros"
_WALL_M = 7.0


def _cuda(threads: int | None) -> Backend:
    if not wp.is_cuda_available():
        raise LeadError("there is no CUDA device that Warp can use")
    from lead.simulator.rendering.backends.bvh import BvhBackend

    return BvhBackend("cuda:0")


def _embree(threads: int | None) -> Backend:
    from lead.simulator.rendering.backends.embree import EmbreeBackend
    from lead.simulator.rendering.backends.embree_library import self_test

    self_test()
    return EmbreeBackend(threads)


def _cpu(threads: int | None) -> Backend:
    from lead.simulator.rendering.backends.bvh import BvhBackend

    return BvhBackend("cpu", threads)


MAKERS: dict[str, Callable[[int | None], Backend]] = {"cuda": _cuda, "embree": _embree, "cpu": _cpu}
"""Makers of back ends, fastest first."""


def choose_backend(name: str = "auto", threads: int | None = None) -> Backend:
    """A back end that passed its self-test.

    Args:
        name: `auto` takes the fastest that works; any other name takes that one or fails.
        threads: Threads of the CPU back ends; None takes one per core, 8 at most.

    Raises:
        LeadError: The name is unknown, or the back end (for `auto`: every one) does not work here.
    """
    if name not in BACKENDS:
        raise LeadError(f"there is no rendering back end {name!r}; choose {', '.join(BACKENDS)}")
    start_warp()
    reasons = []
    for candidate in MAKERS:
        if name not in ("auto", candidate):
            continue
        try:
            return _checked(candidate, threads)
        except (LeadError, RuntimeError, OSError) as error:
            reasons.append(f"{candidate}: {error}")
            logger.info("rendering back end %s is passed over: %s", candidate, error)
    raise LeadError(f"no rendering back end works here ({'; '.join(reasons)}); `lead doctor` says more")


def describe_backends() -> dict[str, str]:
    """For every back end, an empty text if it works here, or why it does not."""
    start_warp()
    found = {}
    for name in MAKERS:
        try:
            _checked(name, None).close()
            found[name] = ""
        except (LeadError, RuntimeError, OSError) as error:
            found[name] = str(error)
    return found


def _checked(name: str, threads: int | None) -> Backend:
    """A new back end that passed its self-test; one that fails is released."""
    backend = MAKERS[name](threads)
    try:
        check(backend)
    except BaseException:
        backend.close()
        raise
    return backend


def start_warp() -> None:
    """Initialise Warp, silently and without gradients."""
    _keep_freed_memory()
    wp.config.enable_backward = False
    if flags := getattr(wp.config, "cpu_compiler_flags", None):
        # Sums may be reordered, but infinities stay what they are: rays that hit nothing have them.
        wp.config.cpu_compiler_flags = f"{flags.removesuffix(_FAST_MATH)}{_FAST_MATH}"
    initialise_warp()
    if wp.is_cuda_available():
        # The toolkit in the wheel may be newer than the driver, which then cannot read its intermediate code.
        wp.config.cuda_output = "cubin"


def _keep_freed_memory() -> None:
    """Let the C library keep the memory of the last frame for the next one.

    Images and their intermediate results are megabytes each; by default glibc gives such blocks back to the system at
    once, and the faults of getting them anew cost a fifth of the rendering time. Other libraries do without.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BLOCK_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def check(backend: Backend) -> None:
    """Let a back end draw a wall and cast a ray at it; this also compiles or loads all its kernels.

    Raises:
        LeadError: It gets the distance, the class or the picture wrong.
    """
    builder = MeshBuilder()
    corners = [[_WALL_M, -9.0, -9.0], [_WALL_M, 9.0, -9.0], [_WALL_M, 9.0, 9.0], [_WALL_M, -9.0, 9.0]]
    builder.quad(corners, Look((200, 40, 40), Material.PLAIN, Label.WALLS))
    backend.set_tile("self-test", builder.build(), np.zeros(3))
    backend.update(Instances(), environment_from_weather(WeatherParameters(), 0.0), Lights())
    view = View(np.zeros(3), np.eye(3), 8, 8, 90.0)
    frame = backend.render([view], antialias=True)
    truth, color = frame.ground_truth()[0], frame.color(ColorStyle())[0]
    frame.normals()
    frame.flow([view])
    ray = backend.cast([RayBundle(np.zeros(3), np.array([[1.0, 0.0, 0.0]], np.float32), 50.0)])[0]
    backend.drop_tile("self-test")
    wrong = abs(float(truth.depth[4, 4]) - _WALL_M), abs(float(ray.distance[0]) - _WALL_M)
    if max(wrong) > _TOLERANCE_M or truth.label[4, 4] != Label.WALLS or not color[4, 4, 2] > color[4, 4, 0]:
        raise LeadError(f"the self-test of the rendering back end {backend.name} failed")
