"""Tells the sensor rig of a data set by the size of its images: the name of a folder is no fact."""

from __future__ import annotations

from lead.dataset.decode import read_bytes
from lead.dataset.errors import DatasetError
from lead.dataset.layout import frame_path
from lead.dataset.route_index import FrameIndex
from lead.sensing.rigs import CARLA_1_CAMERA, CARLA_3_CAMERAS, CARLA_6_CAMERAS, NAVSIM_4_CAMERAS, SensorRig

_RIGS = (CARLA_3_CAMERAS, CARLA_6_CAMERAS, CARLA_1_CAMERA, NAVSIM_4_CAMERAS)


def recorded_shape(rig: SensorRig) -> tuple[int, int]:
    """Rows and columns of the stored images of a rig: networks do not see all rows at the bottom."""
    return rig.cameras[0].recorded_height_px, rig.image_shape()[1]


def rig_of(index: FrameIndex) -> SensorRig:
    """Return the rig that made the images of a data set.

    Args:
        index: The data set; the image of its first sample is looked at.

    Raises:
        DatasetError: If there is no sample, no image, or no rig makes such images.
    """
    import simplejpeg  # type: ignore[import-untyped]

    if not len(index):
        raise DatasetError(f"{index.root} has no sample, so its sensor rig cannot be told")
    path = frame_path(index.route_dir(0), "rgb", int(index.frame[0]))
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(read_bytes(path))
    except ValueError as error:
        raise DatasetError(f"{path} is damaged, so the sensor rig cannot be told ({error})") from error
    for rig in _RIGS:
        if recorded_shape(rig) == (height, width):
            return rig
    raise DatasetError(f"{path} has {height} x {width} pixels, which no known rig makes")
