"""Requests that cannot be answered; each becomes an HTTP status and one sentence."""

from __future__ import annotations

from lead.errors import LeadError


class RequestError(LeadError):
    """A request is wrong; the text is one sentence for the person at the browser."""

    status = 400


class ForbiddenError(RequestError):
    """A request asks for something that must not be given or done."""

    status = 403


class NotFoundError(RequestError):
    """A request names something that does not exist."""

    status = 404
