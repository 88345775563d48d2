"""Meshes of tiles, kept on disk: a simulator that starts in a town would spend seconds on what others have drawn.

A mesh follows from the map and from the program alone, so a folder is named after both; folders of other programs are
never read, and go when nobody has used them for a week.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import struct
import time
import zlib
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np

from lead.maps.array_cache import save_bytes
from lead.maps.towns import cache_dir
from lead.simulator.scenery.mesh import Mesh

logger = logging.getLogger(__name__)

_LEVEL = 1
"""A quarter of the space, and a fifth of a second to read all around a car; more would take seconds to write."""
_KEPT_S = 7 * 86400.0
"""Tiles of other programs stay for so long: several checkouts may take turns."""
_COUNTS = struct.Struct("<qq")
_PER_VERTEX = {"vertices": ("<f4", 3), "normals": ("<f4", 3), "uv": ("<f4", 2)}
_PER_TRIANGLE = {
    "triangles": ("<i4", 3),
    "color": ("<u1", 3),
    "material": ("<u1", 1),
    "label": ("<u1", 1),
    "channel": ("<u1", 1),
    "object_id": ("<i4", 1),
}
_LIBRARIES = ("numpy", "cv2", "scipy", "shapely")
_SOURCES = ("simulator/scenery", "simulator/rendering", "maps", "geometry")


class TileCache:
    """Meshes of one town's tiles as they are with all their objects.

    Args:
        digest: Digest of the map.
    """

    def __init__(self, digest: str) -> None:
        self._map = digest[:16]
        self._folder = cache_dir() / "tiles" / f"{self._map}-{_program_digest()}"
        if self._folder.exists():
            with contextlib.suppress(OSError):
                os.utime(self._folder)

    def load(self, tile: tuple[int, int]) -> Mesh | None:
        """Read the mesh of a tile; None if it was not drawn before."""
        path = self._path(tile)
        try:
            return _unpacked(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, zlib.error, struct.error) as error:
            logger.warning("The cached tile %s is damaged (%s) and will be drawn again.", path, error)
            return None

    def save(self, tile: tuple[int, int], mesh: Mesh) -> None:
        """Keep the mesh of a tile; a folder that cannot be written is a warning."""
        if not self._folder.exists():
            for former in self._folder.parent.glob(f"{self._map}-*"):
                if former != self._folder and _age_s(former) > _KEPT_S:
                    shutil.rmtree(former, ignore_errors=True)
        save_bytes(self._path(tile), _packed(mesh), "the scenery")

    def _path(self, tile: tuple[int, int]) -> Path:
        return self._folder / f"{tile[0]}_{tile[1]}.mesh"


def _age_s(folder: Path) -> float:
    """Return the time since a folder was used; 0 if it is gone."""
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def _packed(mesh: Mesh) -> bytes:
    """Return counts of vertices and triangles, then all arrays, compressed."""
    parts = [_COUNTS.pack(len(mesh.vertices), len(mesh.triangles))]
    for name, (kind, _) in (_PER_VERTEX | _PER_TRIANGLE).items():
        parts.append(np.ascontiguousarray(getattr(mesh, name), kind).tobytes())
    return zlib.compress(b"".join(parts), _LEVEL)


def _unpacked(data: bytes) -> Mesh:
    """Read what :func:`_packed` wrote.

    Raises:
        ValueError: If it is something else.
    """
    content = zlib.decompress(data)
    vertices, triangles = _COUNTS.unpack_from(content)
    fields, start = {}, _COUNTS.size
    for group, count in ((_PER_VERTEX, vertices), (_PER_TRIANGLE, triangles)):
        for name, (kind, width) in group.items():
            array = np.frombuffer(content, kind, count * width, start)
            fields[name] = array.reshape(count, width) if width > 1 else array
            start += array.nbytes
    if start != len(content):
        raise ValueError(f"{len(content)} bytes instead of {start}")
    return Mesh(**fields)


@cache
def _program_digest() -> str:
    """Return the digest of everything that decides what a tile looks like, the map apart."""
    digest = hashlib.sha256(" ".join(import_module(name).__version__ for name in _LIBRARIES).encode())
    root = Path(__file__).parents[2]
    for folder in _SOURCES:
        for source in sorted((root / folder).rglob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
