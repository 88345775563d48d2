"""Embree through ctypes: the shared library that the embreex wheel brings along.

The wheel's own Python interface knows neither instances nor ray packets, so the library inside it is used directly.
Its file name carries a hash and its ABI is not the wheel's promise; therefore the version is checked when it is
loaded, and `EmbreeScene.self_test` shoots a ray at a known triangle before anybody relies on it.
"""

from __future__ import annotations

import ctypes
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lead.errors import LeadError

COHERENT_FLAG = 1 << 16
_TRIANGLES, _INSTANCE = 0, 121
_INDEX_BUFFER, _VERTEX_BUFFER = 0, 1
_UINT3, _FLOAT3, _FLOAT4X4_COLUMNS = 0x5003, 0x9003, 0x9244
_VERSION_PROPERTY = 0
_SUPPORTED_VERSIONS = range(40400, 40500)
_ROBUST = 1 << 2
_LOW_QUALITY, _HIGH_QUALITY = 0, 2

_POINTER, _SIZE, _UINT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "rtcNewDevice": (_POINTER, [ctypes.c_char_p]),
    "rtcReleaseDevice": (None, [_POINTER]),
    "rtcGetDeviceError": (ctypes.c_int, [_POINTER]),
    "rtcGetDeviceProperty": (ctypes.c_ssize_t, [_POINTER, ctypes.c_int]),
    "rtcNewScene": (_POINTER, [_POINTER]),
    "rtcReleaseScene": (None, [_POINTER]),
    "rtcSetSceneBuildQuality": (None, [_POINTER, ctypes.c_int]),
    "rtcSetSceneFlags": (None, [_POINTER, ctypes.c_int]),
    "rtcJoinCommitScene": (None, [_POINTER]),
    "rtcNewGeometry": (_POINTER, [_POINTER, ctypes.c_int]),
    "rtcReleaseGeometry": (None, [_POINTER]),
    "rtcSetNewGeometryBuffer": (_POINTER, [_POINTER, ctypes.c_int, _UINT, ctypes.c_int, _SIZE, _SIZE]),
    "rtcCommitGeometry": (None, [_POINTER]),
    "rtcAttachGeometry": (_UINT, [_POINTER, _POINTER]),
    "rtcAttachGeometryByID": (None, [_POINTER, _POINTER, _UINT]),
    "rtcDetachGeometry": (None, [_POINTER, _UINT]),
    "rtcSetGeometryInstancedScene": (None, [_POINTER, _POINTER]),
    "rtcSetGeometryTransform": (None, [_POINTER, _UINT, ctypes.c_int, _POINTER]),
    "rtcIntersect8": (None, [_POINTER, _POINTER, _POINTER, _POINTER]),
    "rtcOccluded8": (None, [_POINTER, _POINTER, _POINTER, _POINTER]),
    "rtcIntersect1": (None, [_POINTER, _POINTER, _POINTER]),
}


@cache
def load_embree() -> ctypes.CDLL:
    """The library with typed functions.

    Raises:
        LeadError: It is not installed, cannot be loaded, or is of another version.
    """
    found = importlib.util.find_spec("embreex")
    if found is None or found.origin is None:
        raise LeadError("embreex is not installed")
    folder = Path(found.origin).parent.parent / "embreex.libs"
    try:
        # Embree needs the TBB beside it, which must be loaded first because the file names carry hashes.
        for path in sorted(folder.glob("libtbb*")):
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        library = ctypes.CDLL(str(next(iter(sorted(folder.glob("libembree4*"))))))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except StopIteration:
        raise LeadError(f"there is no libembree4 in {folder}") from None
    except (OSError, AttributeError) as error:
        raise LeadError(f"Embree cannot be loaded: {error}") from None
    device = library.rtcNewDevice(b"threads=1,user_threads=1")
    version = library.rtcGetDeviceProperty(device, _VERSION_PROPERTY)
    library.rtcReleaseDevice(device)
    if version not in _SUPPORTED_VERSIONS:
        raise LeadError(f"Embree {version} is installed, but only 4.4 is supported")
    return library


def function_address(name: str) -> int:
    """Address of a function of the library, to be called from compiled kernels."""
    return int(ctypes.cast(getattr(load_embree(), name), ctypes.c_void_p).value or 0)


