"""What can go wrong between a checkpoint folder and a prediction."""

from __future__ import annotations

from lead.errors import LeadError


class CheckpointError(LeadError):
    """A checkpoint folder or one of its files cannot be used; the text says why and what to do."""


class InferenceError(LeadError):
    """A prediction cannot be made on this device or from these inputs."""
