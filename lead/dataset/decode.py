"""Bytes of files back to the content of frames; a damaged file is one sentence, never a crash or foreign code."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError
from lead.dataset.frame import Content, PointCloud, Radars
from lead.dataset.layout import FOLDERS, Coding
from lead.dataset.pickles import load_xz

_JPEG_END = b"\xff\xd9"
_PNG_END = b"IEND\xaeB`\x82"
_LAS_HEADER_BYTES = 227
MAX_POINTS = 10_000_000
"""A recorded cloud has some ten thousand."""


def read_content(path: Path, folder: str) -> Content:
    """Read one file of a modality.

    Args:
        path: The file.
        folder: The key of :data:`lead.dataset.layout.MODALITIES` it belongs to.

    Returns:
        As :class:`lead.dataset.frame.Frame` describes it.

    Raises:
        DatasetError: If it is missing, cut off or damaged; names the file.
    """
    data = read_bytes(path)
    coding = FOLDERS[folder]
    try:
        if coding is Coding.JPEG:
            return decode_jpeg(data)
        if coding is Coding.PNG:
            return decode_png(data)
        if coding is Coding.LAZ:
            return decode_lidar(data)
        return decode_radar(data)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error


def read_labels(path: Path) -> Any:
    """Read one ``.pkl`` file of ``metas`` or ``bboxes``.

    Raises:
        DatasetError: If it is missing, cut off, damaged, or holds more than arrays and plain values; names the file.
    """
    try:
        return load_xz(read_bytes(path))
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        DatasetError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror})") from error


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Decode to RGB (h, w, 3).

    Raises:
        DatasetError: If the data are cut off or no JPEG.
    """
    import cv2

    # OpenCV fills up what is cut off with grey.
    if not data.endswith(_JPEG_END):
        raise DatasetError("the JPEG is cut off")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError("the JPEG is damaged")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def decode_png(data: bytes) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Decode to uint8 or uint16 (h, w), or (h, w, 3) RGB.

    Raises:
        DatasetError: If the data are cut off or no PNG.
    """
    import cv2

    if not data.endswith(_PNG_END):
        raise DatasetError("the PNG is cut off")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise DatasetError("the PNG is damaged")
    if image.ndim == 3:
        image = image[..., 2::-1]
    return np.asarray(image, np.uint16) if image.dtype == np.uint16 else np.asarray(image, np.uint8)


def decode_lidar(data: bytes) -> PointCloud:
    """Decode to float32 points and their ages.

    Raises:
        DatasetError: If the data are cut off or no LAZ, or lack the ages.
    """
    import laspy

    try:
        _check_laz(data)
        # One thread: loaders have one process per core.
        cloud = laspy.read(io.BytesIO(data), laz_backend=laspy.LazBackend.Lazrs)
        if len(cloud.points) != cloud.header.point_count:
            raise DatasetError(f"the LAZ holds {len(cloud.points)} of {cloud.header.point_count} points")
        points = np.stack([cloud.x, cloud.y, cloud.z], axis=1).astype(np.float32)
        return PointCloud(points, np.asarray(cloud["time"], np.uint8))
    except DatasetError:
        raise
    except BaseException as error:
        # A damaged stream can raise nearly anything, and a panic of the decoder is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise DatasetError(f"the LAZ is damaged ({type(error).__name__}: {error})") from error


def _check_laz(data: bytes) -> None:
    """Refuse numbers for which the decoder would ask for more memory than there is, and then end the process.

    Raises:
        DatasetError: If the header or the table of chunks cannot be that of a recorded cloud.
    """
    if len(data) < _LAS_HEADER_BYTES or not data.startswith(b"LASF"):
        raise DatasetError("the LAZ is damaged (it has no header)")
    (start,), (points,) = struct.unpack_from("<I", data, 96), struct.unpack_from("<I", data, 107)
    if points > MAX_POINTS:
        raise DatasetError(f"the LAZ is damaged (it claims to hold {points} points)")
    if start + 8 > len(data):
        raise DatasetError("the LAZ is damaged (it is cut off)")
    (table,) = struct.unpack_from("<q", data, start)
    if not start <= table <= len(data) - 8:
        raise DatasetError("the LAZ is damaged (it is cut off)")
    (chunks,) = struct.unpack_from("<I", data, table + 4)
    if chunks > points:
        raise DatasetError(f"the LAZ is damaged (it claims to hold {chunks} chunks)")


def decode_radar(data: bytes) -> Radars:
    """Decode to float16 arrays by radar.

    Raises:
        DatasetError: If the data are cut off or no archive of plain arrays.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"the npz is damaged ({error})") from error
