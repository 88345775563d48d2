"""What the parts of a running dashboard share, found through the Flask application that serves a request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from flask import current_app, request

from lead.webapp.errors import ForbiddenError
from lead.webapp.root_folder import RootFolder

if TYPE_CHECKING:
    from lead.webapp.clip_jobs import ClipJobs
    from lead.webapp.read_ahead import ReadAhead

EXTENSION = "lead_dashboard"


@dataclass(frozen=True)
class Dashboard:
    """One dashboard.

    Attributes:
        root: Folder it shows.
        read_only: Refuse everything that would write.
        clips: Clips being cut.
        read_ahead: Reads evaluations before they are asked for, once a server has started it.
    """

    root: RootFolder
    read_only: bool
    clips: ClipJobs
    read_ahead: ReadAhead

    def check_writable(self) -> None:
        """Refuse to write in a read-only dashboard.

        Raises:
            ForbiddenError: If it is read-only.
        """
        if self.read_only:
            raise ForbiddenError("this dashboard is read-only; start it without --read-only to cut clips")


def dashboard() -> Dashboard:
    """Return the dashboard that serves the current request."""
    return cast(Dashboard, current_app.extensions[EXTENSION])


def requested_evaluation(argument: str = "dir") -> Path:
    """Return the evaluation's folder that the query names; the root if it names none.

    Args:
        argument: Name of the query argument.

    Raises:
        RequestError: If there is none.
    """
    return dashboard().root.folder(request.args.get(argument, ""))


def requested_route() -> Path:
    """Return the route's folder that the query arguments ``dir`` and ``route`` name.

    Raises:
        RequestError: If there is none.
    """
    return dashboard().root.folder(request.args.get("route", "."), requested_evaluation())
