"""The one folder a dashboard may read: turns texts of requests into paths, and never into one outside of it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from lead.webapp.errors import ForbiddenError, NotFoundError

LONGEST_PATH = 2048


class RootFolder:
    """A folder whose content may be shown.

    Attributes:
        path: The folder, absolute and with symbolic links resolved.
    """

    def __init__(self, path: Path) -> None:
        """Take an existing folder.

        Raises:
            NotFoundError: If it is not a folder.
        """
        self.path = path.resolve()
        if not self.path.is_dir():
            raise NotFoundError(f"{path} is not a folder")

    def folder(self, text: str, below: Path | None = None) -> Path:
        """Return an existing folder.

        Args:
            text: Path relative to ``below``, with slashes; empty or "." means ``below`` itself. An absolute path is
                taken if it lies inside the root, so that links of the public dashboard keep working.
            below: Folder inside the root; the root by default.

        Raises:
            ForbiddenError: If the path leaves the root, also through a symbolic link, or has hidden parts.
            NotFoundError: If there is no such folder.
        """
        path = self._resolved(text, below)
        if not path.is_dir():
            raise NotFoundError(f"there is no folder {text!r}")
        return path

    def file(self, name: str, folder: Path) -> Path:
        """Return an existing regular file that lies directly in a folder.

        Args:
            name: Name of the file, without any slash.
            folder: Folder inside the root.

        Raises:
            ForbiddenError: If the name is none, is hidden, or the file is a link that leaves the root.
            NotFoundError: If there is no such file.
        """
        if "/" in name or name in ("", ".", ".."):
            raise ForbiddenError(f"{name!r} is not the name of a file")
        path = self._resolved(name, folder)
        if not path.is_file():
            raise NotFoundError(f"there is no file {name!r}")
        return path

    def relative(self, path: Path) -> str:
        """Return a path inside the root as text with slashes; empty for the root itself."""
        text = path.relative_to(self.path).as_posix()
        return "" if text == "." else text

    def contains(self, path: Path) -> bool:
        """Tell whether a path, with its symbolic links resolved, lies inside the root."""
        return path.resolve().is_relative_to(self.path)

    def _resolved(self, text: str, below: Path | None) -> Path:
        if len(text) > LONGEST_PATH or any(ord(letter) < 32 for letter in text):
            raise ForbiddenError("a path holds characters that no path here has, or is too long")
        wanted = PurePosixPath(text)
        if wanted.is_absolute():
            if not wanted.is_relative_to(self.path):
                raise ForbiddenError(f"{text!r} lies outside of the folder that is shown")
            wanted = wanted.relative_to(self.path)
        if any(part.startswith(".") for part in wanted.parts):
            raise ForbiddenError(f"{text!r} has parts that start with a dot")
        path = ((below or self.path) / wanted).resolve()
        if not path.is_relative_to(self.path):
            raise ForbiddenError(f"{text!r} lies outside of the folder that is shown")
        return path
