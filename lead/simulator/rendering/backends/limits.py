"""Numbers and markers that the modules of this package share."""

from __future__ import annotations

from typing import Any

FIRST_INSTANCE = 1024
"""Slots below are for tiles, those from here on for instances."""
SHADOW_DEPTH_M, SHADOW_FAR_M = 150.0, 160.0
"""Surfaces farther away lie in the sun; things farther away cast no shadow."""
RAY_START_M = 1e-4
FIRST_THREAD: Any = object()
"""Stands for the number of a chunk's first thread among a kernel's inputs."""
EXTRA_SAMPLES = ((0.25, -0.375), (-0.375, -0.25), (-0.125, 0.375))
"""Where in an edge pixel further rays go, from its centre, besides the first one through the centre."""
MAX_PIXELS = 4_000_000
"""Larger pictures are drawn in bands of rows, so that the memory for intermediate results stays bounded."""
