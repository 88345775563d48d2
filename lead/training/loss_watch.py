"""Watches the loss without making the GPU wait, warns when it grows and ends a training that has diverged."""

from __future__ import annotations

import logging
import math
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from lead.training.optimisation import StepOutcome

LOG = logging.getLogger(__name__)

LAG_STEPS = 2
"""Numbers of so many last steps may still be on the GPU."""
MEMORY = 0.98
"""Share of the old mean that stays at each step: the mean is over some 50 steps."""
SETTLING_STEPS = 100
ALARM_SHARE = 0.3
"""A warning comes when the mean has grown to this share of what ends the training."""


@dataclass
class WatchState:
    """What is remembered.

    Attributes:
        seen: Steps that were looked at.
        skipped: Steps without a finite gradient.
        in_a_row: The same, one after the other up to the last step.
        mean: Loss over about the last 50 steps.
        least: The least value of ``mean``.
        loss: Loss of the last step.
        gradient_norm: Its gradient's length.
        is_alarmed: A warning has been given.
    """

    seen: int = 0
    skipped: int = 0
    in_a_row: int = 0
    mean: float = 0.0
    least: float = math.inf
    loss: float = 0.0
    gradient_norm: float = 0.0
    is_alarmed: bool = False


class LossWatch:
    """Looks at each step's loss and gradient a little later."""

    def __init__(self, *, max_skipped: int, divergence_factor: float) -> None:
        """Set the limits.

        Args:
            max_skipped: Skipped steps in a row that are divergence.
            divergence_factor: So many times the least mean loss is divergence.
        """
        self.state = WatchState()
        self._max_skipped, self._factor = max_skipped, divergence_factor
        self._pending: deque[tuple[Tensor, torch.cuda.Event | None]] = deque()

    def push(self, loss: Tensor, outcome: StepOutcome) -> None:
        """Note a step, and look at those whose numbers have arrived."""
        numbers = torch.stack((loss.detach().float(), outcome.gradient_norm.float(), outcome.is_skipped))
        arrived: torch.cuda.Event | None = None
        if numbers.is_cuda:
            on_host = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
            on_host.copy_(numbers, non_blocking=True)
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record()
            numbers = on_host
        self._pending.append((numbers, arrived))
        while len(self._pending) > (LAG_STEPS if arrived is not None else 0):
            self._look(*self._pending.popleft())

    def flush(self) -> None:
        """Look at all steps so far."""
        while self._pending:
            self._look(*self._pending.popleft())

    def complaint(self) -> str | None:
        """Say why the training must end; None if it may go on."""
        state = self.state
        if state.in_a_row >= self._max_skipped:
            return f"{state.in_a_row} steps in a row had no finite gradient (the last loss was {state.loss:g})"
        if state.seen > SETTLING_STEPS and state.mean > self._factor * state.least:
            return f"the loss has grown from {state.least:.4g} to {state.mean:.4g}, averaged over 50 steps"
        return None

    def save(self) -> dict[str, Any]:
        """Return what :meth:`load` needs."""
        return asdict(self.state)

    def load(self, saved: dict[str, Any]) -> None:
        """Go on from what was saved."""
        self.state = WatchState(**saved)

    def _look(self, numbers: Tensor, arrived: torch.cuda.Event | None) -> None:
        if arrived is not None:
            arrived.synchronize()
        state = self.state
        loss, norm, skipped = numbers.tolist()
        state.seen += 1
        state.loss, state.gradient_norm = loss, norm
        if skipped or not math.isfinite(loss):
            state.skipped += 1
            state.in_a_row += 1
            if state.in_a_row == 1:
                LOG.warning("step skipped: loss %g, length of the gradient %g", loss, norm)
            return
        state.in_a_row = 0
        # The mean of the first steps is a plain one, so that it does not begin at the very first loss.
        weight = max(1.0 - MEMORY, 1.0 / (state.seen - state.skipped))
        state.mean += weight * (loss - state.mean)
        if state.seen <= SETTLING_STEPS:
            return
        state.least = min(state.least, state.mean)
        if not state.is_alarmed and state.mean > max(1.0, ALARM_SHARE * self._factor) * state.least * 1.01:
            state.is_alarmed = True
            LOG.warning("the loss is growing: %.4g, the least was %.4g", state.mean, state.least)
