"""Reads one recorded route, ours or a published one; a data set for training is made of these."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from lead.dataset.acceptance import read_results, why_unusable
from lead.dataset.decode import read_content, read_labels
from lead.dataset.errors import DatasetError
from lead.dataset.frame import Content, Frame, attribute_of
from lead.dataset.layout import (
    BOXES,
    METAS,
    MODALITIES,
    RouteName,
    frame_path,
    is_complete,
    is_route_dir,
    numbered_frames,
)


class RouteReader:
    """Reads files of a route folder when they are asked for.

    Attributes:
        route_dir: The folder.
        scenario: Name of the scenario folder it lies in.
        name: Parts of the folder's name; None if it is called otherwise.
    """

    def __init__(self, route_dir: Path) -> None:
        """Look at the folder.

        Raises:
            DatasetError: If it holds no recorded route.
        """
        if not is_route_dir(route_dir):
            raise DatasetError(f"{route_dir} holds no recorded route")
        self.route_dir = route_dir
        self.scenario = route_dir.resolve().parent.name
        self.name = RouteName.parse(route_dir.resolve().name)

    @cached_property
    def frames(self) -> list[int]:
        """Numbers of the frames with boxes, sorted: a loader goes by these."""
        return numbered_frames(self.route_dir, BOXES)

    @cached_property
    def modalities(self) -> list[str]:
        """Folders that hold what sensors saw."""
        return [folder for folder in MODALITIES if numbered_frames(self.route_dir, folder)]

    @property
    def is_complete(self) -> bool:
        """Whether the route was recorded to its end."""
        return is_complete(self.route_dir)

    @cached_property
    def results(self) -> dict[str, Any]:
        """Content of ``results.json``.

        Raises:
            DatasetError: If it is missing or damaged.
        """
        return read_results(self.route_dir)

    @property
    def town(self) -> str:
        """Town by the folder's name, or by the metas if it is called otherwise.

        Raises:
            DatasetError: If the metas have to be read and cannot.
        """
        return self.name.town if self.name is not None else str(self.meta(self.frames[0]).get("town"))

    def why_unusable(self) -> str | None:
        """Say why the route cannot be learnt from; None if it can.

        Raises:
            DatasetError: If ``results.json`` is damaged.
        """
        return why_unusable(self.route_dir)

    def has(self, folder: str, frame: int) -> bool:
        """Tell whether a frame has a file in a folder."""
        return frame_path(self.route_dir, folder, frame).is_file()

    def boxes(self, frame: int) -> list[dict[str, Any]]:
        """Read the boxes of a frame, the ego's first.

        Raises:
            DatasetError: If the file is missing, damaged or no list of boxes.
        """
        path = frame_path(self.route_dir, BOXES, frame)
        content = read_labels(path)
        if not isinstance(content, list) or not all(isinstance(box, dict) for box in content):
            raise DatasetError(f"{path} holds no list of boxes")
        return content

    def meta(self, frame: int) -> dict[str, Any]:
        """Read the metas of a frame.

        Raises:
            DatasetError: If the file is missing, damaged or no dict.
        """
        path = frame_path(self.route_dir, METAS, frame)
        content = read_labels(path)
        if not isinstance(content, dict):
            raise DatasetError(f"{path} holds no metas")
        return content

    def read(self, folder: str, frame: int) -> Content:
        """Read one modality of a frame.

        Args:
            folder: A key of :data:`lead.dataset.layout.MODALITIES`.
            frame: Number of the frame.

        Returns:
            As :class:`lead.dataset.frame.Frame` describes it.

        Raises:
            DatasetError: If the file is missing or damaged.
        """
        return read_content(frame_path(self.route_dir, folder, frame), folder)

    def frame(self, frame: int) -> Frame:
        """Read everything that sensors saw in a frame; what has no file is None.

        Raises:
            DatasetError: If a file is damaged.
        """
        contents: Mapping[str, Any] = {
            attribute_of(folder): self.read(folder, frame) for folder in self.modalities if self.has(folder, frame)
        }
        return Frame(**contents)
