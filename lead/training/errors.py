"""Errors of a training."""

from __future__ import annotations

from lead.errors import LeadError


class TrainingError(LeadError):
    """A training cannot begin or go on; the text says why and what to do."""


class DivergenceError(TrainingError):
    """The loss grows or gradients are no numbers any more."""
