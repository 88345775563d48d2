"""Weights as safetensors: exported, read back and predicted with; what is wrong with a file is said in a sentence."""

import json
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lead.cli import export_weights
from lead.cli import main as lead_main
from lead.inference.checkpoint import open_checkpoint, read_state_dict
from lead.inference.errors import CheckpointError
from lead.inference.open_loop import OpenLoopInference
from lead.inference.weights import Weights
from lead.inference.weights_export import DTYPES, MIB, rounded, split

NAMES = ("model_0007_1-00001-of-00002.safetensors", "model_0007_1-00002-of-00002.safetensors")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What a training leaves: weights of the compact network, and much beside them."""
    from small_networks import small_network

    from lead.config.training import resolve_training
    from lead.training.model_types import architecture_of, saved_config

    folder = tmp_path_factory.mktemp("posttrain")
    config = resolve_training(["recipe=tfv6_compact", "use_planning_decoder=true", f"logdir={folder}"])
    (folder / "config.json").write_text(json.dumps(saved_config(config)))
    torch.save(small_network(1, architecture_of(config)).state_dict(), folder / "model_0007_1.pth")
    torch.save({"step": 3}, folder / "optimizer_0007_1.pth")
    torch.save({"step": 3}, folder / "state_0007.pt")
    return folder


def export(*words):
    with pytest.raises(SystemExit) as left:
        lead_main.main(["export-weights", *map(str, words)])
    return left.value.code or 0


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "tfv6_compact"
    assert export(trained, "--out", folder) == 0
    return folder


@pytest.fixture
def copy(exported, tmp_path):
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def test_the_compact_network_fits_the_repository(trained, exported):
    sizes = {path.name: path.stat().st_size for path in exported.iterdir()}
    assert set(sizes) == {"config.json", *NAMES}
    assert max(sizes.values()) <= 12 * MIB and sum(sizes.values()) <= 24 * MIB
    text = (exported / "config.json").read_text()
    assert str(trained.parent) not in text
    before = json.loads((trained / "config.json").read_text())
    assert json.loads(text) == before | {"logdir": trained.name}


def test_the_same_bytes_every_time(trained, exported, tmp_path, capsys):
    assert export(trained, "--out", tmp_path / "again") == 0
    assert "00002-of-00002" in capsys.readouterr().out
    for path in exported.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again"]
    assert export(trained, "--out", tmp_path / "again") == 1
    assert "is there already" in capsys.readouterr().err
    assert export(trained, "--out", tmp_path / "again", "--force", "--dtype", "float16") == 0
    assert export(trained, "--out", trained, "--force") == 1
    assert (trained / "state_0007.pt").exists()


def test_an_export_predicts_what_the_rounded_network_predicts(trained, exported):
    from small_networks import random_batch

    checkpoint = open_checkpoint(exported)
    assert list(checkpoint.files) == [1]
    original = open_checkpoint(trained)
    assert checkpoint.architecture == original.architecture
    (found,) = checkpoint.load_models()
    (expected,) = original.load_models()
    expected.load_state_dict(rounded(expected, torch.bfloat16, "it"))
    state = found.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.state_dict().items())
    assert {tensor.dtype for tensor in state.values()} == {torch.float32, torch.int64}
    batch = random_batch(checkpoint.architecture, size=1)
    rounded_plan = OpenLoopInference(exported, device="cpu").predict(batch)
    full_plan = OpenLoopInference(trained, device="cpu").predict(batch)
    assert abs(rounded_plan.path_ego - full_plan.path_ego).max() < 0.1
    assert abs(rounded_plan.target_speed_mps - full_plan.target_speed_mps) < 0.05


def test_float32_keeps_every_bit(trained, tmp_path):
    assert export(trained, "--out", tmp_path / "full", "--dtype", "float32", "--shard-mib", "20") == 0
    assert len(list((tmp_path / "full").glob("*.safetensors"))) == 3
    (weights,) = open_checkpoint(tmp_path / "full").files.values()
    found, expected = weights.read(), read_state_dict(trained / "model_0007_1.pth")
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_training_starts_from_a_shard(exported, trained):
    state = read_state_dict(exported / NAMES[1])
    assert set(state) == set(read_state_dict(trained / "model_0007_1.pth"))


def test_what_does_not_go_into_an_export_is_refused(trained, tmp_path, capsys):
    assert export(trained, "--out", tmp_path / "a", "--dtype", "int8") == 1
    assert export(trained, "--out", tmp_path / "a", "--seeds", "0") == 1
    assert export(trained, "--out", tmp_path / "a", "--shard-mib", "0.1") == 1
    error = capsys.readouterr().err
    assert "no precision 'int8'" in error and "has the seeds 1; asked for: 0" in error
    assert "more than a shard of 0.1 MiB" in error
    model = open_checkpoint(trained).load_member(1)
    with torch.no_grad():
        next(parameter for parameter in model.parameters() if parameter.dim() > 1).fill_(1e6)
    with pytest.raises(CheckpointError, match="too large for float16"):
        rounded(model, torch.float16, "it")
    assert list(tmp_path.iterdir()) == []


def test_shards_are_few_and_of_one_size():
    tensors = {str(index): torch.zeros(1000 * (index % 7 + 1)) for index in range(100)}
    shards = split(tensors, 600_000)
    assert sorted(name for shard in shards for name in shard) == sorted(tensors)
    sizes = [sum(tensor.nbytes for tensor in shard.values()) for shard in shards]
    assert len(shards) == 3 and max(sizes) - min(sizes) < 40_000


def test_a_missing_shard_is_named(copy):
    (copy / NAMES[0]).unlink()
    with pytest.raises(CheckpointError, match=f"lacks {NAMES[0]}"):
        open_checkpoint(copy)
    with pytest.raises(CheckpointError, match=f"lacks {NAMES[0]}"):
        read_state_dict(copy / NAMES[1])


def test_one_member_in_two_forms_is_refused(copy, trained):
    shutil.copy(trained / "model_0007_1.pth", copy)
    with pytest.raises(CheckpointError, match="holds one member twice"):
        open_checkpoint(copy)
    (copy / "model_0007_1.pth").unlink()
    shutil.copy(copy / NAMES[0], copy / "model_0007_1-00001-of-00003.safetensors")
    with pytest.raises(CheckpointError, match="holds one member twice"):
        open_checkpoint(copy)


def test_a_tensor_in_two_shards_is_refused(copy):
    shutil.copy(copy / NAMES[0], copy / NAMES[1])
    with pytest.raises(CheckpointError, match=r"repeats .*, which another shard holds already"):
        open_checkpoint(copy)


def test_a_lost_tensor_is_named(copy):
    with safe_open(copy / NAMES[0], "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    lost = next(name for name in sorted(tensors) if name.startswith("semantic_decoder"))
    del tensors[lost]
    save_file(tensors, copy / NAMES[0])
    with pytest.raises(CheckpointError, match=f"missing: {lost}"):
        open_checkpoint(copy).load_models()


def header_of(data: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def with_header(header: dict, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def overlapping(header: dict, body: bytes) -> bytes:
    header["a"]["data_offsets"], header["b"]["data_offsets"] = [0, 16], [8, 24]
    return with_header(header, body)


def beyond(header: dict, body: bytes) -> bytes:
    header["b"]["data_offsets"], header["b"]["shape"] = [16, 48], [8]
    return with_header(header, body)


def contradicting(header: dict, body: bytes) -> bytes:
    header["a"]["shape"] = [1 << 62, 4]
    return with_header(header, body)


FAULTS = {
    "empty": lambda data: b"",
    "short": lambda data: data[:5],
    "in the header": lambda data: data[:40],
    "in the data": lambda data: data[:-1],
    "too long": lambda data: data + b"\0",
    "huge header": lambda data: struct.pack("<Q", 1 << 62) + data[8:],
    "no JSON": lambda data: data[:8] + b"x" + data[9:],
    "overlap": lambda data: overlapping(*header_of(data)),
    "beyond": lambda data: beyond(*header_of(data)),
    "shape": lambda data: contradicting(*header_of(data)),
    "pickle": lambda data: b"\x80\x02cos\nmkdir\n",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_damaged_files_are_one_sentence(tmp_path, fault):
    path = tmp_path / "model_0030_0.safetensors"
    save_file({"a": torch.ones(4), "b": torch.ones(4)}, path)
    path.write_bytes(FAULTS[fault](path.read_bytes()))
    for use in (Weights.shapes, Weights.read):
        with pytest.raises(CheckpointError, match=r"0030_0\.safetensors is damaged or no safetensors file: ") as caught:
            use(Weights.of(path))
        assert "\n" not in str(caught.value)


def test_foreign_precisions_are_refused(tmp_path):
    path = tmp_path / "model_0030_0.safetensors"
    save_file({"a": torch.ones(4).to(torch.float8_e4m3fn)}, path)
    with pytest.raises(CheckpointError, match="stores a as F8_E4M3, which no network"):
        Weights.of(path).read()


def test_shapes_come_without_the_data(tmp_path):
    """A file of 64 GiB, of which the disk holds only the header."""
    path = tmp_path / "model_0030_0.safetensors"
    size = 1 << 36
    header = json.dumps({"a": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + size)
    assert Weights.of(path).shapes() == {"a": (size // 4,)}
    assert Weights.of(path).float32_bytes() == size


def test_bit_errors_that_leave_no_number_are_refused(copy):
    data = bytearray((copy / NAMES[0]).read_bytes())
    header, _ = header_of(bytes(data))
    start = len(data) - max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
    place = next(entry for name, entry in header.items() if name.endswith("weight") and entry["dtype"] == "BF16")
    first = start + place["data_offsets"][0]
    data[first : first + 2] = b"\xc0\x7f"
    (copy / NAMES[0]).write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="numbers that are not finite"):
        open_checkpoint(copy).load_models()


def test_the_command_offers_the_precisions_that_there_are() -> None:
    assert tuple(DTYPES) == export_weights.DTYPES
