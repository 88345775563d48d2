"""Which GPU a process that is started here sees.

Numbers that users give count the GPUs they can see, so a machine's scheduler that has handed out some of them by
``CUDA_VISIBLE_DEVICES`` is obeyed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from lead.errors import LeadError

VARIABLE = "CUDA_VISIBLE_DEVICES"


class GpuError(LeadError):
    """There is no such GPU to be seen."""


def visible_gpu(number: int, environ: Mapping[str, str] | None = None) -> str:
    """Return the value of ``CUDA_VISIBLE_DEVICES`` for a process that shall see one GPU.

    Args:
        number: Among the GPUs that can be seen, from 0.
        environ: Environment to read; the process's own by default. Where all GPUs are hidden, they stay so.

    Raises:
        GpuError: If fewer GPUs can be seen.
    """
    listed = (os.environ if environ is None else environ).get(VARIABLE)
    if listed is None:
        return str(number)
    names = [word.strip() for word in listed.split(",") if word.strip()]
    if not names:
        return ""
    if number >= len(names):
        raise GpuError(f"there is no GPU {number}: {VARIABLE}={listed} shows {len(names)}, counted from 0")
    return names[number]
