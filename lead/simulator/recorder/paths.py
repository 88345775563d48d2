"""Which files a client may record to and replay from."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from lead.maps.towns import cache_dir
from lead.simulator.recorder.format import MAGIC, RecordingError

FOLDER_VARIABLE = "LEAD_RECORDINGS_DIR"
_SUFFIX = ".log"
_MAX_PART_BYTES = 200


def recordings_dir() -> Path:
    """Folder of all recordings: ``$LEAD_RECORDINGS_DIR``, else ``recordings`` in the cache; it need not exist."""
    own = os.environ.get(FOLDER_VARIABLE)
    return Path(own).expanduser() if own else cache_dir() / "recordings"


def recording_path(name: str) -> Path:
    """The file behind a name that a client gave.

    Args:
        name: Relative to :func:`recordings_dir`, or an absolute path inside it; without a suffix it gets ``.log``.

    Raises:
        RecordingError: If the name is empty, contains ``..`` or leads out of the folder, also through a link.
    """
    folder = recordings_dir().resolve()
    plain = PurePosixPath(name.replace("\\", "/"))
    if not plain.name or "\0" in name or any(len(part.encode()) > _MAX_PART_BYTES for part in plain.parts):
        raise RecordingError("a recording needs a file name, and not too long a one")
    if ".." in plain.parts:
        raise RecordingError(f"the recording name {name!r} must not contain '..'")
    path = Path(folder, plain)
    if not path.suffix:
        path = path.with_suffix(_SUFFIX)
    try:
        path = path.resolve()
    except (OSError, RuntimeError) as error:  # Python before 3.13 raises RuntimeError for loops of links
        raise RecordingError(f"{name[:80]!r} cannot be the name of a recording: {error}") from None
    if not path.is_relative_to(folder):
        raise RecordingError(
            f"recordings lie in {folder} and nowhere else: give a name relative to it instead of {name!r}, "
            f"or start the server with {FOLDER_VARIABLE} set to another folder"
        )
    return path


def require_overwritable(path: Path) -> None:
    """Make sure that a recording may be written to a path.

    Raises:
        RecordingError: If something that is not a recording lies there.
    """
    if not path.exists():
        return
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
        if not start or start == MAGIC:
            return
    raise RecordingError(f"{path} exists and is no recording; it is left as it is")
