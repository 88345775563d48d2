"""What can go wrong while routes are made."""

from __future__ import annotations

from lead.routes.model import RouteError


class SamplerError(RouteError):
    """Routes cannot be made as asked for; the text is one sentence that says why."""


class UnfitError(RouteError):
    """A place does not suit a scenario class; the text says what is missing there, without numbers of the place.

    Reasons are counted over all places of a town, so the same lack must always have the same words.
    """
