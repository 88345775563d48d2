"""One saved frame in memory: which array belongs to which folder, checked before it is encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError

Image = NDArray[np.uint8]
HDMAP_SHAPE = (256, 256)
RADAR_COLUMNS = 4
RADARS = ("radar1", "radar2", "radar3", "radar4")


@dataclass(frozen=True, eq=False)
class PointCloud:
    """A stacked LiDAR cloud.

    Attributes:
        points_ego: Float (n, 3) x, y, z in the ego frame of the format, whose z is lowered by half the height of the
            sensor; metres.
        time: uint8 (n,), age in ticks of 0.05 s; 0 is now.
    """

    points_ego: NDArray[np.floating]
    time: NDArray[np.uint8]


Radars = Mapping[str, NDArray[np.floating]]
"""By radar, "radar1" to "radar4": float (n, 4) x, y, z in metres and relative speed in m/s."""
Content = Image | NDArray[np.uint16] | PointCloud | Radars


@dataclass(frozen=True, eq=False)
class Frame:
    """What is saved of one tick; what is None is not written.

    Arrays are encoded later, on another thread: whoever hands a frame over must not change them afterwards. Names are
    those of the folders, ``third_person`` excepted (``3rd_person``).

    Attributes:
        rgb: uint8 (h, w, 3) RGB, the cameras side by side.
        rgb_perturbated: The same of the twin rig.
        semantics: uint8 (h, w), classes of :mod:`lead.dataset.class_map`.
        semantics_perturbated: The same of the twin rig.
        depth: uint8 (h / 4, w / 4), codes of :func:`lead.dataset.depth.quantise_depth`; uint16 for the finer codes.
        depth_perturbated: The same of the twin rig.
        hdmap: uint8 (256, 256), values of :mod:`lead.maps.hdmap`.
        hdmap_perturbated: The same around the twin rig.
        lidar: Stacked cloud in the ego frame.
        radar: Points of the four radars in the ego frame.
        radar_perturbated: Points of the twin rig's radars in the twin's frame.
        third_person: uint8 (h, w, 3) RGB from above.
    """

    rgb: Image | None = None
    rgb_perturbated: Image | None = None
    semantics: Image | None = None
    semantics_perturbated: Image | None = None
    depth: Image | NDArray[np.uint16] | None = None
    depth_perturbated: Image | NDArray[np.uint16] | None = None
    hdmap: Image | None = None
    hdmap_perturbated: Image | None = None
    lidar: PointCloud | None = None
    radar: Radars | None = None
    radar_perturbated: Radars | None = None
    third_person: Image | None = None

    def contents(self) -> Iterator[tuple[str, Content]]:
        """Yield folder and content of everything that is there.

        Raises:
            DatasetError: If an array has a shape or type that the format does not know.
        """
        for field in fields(self):
            content = getattr(self, field.name)
            if content is not None:
                _check(field.name, content)
                yield folder_of(field.name), content


def folder_of(name: str) -> str:
    """Folder of an attribute of :class:`Frame`."""
    return "3rd_person" if name == "third_person" else name


def attribute_of(folder: str) -> str:
    """Attribute of :class:`Frame` that a folder holds."""
    return "third_person" if folder == "3rd_person" else folder


def _check(name: str, content: Content) -> None:
    if isinstance(content, PointCloud):
        points, time = content.points_ego, content.time
        if points.ndim != 2 or points.shape[1] != 3 or time.shape != points.shape[:1] or time.dtype != np.uint8:
            raise DatasetError(f"{name} must hold points (n, 3) and their ages (n,) as uint8, not {points.shape}")
    elif isinstance(content, Mapping):
        if set(content) != set(RADARS) or any(
            part.ndim != 2 or part.shape[1] != RADAR_COLUMNS for part in content.values()
        ):
            raise DatasetError(f"{name} must hold an array (n, 4) for each of {', '.join(RADARS)}")
    else:
        _check_image(name, content)


def _check_image(name: str, image: NDArray[np.generic]) -> None:
    has_colors = name.startswith("rgb") or name == "third_person"
    dimensions, types = (3, (np.uint8,)) if has_colors else (2, (np.uint8, np.uint16))
    if not name.startswith("depth"):
        types = (np.uint8,)
    is_right = image.ndim == dimensions and image.dtype.type in types and image.size > 0
    if has_colors and is_right:
        is_right = image.shape[2] == 3
    if name.startswith("hdmap") and is_right:
        is_right = image.shape == HDMAP_SHAPE
    if not is_right:
        raise DatasetError(f"{name} cannot be an array of shape {image.shape} and type {image.dtype}")
