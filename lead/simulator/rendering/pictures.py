"""Cameras that look from the same place in the same way share one view; views that need the same share one launch."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lead.simulator.rendering.backend import Frame
from lead.simulator.rendering.renderer import Renderer
from lead.simulator.rendering.scene import ColorStyle, GroundTruth, ImageKind, View


class Request(NamedTuple):
    """What one camera wants of this tick.

    Attributes:
        view: Where it looks from.
        previous: The same one tick ago, for optical flow.
        needs: What must be computed for it besides the ground truth: a color style, "normals", "flow".
    """

    view: View
    previous: View
    needs: frozenset[Hashable]


@dataclass
class _Group:
    """Views that are rendered together, and what has been computed of them."""

    renderer: Renderer
    needs: frozenset[Hashable]
    views: list[View] = field(default_factory=list)
    previous: list[View] = field(default_factory=list)
    frame: Frame | None = None
    done: dict[Hashable, list[Any]] = field(default_factory=dict)

    def rendered(self) -> Frame:
        """The frame, traced on first use."""
        if self.frame is None:
            colors = any(isinstance(need, ColorStyle) for need in self.needs)
            self.frame = self.renderer.render(self.views, colors=colors)
        return self.frame

    def ground_truth(self) -> list[GroundTruth]:
        """Ground truth of all views."""
        if "truth" not in self.done:
            self.done["truth"] = self.rendered().ground_truth()
        return self.done["truth"]

    def encoded(self, kind: ImageKind) -> list[NDArray[np.uint8]]:
        """Packed images of all views."""
        if kind not in self.done:
            self.done[kind] = self.rendered().encoded(kind)
        return self.done[kind]

    def normals(self) -> list[NDArray[np.float32]]:
        """Normals of all views."""
        if "normals" not in self.done:
            self.done["normals"] = self.rendered().normals()
        return self.done["normals"]

    def flow(self) -> list[NDArray[np.float32]]:
        """Optical flow of all views."""
        if "flow" not in self.done:
            self.done["flow"] = self.rendered().flow(self.previous)
        return self.done["flow"]

    def color(self, style: ColorStyle) -> list[NDArray[np.uint8]]:
        """Color images of all views."""
        if style not in self.done:
            self.done[style] = self.rendered().color(style)
        return self.done[style]


class SharedPicture:
    """One view of a group; nothing is computed before it is asked for."""

    def __init__(self, group: _Group, index: int) -> None:
        self._group, self._index = group, index

    def ground_truth(self) -> GroundTruth:
        """See `Frame.ground_truth`."""
        return self._group.ground_truth()[self._index]

    def encoded(self, kind: ImageKind) -> NDArray[np.uint8]:
        """See `Frame.encoded`."""
        return self._group.encoded(kind)[self._index]

    def normals(self) -> NDArray[np.float32]:
        """See `Frame.normals`."""
        return self._group.normals()[self._index]

    def flow(self) -> NDArray[np.float32]:
        """See `Frame.flow`."""
        return self._group.flow()[self._index]

    def color(self, style: ColorStyle) -> NDArray[np.uint8]:
        """See `Frame.color`."""
        return self._group.color(style)[self._index]


def share(renderer: Renderer, requests: Sequence[Request]) -> list[SharedPicture]:
    """A picture for every request, as few views and launches as possible.

    Args:
        renderer: Already prepared for this tick.
        requests: What the cameras want.
    """
    # The pose of the tick before counts: cameras may meet that came from different places.
    keys = [(_view_key(request.view), _view_key(request.previous)) for request in requests]
    needs: dict[Hashable, frozenset[Hashable]] = {}
    for key, request in zip(keys, requests, strict=True):
        needs[key] = needs.get(key, frozenset()) | request.needs
    groups: dict[Hashable, _Group] = {}
    placed: dict[Hashable, SharedPicture] = {}
    pictures = []
    for key, request in zip(keys, requests, strict=True):
        if key not in placed:
            group_key = request.view.width_px, request.view.height_px, needs[key]
            group = groups.setdefault(group_key, _Group(renderer, needs[key]))
            placed[key] = SharedPicture(group, len(group.views))
            group.views.append(request.view)
            group.previous.append(request.previous)
        pictures.append(placed[key])
    return pictures


def _view_key(view: View) -> Hashable:
    return view.width_px, view.height_px, view.fov_deg, view.location.tobytes(), view.rotation.tobytes()
