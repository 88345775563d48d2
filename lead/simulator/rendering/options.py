"""How sensors are rendered: chosen by the user, apart from the renderer so that choosing imports nothing heavy."""

from __future__ import annotations

import os
from dataclasses import dataclass

from lead.errors import LeadError

BACKENDS = ("auto", "cuda", "embree", "cpu")
_MAX_THREADS = 256


@dataclass(frozen=True)
class RenderOptions:
    """How sensors are rendered.

    Attributes:
        backend: `auto`, `cuda`, `embree` or `cpu`.
        threads: Threads of the CPU back ends; None takes one per core.
        antialias: Whether edges in colour images are smoothed; None: on a GPU only.

    Raises:
        LeadError: A value makes no sense.
    """

    backend: str = "auto"
    threads: int | None = None
    antialias: bool | None = None

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise LeadError(f"there is no rendering back end {self.backend!r}; choose {', '.join(BACKENDS)}")
        if self.threads is not None and not 1 <= self.threads <= _MAX_THREADS:
            raise LeadError(f"rendering takes 1 to {_MAX_THREADS} threads, not {self.threads}")

    @classmethod
    def from_environment(cls) -> RenderOptions:
        """Options from `LEAD_RENDER_BACKEND` and `LEAD_RENDER_THREADS`, the defaults otherwise.

        Raises:
            LeadError: A value makes no sense.
        """
        threads = os.environ.get("LEAD_RENDER_THREADS", "")
        if threads and not threads.isdecimal():
            raise LeadError(f"LEAD_RENDER_THREADS must be a number of threads, not {threads!r}")
        return cls(os.environ.get("LEAD_RENDER_BACKEND") or "auto", int(threads) if threads else None)