class EmbreeScene:
    """A top-level scene of instances of meshes. Slots are numbered by the caller.

    One build thread: with several, coplanar surfaces resolve differently from process to process. It is the caller's
    own, which joins the commits: a worker of Embree's would spin, idle, for a good part of every tick.
    """

    def __init__(self) -> None:
        self._library = load_embree()
        self._device = self._library.rtcNewDevice(b"threads=1,user_threads=1")
        self._meshes: dict[int, int] = {}
        self._slots: dict[int, tuple[int, int | None]] = {}  # slot to geometry and the mesh it shows
        self.handle: int = self._library.rtcNewScene(self._device)
        self._library.rtcSetSceneBuildQuality(self.handle, _LOW_QUALITY)
        self._arguments = (ctypes.c_uint64 * 16)()
        words = ctypes.cast(self._arguments, ctypes.POINTER(ctypes.c_uint32))
        words[0], words[1] = COHERENT_FLAG, 0xFFFFFFFF
        self.commit()

    @property
    def coherent_arguments(self) -> int:
        """Address of query arguments that tell Embree that the rays of a packet stay together."""
        return ctypes.addressof(self._arguments)

    def add_mesh(self, key: int, vertices: NDArray[np.float32], triangles: NDArray[np.int32]) -> None:
        """Build a mesh, float32 (n, 3) and int32 (m, 3), under a free number."""
        library = self._library
        geometry = library.rtcNewGeometry(self._device, _TRIANGLES)
        for kind, form, array in (
            (_VERTEX_BUFFER, _FLOAT3, np.ascontiguousarray(vertices, np.float32)),
            (_INDEX_BUFFER, _UINT3, np.ascontiguousarray(triangles, np.uint32)),
        ):
            target = library.rtcSetNewGeometryBuffer(geometry, kind, 0, form, 12, len(array))
            if len(array):
                ctypes.memmove(target, array.ctypes.data, array.nbytes)
        library.rtcCommitGeometry(geometry)
        scene = library.rtcNewScene(self._device)
        library.rtcSetSceneBuildQuality(scene, _HIGH_QUALITY)
        library.rtcSetSceneFlags(scene, _ROBUST)  # otherwise rays slip through between neighbouring triangles
        library.rtcAttachGeometry(scene, geometry)
        library.rtcReleaseGeometry(geometry)
        library.rtcJoinCommitScene(scene)
        self._meshes[key] = scene
        self._check()

    def drop_mesh(self, key: int) -> None:
        """Release a mesh that no slot shows any more."""
        self._library.rtcReleaseScene(self._meshes.pop(key))

    def place(self, slot: int, key: int, columns: NDArray[np.float32]) -> None:
        """Show a mesh in a slot; `columns` is the transposed (4, 4) pose, C-contiguous float32."""
        library = self._library
        geometry, shown = self._slots.get(slot, (0, None))
        if not geometry:
            geometry = library.rtcNewGeometry(self._device, _INSTANCE)
            library.rtcAttachGeometryByID(self.handle, geometry, slot)
            library.rtcReleaseGeometry(geometry)  # the scene keeps it
        if shown != key:
            library.rtcSetGeometryInstancedScene(geometry, self._meshes[key])
            self._slots[slot] = geometry, key
        library.rtcSetGeometryTransform(geometry, 0, _FLOAT4X4_COLUMNS, columns.ctypes.data)
        library.rtcCommitGeometry(geometry)

    def clear(self, slot: int) -> None:
        """Empty a slot."""
        del self._slots[slot]
        self._library.rtcDetachGeometry(self.handle, slot)

    def commit(self) -> None:
        """Make all changes visible to rays."""
        self._library.rtcJoinCommitScene(self.handle)
        self._check()

    def close(self) -> None:
        """Release everything."""
        self._library.rtcReleaseScene(self.handle)
        for scene in self._meshes.values():
            self._library.rtcReleaseScene(scene)
        self._meshes.clear()
        self._slots.clear()
        self._library.rtcReleaseDevice(self._device)

    def _check(self) -> None:
        if error := self._library.rtcGetDeviceError(self._device):
            raise LeadError(f"Embree reports error {error}")


def self_test() -> None:
    """Shoot one ray at a triangle five metres ahead, through an instance moved by one metre.

    Raises:
        LeadError: Embree is missing or gives another answer.
    """
    scene = EmbreeScene()
    try:
        triangle = np.array([[5.0, -1.0, -1.0], [5.0, 1.0, -1.0], [5.0, 0.0, 2.0]], np.float32)
        scene.add_mesh(0, triangle, np.array([[0, 1, 2]], np.int32))
        pose = np.eye(4, dtype=np.float32)
        pose[3, 0] = 1.0  # transposed: the translation is in the last row
        scene.place(3, 0, pose)
        scene.commit()
        words = np.zeros(32, np.uint32)
        # RTCRayHit: origin, tnear, direction, time, tfar, mask, id, flags, then Ng, u, v, primID, geomID, instID.
        address = words.ctypes.data + (-words.ctypes.data) % 16
        aligned = words[(address - words.ctypes.data) // 4 :][:24]
        floats = aligned.view(np.float32)
        floats[4], floats[8] = 1.0, 100.0
        aligned[9], aligned[18:20] = 0xFFFFFFFF, 0xFFFFFFFF
        load_embree().rtcIntersect1(scene.handle, address, None)
        if abs(float(floats[8]) - 6.0) > 1e-4 or int(aligned[17]) != 0 or int(aligned[19]) != 3:
            raise LeadError(f"Embree's self-test failed: a triangle at 6 m was seen at {float(floats[8]):g} m")
    finally:
        scene.close()
