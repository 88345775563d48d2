"""Errors of scenarios."""

from __future__ import annotations

from lead.errors import LeadError


class ScenarioError(LeadError):
    """A scenario cannot take place here: its place has no fitting lane, or its actors cannot be spawned."""
