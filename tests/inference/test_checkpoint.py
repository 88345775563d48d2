"""Checkpoint folders are opened as published, and what is wrong with one is said in a sentence."""

import json
import os
import pickle
import zipfile

import pytest
import torch

from lead.config.published import read_published_config
from lead.config.resolve import ConfigError
from lead.inference.checkpoint import choose_files, open_checkpoint, read_state_dict
from lead.inference.errors import CheckpointError
from lead.models.transfuser.architecture import VARIANTS


def touch(folder, *names):
    for name in names:
        (folder / name).write_bytes(b"")


def test_seeds_of_the_last_epoch_are_chosen_in_order(tmp_path):
    touch(
        tmp_path, "model_0030_2.pth", "model_0030_0.pth", "model_0030_10.pth", "model_0014_0.pth", "_model_0030_1.pth"
    )
    touch(tmp_path, "model_best_rfm_3_0.5.pth", "optimizer_0030.pth", "model_0030_1.pth.tmp")
    assert {seed: weights.paths[0].name for seed, weights in choose_files(tmp_path).items()} == {
        0: "model_0030_0.pth",
        2: "model_0030_2.pth",
        10: "model_0030_10.pth",
    }
    assert list(choose_files(tmp_path, seeds=[10, 0])) == [0, 10]
    assert list(choose_files(tmp_path, max_models=2)) == [0, 2]
    with pytest.raises(CheckpointError, match="has the seeds 0, 2, 10; asked for: 1"):
        choose_files(tmp_path, seeds=[0, 1])
    with pytest.raises(CheckpointError, match="at least one model"):
        choose_files(tmp_path, max_models=0)


def test_a_link_to_a_seed_is_no_second_member(tmp_path):
    touch(tmp_path, "model_0030_0.pth")
    os.symlink("model_0030_0.pth", tmp_path / "model_0030.pth")
    assert list(choose_files(tmp_path)) == [0]


def test_a_published_folder_opens_and_its_weights_come_back_bit_for_bit(checkpoint_folder, full_networks):
    checkpoint = open_checkpoint(checkpoint_folder)
    assert checkpoint.architecture == VARIANTS["resnet34"] and list(checkpoint.files) == [0, 2]
    assert "epochs" in checkpoint.config.unknown
    for model, network in zip(checkpoint.load_models(), full_networks.values(), strict=True):
        expected = network.state_dict()
        state = model.state_dict()
        assert list(state) == list(expected)
        assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())
        assert not model.training


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_file_is_refused_and_not_run(tmp_path):
    mark, file = tmp_path / "ran", tmp_path / "model_0030_0.pth"
    torch.save({"weight": Bomb(mark)}, file)
    with pytest.raises(CheckpointError, match="more than weights, possibly code"):
        read_state_dict(file)
    assert not mark.exists()
    file.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(CheckpointError, match="model_0030_0"):
        read_state_dict(file)
    assert not mark.exists()


@pytest.mark.parametrize("kept", [0, 10, 1000, 0.5, 0.999])
def test_truncated_files_are_damaged(tmp_path, kept):
    file = tmp_path / "model_0030_0.pth"
    torch.save({"weight": torch.zeros(1000)}, file)
    data = file.read_bytes()
    file.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises(CheckpointError, match=r"model_0030_0\.pth is damaged or no PyTorch file") as caught:
        read_state_dict(file)
    assert "\n" not in str(caught.value)


def test_other_things_than_a_state_dict_are_refused(tmp_path):
    file = tmp_path / "model_0030_0.pth"
    for content in ([torch.zeros(3)], {"model": {"weight": torch.zeros(3)}}, torch.zeros(3)):
        torch.save(content, file)
        with pytest.raises(CheckpointError, match="must hold tensors by name"):
            read_state_dict(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "no weights here")
    with pytest.raises(CheckpointError, match="damaged or no PyTorch file"):
        read_state_dict(file)


@pytest.fixture
def changed_folder(checkpoint_folder, full_networks, tmp_path):
    """Make a folder with one seed of zeros, which take no room, whose state dict a function has changed."""

    def change(function):
        tensors = full_networks[0].state_dict().items()
        state = {name: torch.zeros((), dtype=tensor.dtype).expand(tensor.shape) for name, tensor in tensors}
        function(state)
        torch.save(state, tmp_path / "model_0030_0.pth")
        (tmp_path / "config.json").write_text((checkpoint_folder / "config.json").read_text())
        return tmp_path

    return change


def test_missing_and_unexpected_tensors_are_named(changed_folder):
    def change(state):
        del state["planning_decoder.wp_decoder.bias"]
        state["planning_decoder.extra.weight"] = torch.zeros(2)
        state["backbone.c5_conv.bias"] = torch.zeros(3)

    checkpoint = open_checkpoint(changed_folder(change))
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load_models()
    text = str(caught.value)
    assert "missing: planning_decoder.wp_decoder.bias" in text
    assert "unexpected: planning_decoder.extra.weight" in text
    assert "backbone.c5_conv.bias (3,) instead of (64,)" in text


def test_weights_that_are_not_finite_are_refused(changed_folder):
    def change(state):
        state["planning_decoder.wp_decoder.bias"] = torch.tensor([0.0, float("nan")])

    checkpoint = open_checkpoint(changed_folder(change))
    with pytest.raises(CheckpointError, match=r"not finite, in planning_decoder\.wp_decoder\.bias"):
        checkpoint.load_models()


def test_a_configuration_that_disagrees_is_refused(changed_folder):
    folder = changed_folder(lambda state: None)
    (folder / "config.json").write_text(json.dumps({"use_planning_decoder": True, "LTF": True}))
    with pytest.raises(CheckpointError, match=r"LiDAR input: ramp in config\.json, raster in the weights"):
        open_checkpoint(folder)


def test_folders_without_what_is_needed_are_named(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        open_checkpoint(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"config\.json does not exist"):
        open_checkpoint(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="holds no weights"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "must hold a JSON object"),
        ('{"LTF": "yes"}', "the value of 'LTF' must be like False"),
        ('{"used_cameras": [1, 0]}', "used_cameras"),
        ("[" * 100000, "cannot be read as JSON"),
    ],
)
def test_broken_configurations_are_named(tmp_path, text, words):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_published_config(path)


@pytest.mark.parametrize(
    ("values", "rig"),
    [
        ({"carla_root": "data/carla_leaderboard2"}, "carla_3_cameras"),
        ({"carla_root": "/x/data/carla_leaderboard2_360/"}, "carla_6_cameras"),
        ({"carla_root": "data/carla_leaderboad2_v10"}, "carla_6_cameras"),
        ({"carla_root": "data/carla_leaderboard2", "target_dataset": 2}, "carla_6_cameras"),
        ({"use_navsim_data": True, "use_carla_data": False}, "navsim_4_cameras"),
        ({"target_dataset": 3}, "carla_1_camera"),
    ],
)
def test_the_rig_follows_from_the_configuration(tmp_path, values, rig):
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert read_published_config(tmp_path / "config.json").rig_name == rig
