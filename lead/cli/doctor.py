"""``lead doctor``: look at everything LEAD needs from this machine, one line each.

Every check runs even if an earlier one fails, and none of them can take the command down with it: torch,
which may be absent or broken, is imported in a process of its own.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from lead.maps import towns

Status = Literal["ok", "info", "warn", "fail"]

SUPPORTED_PYTHON = ((3, 10), (3, 12))
SUPPORTED_CARLA = ("0.9.15", "0.9.16")
MINIMUM_TORCH = (2, 9)
CORE_LIBRARIES = ("numpy", "scipy", "shapely", "lxml", "msgpack", "uvloop", "omegaconf", "cv2", "rich", "warp")
RPC_PORT, STREAMING_PORT, TRAFFIC_MANAGER_PORT = 2000, 2001, 8000
DISK_WARN_GB, DISK_FAIL_GB = 5.0, 0.2
MEMORY_WARN_GIB = 4.0
TORCH_TIMEOUT_S = 120.0
TORCH_PROBE = """
import json, torch
cuda = torch.cuda.is_available()
names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if cuda else []
print(json.dumps({"version": torch.__version__, "devices": names}))
"""
COLOURS = {"ok": "green", "info": "blue", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        name: What was looked at.
        status: ``fail`` if something needed is missing, ``warn`` if something will be limited, ``info`` for
            optional things that are absent.
        detail: What was found.
        advice: What to do about it; empty if nothing.
    """

    name: str
    status: Status
    detail: str
    advice: str = ""


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Check this machine, one line per finding.

    Exits with 1 if something that LEAD needs is missing, and says what to do.

    \b
    Examples:
      lead doctor
      lead doctor --json
    """
    findings = list(examine())
    healthy = all(finding.status != "fail" for finding in findings)
    if as_json:
        typer.echo(json.dumps({"healthy": healthy, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        for finding in findings:
            label = typer.style(f"{finding.status:<4}", fg=COLOURS[finding.status])
            typer.echo(f"{label}  {finding.name:<12}  {finding.detail}")
            if finding.advice:
                typer.echo(f"{'':<20}-> {finding.advice}")
    if not healthy:
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Run all checks, needed things first."""
    yield check_python(sys.version_info[:3])
    yield check_carla()
    yield check_libraries(CORE_LIBRARIES)
    yield check_ffmpeg()
    yield check_towns()
    yield check_disk("disk cache", towns.cache_dir())
    yield check_disk("disk project", Path.cwd())
    yield check_machine()
    yield check_rendering()
    yield from check_ports()
    yield from check_torch()


def check_python(version: tuple[int, ...]) -> Finding:
    """Compare the interpreter's version with the supported ones."""
    detail = f"{'.'.join(map(str, version))} ({sys.executable})"
    low, high = SUPPORTED_PYTHON
    if low <= version[:2] <= high:
        return Finding("python", "ok", detail)
    advice = "use Python 3.10, 3.11 or 3.12: the carla wheels exist for no other version"
    return Finding("python", "fail", detail, advice)


def check_carla() -> Finding:
    """Import the CARLA client and look at its version."""
    advice = "pip install carla==0.9.16 (0.9.15 exists for Python 3.10 only)"
    try:
        importlib.import_module("carla")
        version = importlib.metadata.version("carla")
    except ImportError as error:
        return Finding("carla", "fail", f"the client cannot be imported ({error})", advice)
    if version not in SUPPORTED_CARLA:
        return Finding("carla", "fail", f"client {version} is not supported", advice)
    return Finding("carla", "ok", f"client {version}")


def check_libraries(names: tuple[str, ...]) -> Finding:
    """Import the libraries that every command may need."""
    broken = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            broken.append(f"{name} ({error})")
    if broken:
        return Finding("libraries", "fail", "cannot import " + ", ".join(broken), "pip install -e . in the project")
    return Finding("libraries", "ok", ", ".join(names))


def check_ffmpeg() -> Finding:
    """Find the ffmpeg program that writes the videos."""
    try:
        imageio_ffmpeg = importlib.import_module("imageio_ffmpeg")
        detail = f"{imageio_ffmpeg.get_ffmpeg_version()} ({imageio_ffmpeg.get_ffmpeg_exe()})"
    except (ImportError, RuntimeError) as error:
        return Finding("ffmpeg", "fail", f"not usable ({error})", "pip install --force-reinstall imageio-ffmpeg")
    return Finding("ffmpeg", "ok", detail)


