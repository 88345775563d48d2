"""The error of everything that reads or writes recorded routes."""

from __future__ import annotations

from lead.errors import LeadError


class DatasetError(LeadError):
    """A recorded route cannot be written, or a file of one is not what the format says."""
