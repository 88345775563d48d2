"""Byte for byte: files of our writer as a reader sees them that knows nothing but the format's description."""

from __future__ import annotations

import json
import lzma
import pickle
import pickletools
import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import laspy
import numpy as np
import pytest
from recording_support import PERFECT, golden_route, make_frame, record_route

from lead.dataset.reader import RouteReader

LUMA_QUALITY_50 = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
]  # fmt: skip
"""Annex K of the JPEG standard."""
FOLDERS = {
    "rgb": "jpg", "rgb_perturbated": "jpg", "semantics": "png", "semantics_perturbated": "png", "depth": "png",
    "depth_perturbated": "png", "hdmap": "png", "hdmap_perturbated": "png", "lidar": "laz", "radar": "npz",
    "radar_perturbated": "npz", "bboxes": "pkl", "metas": "pkl",
}  # fmt: skip


@pytest.fixture(scope="module", params=[3, 6], ids=["3 cameras", "6 cameras"])
def route(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("dataset") / "data/Accident/Town03_Rep0_1_0_route0_01_02_03_04_05"
    return record_route(folder, cameras=request.param), request.param


def test_every_folder_has_the_same_frames_and_nothing_else(route: tuple[Path, int]) -> None:
    folder, _ = route
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    wanted = {f"{name}/{frame:04d}.{suffix}" for name, suffix in FOLDERS.items() for frame in range(5)}
    assert found == wanted | {"results.json"}
    assert json.loads((folder / "results.json").read_text()) == PERFECT


def test_camera_images_are_jpeg_of_quality_30_with_halved_colours(route: tuple[Path, int]) -> None:
    folder, cameras = route
    data = (folder / "rgb/0001.jpg").read_bytes()
    segments = _jpeg_segments(data)
    # The quality scales the standard's table: 5000 / 30 percent, in zigzag order.
    table = np.array(list(segments[0xDB][1:65]))
    scaled = np.clip((np.array(LUMA_QUALITY_50) * (5000 // 30) + 50) // 100, 1, 255)
    assert sorted(table) == sorted(scaled)
    height, width, components = struct.unpack(">HHB", segments[0xC0][1:6])
    assert (height, width, components) == (384, 384 * cameras, 3)
    assert segments[0xC0][7] == 0x22, "brightness has twice the samples of colours in both directions"
    picture = cv2.imread(str(folder / "rgb/0001.jpg"))[..., ::-1].astype(int)
    assert np.abs(picture - make_frame(5, cameras).rgb).mean() < 12, "red and blue are not exchanged"


@pytest.mark.parametrize("name", ["semantics", "depth", "hdmap"])
def test_label_images_are_8_bit_grey_png_of_level_6(route: tuple[Path, int], name: str) -> None:
    folder, cameras = route
    for view in ("", "_perturbated"):
        path = folder / f"{name}{view}/0002.png"
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height, bits, color, *rest = struct.unpack(">IIBBBBB", data[16:29])
        shape = {"semantics": (384, 384 * cameras), "depth": (96, 96 * cameras), "hdmap": (256, 256)}[name]
        assert ((height, width), bits, color, rest) == (shape, 8, 0, [0, 0, 0])
        start = data.index(b"IDAT") + 4
        assert data[start : start + 2] == b"\x78\x9c", "zlib writes its level into the second byte"
        wanted = getattr(make_frame(10, cameras), f"{name}{view}")
        assert np.array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), wanted)


def test_clouds_are_laz_of_format_0_with_ages(route: tuple[Path, int]) -> None:
    folder, cameras = route
    cloud = laspy.read(folder / "lidar/0003.laz")
    data = (folder / "lidar/0003.laz").read_bytes()
    assert data[:4] == b"LASF"
    assert data[104] & 0x7F == 0 and data[104] & 0x80, "point format 0, compressed"
    assert list(cloud.point_format.extra_dimension_names) == ["time"]
    assert cloud["time"].dtype == np.uint8
    assert np.allclose(cloud.header.scales, 0.1)
    wanted = make_frame(15, cameras).lidar
    assert wanted is not None
    assert np.allclose(cloud.header.offsets, wanted.points_ego.min(axis=0))
    points = np.stack([cloud.x, cloud.y, cloud.z], axis=1)
    assert np.abs(points - wanted.points_ego).max() <= 0.05 + 1e-5
    assert np.array_equal(cloud["time"], wanted.time)


def test_radar_is_a_compressed_archive_of_half_floats(route: tuple[Path, int]) -> None:
    folder, cameras = route
    for view in ("", "_perturbated"):
        path = folder / f"radar{view}/0000.npz"
        with zipfile.ZipFile(path) as archive:
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_DEFLATED}
        wanted = getattr(make_frame(0, cameras), f"radar{view}")
        with np.load(path, allow_pickle=False) as stored:
            assert stored.files == ["radar1", "radar2", "radar3", "radar4"]
            for name in stored.files:
                assert stored[name].dtype == np.float16
                assert np.array_equal(stored[name], wanted[name].astype(np.float16))


@pytest.mark.parametrize("name", ["bboxes", "metas"])
def test_labels_are_xz_pickles_that_name_only_public_numpy_types(route: tuple[Path, int], name: str) -> None:
    folder, _ = route
    data = (folder / f"{name}/0004.pkl").read_bytes()
    assert data[:6] == b"\xfd7zXZ\x00"
    plain = lzma.decompress(data)
    assert plain[:2] == b"\x80\x05", "protocol 5"
    assert _named(plain) <= {"numpy.ndarray", "numpy.dtype", "numpy.float64"}
    content: Any = pickle.loads(plain)
    if name == "bboxes":
        assert [box["class"] for box in content] == ["ego_car", "car", "car"]
        assert content[1]["future_positions"].dtype == np.float16
        assert type(content[1]["distance"]) is np.float64
    else:
        assert content["future_positions"].dtype == np.float32
        assert content["ego_matrix"].shape == (4, 4)


def test_our_reader_reads_the_published_format() -> None:
    reader = RouteReader(golden_route())
    assert reader.frames == list(range(20))
    assert (reader.scenario, reader.town, reader.why_unusable()) == ("Accident", "Town12", None)
    frame = reader.frame(3)
    assert {name for name, _ in frame.contents()} == set(FOLDERS) - {"bboxes", "metas"}
    assert frame.rgb is not None and frame.rgb.shape == (384, 1152, 3)
    assert reader.boxes(3)[1]["future_positions"].dtype == np.float16
    assert reader.meta(3)["route"].shape == (50, 2)


def test_rewriting_the_published_format_loses_nothing_but_jpeg() -> None:
    from lead.dataset import encode

    frame = RouteReader(golden_route()).frame(7)
    for name, content in frame.contents():
        data = encode.encode_content(name, content)
        if name.startswith(("semantics", "depth", "hdmap")):
            decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            assert np.array_equal(decoded, content), name
        elif name == "lidar":
            cloud = laspy.read(BytesIO(data))
            assert np.allclose(np.stack([cloud.x, cloud.y, cloud.z], 1), content.points_ego, atol=1e-4)


def _jpeg_segments(data: bytes) -> dict[int, bytes]:
    """Content of the first segment of each kind, up to the pixels."""
    segments: dict[int, bytes] = {}
    place = 2
    while data[place + 1] != 0xDA:
        kind, length = data[place + 1], struct.unpack(">H", data[place + 2 : place + 4])[0]
        segments.setdefault(kind, data[place + 4 : place + 2 + length])
        place += 2 + length
    return segments


def _named(data: bytes) -> set[str]:
    """Everything outside the file that a pickle names."""
    names: set[str] = set()
    texts: list[str] = []
    memo: dict[int, str] = {}
    memoized, last = 0, ""
    for code, argument, _ in pickletools.genops(data):
        if code.name == "MEMOIZE":
            if texts and last == "text":
                memo[memoized] = texts[-1]
            memoized += 1
            continue
        if "UNICODE" in code.name:
            texts.append(argument)
            last = "text"
        elif code.name in ("BINGET", "LONG_BINGET") and argument in memo:
            texts.append(memo[argument])
            last = "get"
        else:
            if code.name == "STACK_GLOBAL":
                names.add(f"{texts[-2]}.{texts[-1]}")
            elif code.name == "GLOBAL":
                names.add(argument.replace(" ", "."))
            last = ""
    return names


def test_png_checksums_are_right(route: tuple[Path, int]) -> None:
    data = (route[0] / "semantics/0000.png").read_bytes()
    place = 8
    while place < len(data):
        length = struct.unpack(">I", data[place : place + 4])[0]
        body = data[place + 4 : place + 8 + length]
        assert struct.unpack(">I", data[place + 8 + length : place + 12 + length])[0] == zlib.crc32(body)
        place += 12 + length
