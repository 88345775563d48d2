"""Content of frames to the bytes of their files: encodings, compression levels and quantisation of the format."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lead.dataset.errors import DatasetError
from lead.dataset.frame import Content, PointCloud, Radars
from lead.dataset.jpeg_quality import DEFAULT_QUALITY
from lead.dataset.layout import FOLDERS, Coding

PNG_LEVEL = 6
LIDAR_SCALE_M = 0.1
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_GREY = 0


def encode_content(folder: str, content: Content, quality: int = DEFAULT_QUALITY) -> bytes:
    """Encode what belongs into a folder.

    Args:
        folder: A key of :data:`lead.dataset.layout.MODALITIES`.
        content: As :class:`lead.dataset.frame.Frame` describes it.
        quality: JPEG quality of camera images.

    Raises:
        DatasetError: If it cannot be encoded.
    """
    coding = FOLDERS[folder]
    if isinstance(content, PointCloud):
        return encode_lidar(content)
    if isinstance(content, Mapping):
        return encode_radar(content)
    if coding is Coding.JPEG:
        return encode_jpeg(np.asarray(content, np.uint8), quality)
    return encode_png(content)


def encode_jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """Encode an RGB image (h, w, 3) with OpenCV's JPEG, as the published recorder did.

    Raises:
        DatasetError: If OpenCV refuses.
    """
    import cv2

    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    is_done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not is_done:
        raise DatasetError(f"an image of shape {image.shape} cannot be stored as JPEG")
    return data.tobytes()


def encode_png(image: NDArray[np.generic]) -> bytes:
    """Encode an image (h, w) of 8 or 16 bits as grey PNG, compression level 6, rows without prediction.

    Labels are flat areas: predicting rows makes their files larger, and takes longer than the compression itself.
    """
    height, width = image.shape
    big_endian = np.ascontiguousarray(image, image.dtype.newbyteorder(">"))
    rows = np.zeros((height, 1 + width * image.itemsize), dtype=np.uint8)  # the first byte tells the prediction: none
    rows[:, 1:] = big_endian.view(np.uint8).reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8 * image.itemsize, _GREY, 0, 0, 0)
    packed = zlib.compress(rows.data, PNG_LEVEL)
    return _PNG_MAGIC + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def encode_lidar(cloud: PointCloud) -> bytes:
    """Encode a cloud as LAZ: point format 0, steps of 0.1 m from the smallest coordinates, age in ``time``."""
    import laspy

    points = np.asarray(cloud.points_ego, np.float64)
    header = laspy.LasHeader(point_format=0)
    header.scales = np.full(3, LIDAR_SCALE_M)
    header.offsets = points.min(axis=0) if len(points) else np.zeros(3)
    header.add_extra_dim(laspy.ExtraBytesParams(name="time", type=np.uint8))
    record = laspy.ScaleAwarePointRecord.zeros(len(points), header=header)
    record.x, record.y, record.z = points.T
    record["time"] = cloud.time
    stream = io.BytesIO()
    backend = laspy.LazBackend.Lazrs  # one thread: recorders share their machine with simulators
    with laspy.open(stream, "w", header=header, do_compress=True, laz_backend=backend, closefd=False) as writer:
        writer.write_points(record)
    return stream.getvalue()


def encode_radar(radars: Radars) -> bytes:
    """Encode the points of the radars as a compressed ``.npz`` of float16."""
    stream = io.BytesIO()
    arrays = {name: np.asarray(points, np.float16) for name, points in radars.items()}
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()
