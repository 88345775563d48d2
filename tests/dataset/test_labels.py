"""Pickles that are not trusted, and the tables of keys."""

from __future__ import annotations

import lzma
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recording_support import FUTURE_META, make_boxes, make_meta

from lead.dataset.decode import read_labels
from lead.dataset.errors import DatasetError
from lead.dataset.pickles import dump, dump_xz, load, load_xz
from lead.dataset.schema import META_ALL, PLANNER_KEYS, box_faults, meta_faults

CONTENT: dict[str, Any] = {
    "table": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.arange(6, dtype=np.float64).reshape(2, 3).T,
    "half": np.zeros((0, 2), np.float16),
    "number": np.float64(2.5),
    "flag": np.bool_(True),
    "nothing": None,
    "list": [1, (2.5, "text"), {"a": b"bytes"}],
}


class _Calls:
    """Pickles as a call of anything."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


@pytest.mark.parametrize("write", [dump, *(lambda c, p=p: pickle.dumps(c, p) for p in (2, 3, 4, 5))])
def test_arrays_and_plain_values_come_back_from_every_protocol(write: Any) -> None:
    back = load(write(CONTENT))
    assert back["list"] == CONTENT["list"] and back["nothing"] is None and back["flag"]
    for key in ("table", "turned", "half"):
        assert back[key].dtype == CONTENT[key].dtype and np.array_equal(back[key], CONTENT[key])
        assert back[key].flags.writeable
    assert type(back["number"]) is np.float64 and back["number"] == 2.5


def test_anyone_can_read_what_we_write() -> None:
    back = pickle.loads(lzma.decompress(dump_xz(CONTENT)))
    assert np.array_equal(back["table"], CONTENT["table"]) and back["flag"] is True


@pytest.mark.parametrize(
    "call",
    [
        _Calls(__import__("os").system, "echo hostile"),
        _Calls(eval, "1 + 1"),
        _Calls(getattr, [], "append"),
        _Calls(np.load, "file.npy"),
        _Calls(np.ndarray, (4,), np.dtype("O"), bytearray(32)),
        _Calls(np.frombuffer, b"1234"),
        _Calls(np.testing.assert_equal, 1, 1),
    ],
    ids=["os.system", "eval", "getattr", "numpy.load", "array of pointers", "numpy.frombuffer", "numpy.testing"],
)
def test_a_hostile_pickle_is_refused_before_anything_is_called(call: _Calls) -> None:
    with pytest.raises(DatasetError, match="not read"):
        load_xz(lzma.compress(pickle.dumps([1, call])))


def test_damaged_files_are_one_sentence_with_their_name(tmp_path: Path) -> None:
    data = dump_xz(CONTENT)
    path = tmp_path / "0000.pkl"
    for content, reason in (
        (data[:-20], "cut off|damaged"),
        (b"not xz at all", "no xz stream"),
        (lzma.compress(b"not a pickle"), "pickle is damaged"),
        (lzma.compress(pickle.dumps(CONTENT)[:-30]), "pickle is damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=rf"0000\.pkl: .*({reason})"):
            read_labels(path)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_labels(tmp_path / "0001.pkl")


def test_an_array_of_objects_is_not_stored() -> None:
    with pytest.raises(DatasetError, match="array of objects"):
        dump({"odd": np.array([{}], dtype=object)})


def test_the_published_planner_families_have_232_keys() -> None:
    assert len(PLANNER_KEYS) == len(set(PLANNER_KEYS)) == 232
    assert {
        "next_target_points_3.25", "next_gps_commands_3.25", "previous_commands_10.0", "previous_gps_target_points_3.0",
    } <= set(PLANNER_KEYS)  # fmt: skip


def test_full_records_have_no_faults_and_each_deviation_is_named() -> None:
    future = {key: np.zeros((61, 3), np.float32) if "positions" in key else np.zeros(61, np.float32)
              for key in FUTURE_META if META_ALL[key].startswith("float32")}  # fmt: skip
    meta = make_meta(0) | {"privileged_acceleration": 0.0, "privileged_rotation_speed": np.float64(0.0)} | future
    assert list(meta_faults(meta, strict=True)) == []
    assert list(meta_faults(meta | {"speed": "fast"}, strict=False)) == ["speed of the metas is str, not float"]
    assert list(meta_faults(meta | {"route": np.zeros((50, 2))}, strict=False)) == [
        "route of the metas is float64/2, not float32/2"
    ]
    del meta["next_commands_3.25"], meta["theta"]
    assert list(meta_faults(meta, strict=False)) == ["the metas lack theta"]
    assert "next_commands_3.25" in next(iter(meta_faults(meta, strict=True)))

    boxes = make_boxes(0)
    assert list(box_faults(boxes, strict=False)) == []
    assert any("it lacks future_positions" in fault for fault in box_faults(boxes, strict=True))
    assert list(box_faults(boxes[1:], strict=False)) == ["the first box is not the ego's"]
    boxes[2]["id"] = 7
    assert list(box_faults(boxes, strict=False)) == ["two boxes have the same id"]
    boxes[1]["class"] = "dragon"
    assert "box 1 (dragon): there is no such class of boxes" in list(box_faults(boxes, strict=False))


_FLIPS = """
import pickle, random, resource, sys
sys.path.insert(0, {support!r})
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))  # some flips ask for gigabytes
from test_labels import CONTENT
from lead.dataset.errors import DatasetError
from lead.dataset.pickles import dump, load

refused = 0
for plain in (dump(CONTENT), pickle.dumps(CONTENT, 2), pickle.dumps(CONTENT, 5)):
    rng = random.Random(len(plain))
    for _ in range(700):
        data = bytearray(plain)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            load(bytes(data))
        except DatasetError:
            refused += 1
print("refused", refused)
"""


def test_flipped_bytes_neither_crash_nor_run_anything() -> None:
    # NumPy's own reading of its types and arrays ends the process on some of these.
    code = _FLIPS.format(support=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 700 < int(done.stdout.split()[-1]) < 2100
