"""The self-test catches back ends that draw wrongly, and the choice passes over them or says why it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import warp as wp

from lead.errors import LeadError
from lead.maps.towns import installed_towns
from lead.simulator.launch import free_port
from lead.simulator.rendering import select
from lead.simulator.rendering.backend import Backend, Frame
from lead.simulator.rendering.options import RenderOptions
from lead.simulator.rendering.scene import ColorStyle, GroundTruth, RayBundle, RayHits, View
from lead.simulator.rendering.select import check, choose_backend, describe_backends

FLAWS = ("depth", "label", "color", "ray", "raises")


class FlawedFrame:
    """A real frame, of which one thing is wrong."""

    def __init__(self, frame: Frame, flaw: str) -> None:
        self._frame, self._flaw = frame, flaw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._frame, name)

    def ground_truth(self) -> list[GroundTruth]:
        """Depth 2 mm off, or the class of something else."""
        truths = self._frame.ground_truth()
        if self._flaw == "depth":
            return [truth._replace(depth=truth.depth + np.float32(0.002)) for truth in truths]
        if self._flaw == "label":
            return [truth._replace(label=truth.label + np.uint8(1)) for truth in truths]
        return truths

    def color(self, style: ColorStyle) -> list[np.ndarray]:
        """Red and blue exchanged."""
        pictures = self._frame.color(style)
        return [picture[..., [2, 1, 0, 3]] for picture in pictures] if self._flaw == "color" else pictures


class FlawedBackend:
    """A real back end, of which one thing is wrong."""

    def __init__(self, backend: Backend, flaw: str) -> None:
        self._backend, self._flaw = backend, flaw
        self.name = f"flawed {backend.name}"
        self.closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def render(self, views: Sequence[View], *, colors: bool = True, antialias: bool = False) -> FlawedFrame:
        """See the class."""
        if self._flaw == "raises":
            raise RuntimeError("the kernel does not launch")
        return FlawedFrame(self._backend.render(views, colors=colors, antialias=antialias), self._flaw)

    def cast(self, bundles: Sequence[RayBundle]) -> list[RayHits]:
        """Distances 2 mm off."""
        off = np.float32(0.002 if self._flaw == "ray" else 0.0)
        return [hits._replace(distance=hits.distance - off) for hits in self._backend.cast(bundles)]

    def close(self) -> None:
        """Close the real one."""
        self.closed = True
        self._backend.close()


@pytest.fixture
def breakable(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], list[FlawedBackend]]:
    """Breaks the maker of a back end; what it makes is collected in the list."""

    def break_it(kind: str, flaw: str) -> list[FlawedBackend]:
        made: list[FlawedBackend] = []
        make = select.MAKERS[kind]

        def flawed(threads: int | None) -> FlawedBackend:
            made.append(FlawedBackend(make(threads), flaw))
            return made[-1]

        monkeypatch.setitem(select.MAKERS, kind, flawed)
        return made

    return break_it


def test_a_faultless_backend_passes_and_keeps_nothing_of_the_test(backend: Backend) -> None:
    check(backend)
    assert backend.triangles() == 0


@pytest.mark.parametrize("flaw", ["depth", "label", "color", "ray"])
def test_the_self_test_finds_what_is_wrong(backend: Backend, flaw: str) -> None:
    flawed = FlawedBackend(backend, flaw)
    with pytest.raises(LeadError, match="self-test of the rendering back end flawed"):
        check(flawed)


@pytest.mark.parametrize("flaw", FLAWS)
def test_auto_passes_over_a_broken_backend_and_takes_the_next(
    breakable: Callable[[str, str], list[FlawedBackend]], flaw: str
) -> None:
    working = [name for name, reason in describe_backends().items() if not reason]
    if len(working) < 2:
        pytest.skip("only one back end works on this machine")
    made = breakable(working[0], flaw)
    chosen = choose_backend("auto")
    assert chosen.name == working[1]
    assert len(made) == 1 and made[0].closed, "the broken one was tried and given back"
    chosen.close()
    assert describe_backends()[working[0]]
    assert made[1].closed


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_broken_backend_that_was_asked_for_is_no_silent_replacement(
    breakable: Callable[[str, str], list[FlawedBackend]], flaw: str
) -> None:
    breakable("cpu", flaw)
    with pytest.raises(LeadError, match=r"no rendering back end works here \(cpu: .+\); `lead doctor` says more"):
        choose_backend("cpu")


def test_embree_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unloadable(threads: int | None) -> Backend:
        raise OSError("libembree4.so.4: cannot open shared object file")

    monkeypatch.setitem(select.MAKERS, "embree", unloadable)
    with pytest.raises(LeadError, match=r"embree: libembree4\.so\.4"):
        choose_backend("embree")
    assert choose_backend("auto").name != "embree"


def test_with_nothing_that_works_every_reason_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(threads: int | None) -> Backend:
        raise LeadError("not today")

    for kind in select.MAKERS:
        monkeypatch.setitem(select.MAKERS, kind, refuse)
    with pytest.raises(LeadError, match="cuda: not today; embree: not today; cpu: not today"):
        choose_backend()


def test_unknown_names_and_thread_counts_are_refused() -> None:
    with pytest.raises(LeadError, match="no rendering back end 'vulkan'; choose auto, cuda, embree, cpu"):
        choose_backend("vulkan")
    with pytest.raises(LeadError, match="'vulkan'"):
        RenderOptions(backend="vulkan")
    for threads in (0, -1, 100_000):
        with pytest.raises(LeadError, match="threads"):
            RenderOptions(threads=threads)


def test_the_environment_chooses_backend_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEAD_RENDER_BACKEND", raising=False)
    monkeypatch.delenv("LEAD_RENDER_THREADS", raising=False)
    assert RenderOptions.from_environment() == RenderOptions()
    monkeypatch.setenv("LEAD_RENDER_BACKEND", "cpu")
    monkeypatch.setenv("LEAD_RENDER_THREADS", "3")
    assert RenderOptions.from_environment() == RenderOptions("cpu", 3)
    for words in ("many", "-2", "0", "1.5"):
        monkeypatch.setenv("LEAD_RENDER_THREADS", words)
        with pytest.raises(LeadError, match="threads"):
            RenderOptions.from_environment()
    monkeypatch.setenv("LEAD_RENDER_THREADS", "")
    monkeypatch.setenv("LEAD_RENDER_BACKEND", "vulkan")
    with pytest.raises(LeadError, match="vulkan"):
        RenderOptions.from_environment()


def simulate(*words: str, **environment: str) -> subprocess.Popen[str]:
    """``lead sim`` as a process."""
    command = [sys.executable, "-m", "lead", "sim", "--town", "Town01", "--port", str(free_port()), *words]
    return subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def refusal(process: subprocess.Popen[str]) -> str:
    """What a command that must fail says."""
    output, errors = process.communicate(timeout=60.0)
    assert process.returncode in (1, 2), (output, errors)
    assert "Traceback" not in errors
    return errors


needs_town01 = pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed")


@needs_town01
def test_the_command_refuses_unknown_backends_from_option_and_environment() -> None:
    asked = [simulate("--render-backend", "vulkan"), simulate(LEAD_RENDER_BACKEND="vulkan")]
    asked.append(simulate("--render-threads", "0"))
    option, variable, threads = (refusal(process) for process in asked)
    assert "vulkan" in option and "embree" in option
    assert "vulkan" in variable and "embree" in variable
    assert "render-threads" in threads


@needs_town01
def test_the_command_says_at_the_start_that_a_backend_does_not_work() -> None:
    if wp.is_cuda_available():
        pytest.skip("CUDA works here")
    message = refusal(simulate("--render-backend", "cuda"))
    assert "cuda: there is no CUDA device" in message and "lead doctor" in message


@needs_town01
def test_the_option_wins_over_the_environment() -> None:
    process = simulate("--render-backend", "cpu", "--render-threads", "1", LEAD_RENDER_BACKEND="cuda")
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        if "compiling" in lines[0]:
            lines.append(process.stdout.readline())
        assert lines[-1].startswith("listening on"), lines
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10.0) == 0
    finally:
        process.kill()
        process.communicate()