def check_towns() -> Finding:
    """Count the installed towns and verify their checksums."""
    states = {town: towns.town_state(town) for town in towns.TOWNS}
    damaged = [town for town, state in states.items() if state == "damaged"]
    missing = [town for town, state in states.items() if state == "missing"]
    intact = len(states) - len(damaged) - len(missing)
    detail = f"{intact} of {len(states)} installed in {towns.cache_dir() / 'towns'}"
    if damaged:
        return Finding("towns", "fail", f"{detail}; damaged: {', '.join(damaged)}", "lead towns install")
    if len(missing) == len(states):
        return Finding("towns", "fail", detail, "lead towns install")
    if missing:
        return Finding("towns", "warn", f"{detail}; missing: {', '.join(missing)}", "lead towns install")
    return Finding("towns", "ok", detail)


def check_disk(name: str, folder: Path) -> Finding:
    """Measure the free space where a folder lies or will be made."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free_gb = shutil.disk_usage(existing).free / 1e9
    detail = f"{free_gb:.1f} GB free in {folder}"
    if not os.access(existing, os.W_OK):
        return Finding(name, "fail", f"{existing} is not writable", "set LEAD_CACHE_DIR, or work in another folder")
    if free_gb < DISK_FAIL_GB:
        return Finding(name, "fail", detail, "free some space")
    if free_gb < DISK_WARN_GB:
        return Finding(name, "warn", detail, "videos and results of longer runs need more space")
    return Finding(name, "ok", detail)


def check_machine() -> Finding:
    """Count processor cores and memory."""
    cores = len(os.sched_getaffinity(0))
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    detail = f"{cores} cores, {memory_gib:.1f} GiB memory"
    if memory_gib < MEMORY_WARN_GIB:
        return Finding("machine", "warn", detail, "the large towns (Town12, Town13) may not fit into memory")
    return Finding("machine", "ok", detail)


def check_rendering() -> Finding:
    """Let every rendering back end draw its test scene."""
    from lead.simulator.rendering.select import describe_backends

    reasons = describe_backends()
    working = [name for name, reason in reasons.items() if not reason]
    broken = "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason)
    if not working:
        return Finding("rendering", "fail", broken, "pip install --force-reinstall warp-lang embreex")
    detail = ", ".join(working) + (f" ({broken})" if broken else "")
    if working == ["cpu"]:
        return Finding("rendering", "warn", detail, "without embreex, rendering on the CPU is several times slower")
    return Finding("rendering", "ok", detail)


def check_ports() -> Iterator[Finding]:
    """See whether the usual ports are free, and whether a CARLA server is behind them."""
    server = None if _is_free(RPC_PORT) else _carla_version_behind(RPC_PORT)
    purposes = {
        RPC_PORT: "simulator",
        STREAMING_PORT: "sensor streams",
        TRAFFIC_MANAGER_PORT: "Traffic Manager",
    }
    for port, purpose in purposes.items():
        name = f"port {port}"
        if _is_free(port):
            yield Finding(name, "ok", f"free ({purpose})")
        elif server is not None and port in (RPC_PORT, STREAMING_PORT):
            yield Finding(name, "ok", f"a CARLA {server} server answers ({purpose})")
        elif port == TRAFFIC_MANAGER_PORT:
            yield Finding(name, "warn", f"in use ({purpose})", "stop the other Traffic Manager or choose another port")
        else:
            advice = "use another port (--port), or stop that program"
            yield Finding(name, "warn", f"in use by a program that is no CARLA server ({purpose})", advice)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _carla_version_behind(port: int) -> str | None:
    """Ask the program behind a port for its CARLA version; None if it has none or msgpack is missing."""
    try:
        launch = importlib.import_module("lead.simulator.launch")
    except ImportError:
        return None
    version: str | None = launch.server_answers("127.0.0.1", port)
    return version


def check_torch() -> Iterator[Finding]:
    """Look for torch and CUDA devices from a separate process."""
    if importlib.util.find_spec("torch") is None:
        yield Finding("torch", "info", "not installed (only learned drivers and training use it)")
        return
    try:
        result = subprocess.run(
            [sys.executable, "-c", TORCH_PROBE],
            capture_output=True,
            text=True,
            check=False,
            timeout=TORCH_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        yield Finding("torch", "warn", f"import took over {TORCH_TIMEOUT_S:.0f} s", "reinstall torch")
        return
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]
        yield Finding("torch", "warn", f"installed but broken: {reason}", "reinstall torch")
        return
    probe = json.loads(result.stdout.splitlines()[-1])
    version = tuple(int(part) for part in probe["version"].split(".")[:2])
    if version < MINIMUM_TORCH:
        yield Finding("torch", "warn", probe["version"], "install torch 2.9 or later")
    else:
        yield Finding("torch", "ok", probe["version"])
    yield Finding(
        "cuda",
        "ok" if probe["devices"] else "info",
        ", ".join(probe["devices"]) or "no device; torch runs on the CPU",
    )
