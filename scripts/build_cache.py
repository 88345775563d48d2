#!/usr/bin/env python3
"""Prepare the data set of a training: ``python scripts/build_cache.py [key=value ...]``.

Takes the words of ``lead train`` and ``LEAD_TRAINING_CONFIG`` and does what ``lead cache build`` does, for the data set
``carla_root`` with ``assigned_cpu_cores`` processes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def words(arguments: list[str]) -> list[str]:
    """Words of ``lead cache build`` for the words of a training."""
    from lead.config.training import resolve_training

    config = resolve_training(arguments)
    workers = config.assigned_cpu_cores or os.cpu_count() or 1
    return [
        "cache", "build", config.carla_root, "--workers", str(workers),
        "--lidar-ticks", str(config.training_used_lidar_steps),
    ]  # fmt: skip


if __name__ == "__main__":
    from lead.cli.main import main
    from lead.errors import LeadError

    try:
        COMMAND = words(sys.argv[1:])
    except LeadError as error:
        sys.exit(f"build_cache.py: {error}")
    main(COMMAND)
