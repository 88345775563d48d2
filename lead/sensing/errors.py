"""The one error of this room."""

from __future__ import annotations

from lead.errors import LeadError


class SensorError(LeadError):
    """A sensor is missing or delivered something that cannot be used; the text names it."""
