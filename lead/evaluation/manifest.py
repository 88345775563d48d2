"""What a score has to be repeatable from: the exact settings, versions, files and seeds of a run, as JSON."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from lead import __version__
from lead.config.model_choice import checkpoint_folder
from lead.evaluation.supervisor import DriveSettings
from lead.evaluation.tasks import RouteTask

LIBRARIES = ("carla", "numpy", "scipy", "warp-lang", "embreex", "torch", "timm", "py-trees")
VARIABLES = ("LEAD_CLOSED_LOOP_CONFIG", "LEAD_OPEN_LOOP_CONFIG", "LEAD_TRAINING_CONFIG", "LEAD_EXPERT_CONFIG")
WEIGHT_PATTERNS = ("config.json", "config.yaml", "*.pth", "*.ckpt", "*.pt", "*.safetensors")
_BLOCK = 1 << 20


def manifest(
    tasks: Sequence[RouteTask], settings: DriveSettings, closed_loop: Mapping[str, Any], simulator: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe a run.

    Args:
        tasks: Tasks of the evaluation, finished ones included.
        settings: How they are driven.
        closed_loop: Resolved closed-loop configuration.
        simulator: The user's choice of the simulator.

    Returns:
        JSON data.
    """
    files = sorted({task.routes_file for task in tasks})
    return {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "versions": versions(),
        "machine": {"system": platform.platform(), "cpus": os.cpu_count()},
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "profile": settings.profile.as_json(),
        "agent": {"name": settings.agent, "config": settings.agent_config, **weights_of(settings)},
        "closed_loop": dict(closed_loop),
        "simulator": dict(simulator),
        "traffic": settings.traffic,
        "scenarios": settings.scenarios,
        "timeout_s": settings.timeout_s,
        "retries": settings.retries,
        "routes": {str(path): sha256_of(path) for path in files},
        "seeds": {task.stem: task.seed for task in tasks},
    }


def versions() -> dict[str, str]:
    """Versions of LEAD, Python and the libraries that have a say in results; absent ones are left out."""
    found = {"lead": __version__, "python": platform.python_version()}
    commit = _commit()
    if commit:
        found["commit"] = commit
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def weights_of(settings: DriveSettings) -> dict[str, Any]:
    """Hashes of an agent's own file, and of weights and configuration in its folder."""
    result: dict[str, Any] = {}
    agent_file = Path(settings.agent)
    if agent_file.suffix == ".py" and agent_file.is_file():
        result["sha256"] = sha256_of(agent_file)
    folder = Path(checkpoint_folder(settings.agent_config)) if settings.agent_config else None
    if folder is not None and folder.is_dir():
        files = sorted({path for pattern in WEIGHT_PATTERNS for path in folder.glob(pattern)})
        result["files"] = {path.name: sha256_of(path) for path in files}
    return result


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _commit() -> str:
    """Return the commit of a clone, with "+" if files were changed; empty outside of one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        words = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
        return subprocess.run(words, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
