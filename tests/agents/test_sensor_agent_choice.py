"""Which checkpoints drive, and how flags become the one text that agents are set up with."""

import json
from pathlib import Path

import pytest
import torch

from lead.agents import sensor_agent_model
from lead.agents.sensor_agent_model import _check
from lead.cli.agent_choice import AgentChoice, ChoiceError, choose_model
from lead.config.closed_loop import resolve_closed_loop
from lead.config.model_choice import ModelChoice, checkpoint_folder, parse_seeds
from lead.config.published import PublishedConfig
from lead.config.resolve import ConfigError
from lead.errors import MachineError
from lead.inference.checkpoint import Checkpoint
from lead.inference.errors import CheckpointError, InferenceError
from lead.models.transfuser.architecture import VARIANTS

NO_FLAGS = {"seeds": None, "max_models": None, "device": None, "fit_memory": False}


@pytest.mark.parametrize(
    "choice",
    [
        ModelChoice("outputs/ckpt"),
        ModelChoice("outputs/ckpt", seeds=(0, 2)),
        ModelChoice("out puts/ckpt+x", max_models=2, device="cuda:0,cuda:1", fit_memory=True),
    ],
)
def test_choices_survive_as_text_also_with_bench2drives_suffix(choice):
    text = choice.to_text()
    assert ModelChoice.from_text(text) == choice
    assert ModelChoice.from_text(f"{text}+RouteScenario_1_rep0_Town01_x_0_11_28_00_00_00") == choice
    assert checkpoint_folder(text) == choice.checkpoint


def test_a_plain_folder_stays_one(tmp_path):
    assert ModelChoice("outputs/ckpt").to_text() == "outputs/ckpt"
    folder = tmp_path / "a+b"
    folder.mkdir()
    assert ModelChoice.from_text(str(folder)).checkpoint == str(folder)
    assert checkpoint_folder("rig.yaml") == "rig.yaml"
    assert checkpoint_folder('{"sensors": []}') == '{"sensors": []}'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "needs the folder of its checkpoint"),
        ('{"checkpoint": "a", "seed": [1]}', "no key 'seed'; did you mean 'seeds'"),
        ('{"checkpoint": "a", "seeds": "0,2"}', "seeds must be a list of numbers"),
        ('{"checkpoint": "a", "max_models": 1.5}', "max_models of the agent's configuration cannot be 1.5"),
        ('{"seeds": [0]}', "checkpoint of the agent's configuration cannot be None"),
        ('{"checkpoint": "a"', "cannot be read as JSON"),
        ('{"checkpoint": "a"} or so', "goes on behind its JSON object"),
    ],
)
def test_wrong_choices_are_refused(text, sentence):
    with pytest.raises(ConfigError, match=sentence):
        ModelChoice.from_text(text)


def test_seeds():
    assert parse_seeds("0,2") == (0, 2)
    for text in ("0;2", "", "-1"):
        with pytest.raises(ConfigError, match="seeds are numbers"):
            parse_seeds(text)


def test_flags_become_part_of_the_choice(make_checkpoint):
    folder = make_checkpoint("resnet34")
    plain = AgentChoice("transfuser", str(folder), has_model=True)
    assert choose_model(plain, **NO_FLAGS) == plain
    chosen = choose_model(plain, seeds="0", max_models=1, device="cpu", fit_memory=False)
    assert json.loads(chosen.config) == {"checkpoint": str(folder), "seeds": [0], "max_models": 1, "device": "cpu"}
    assert chosen.label == f"{folder.name}_seeds_0_max_1"
    with pytest.raises(CheckpointError, match="has the seeds 0; asked for: 1"):
        choose_model(plain, **NO_FLAGS | {"seeds": "1"})
    with pytest.raises(InferenceError, match="is no device"):
        choose_model(plain, **NO_FLAGS | {"device": "abacus"})


def test_a_gpu_that_refuses_is_the_machines_failure(make_checkpoint, monkeypatch):
    def refuse(*_, **__):
        raise torch.AcceleratorError("CUDA error: CUDA-capable device(s) is/are busy or unavailable\nand more")

    monkeypatch.setattr(sensor_agent_model, "OpenLoopInference", refuse)
    with pytest.raises(
        MachineError, match=r"does not work at the moment \(CUDA error: .* unavailable\); fewer --workers"
    ):
        sensor_agent_model.load_model(ModelChoice(str(make_checkpoint("resnet34"))), frozenset())


def test_flags_of_a_model_need_a_model():
    autopilot = AgentChoice("autopilot", "")
    assert choose_model(autopilot, **NO_FLAGS) == autopilot
    with pytest.raises(ChoiceError, match="--seeds and --fit-memory only make sense"):
        choose_model(autopilot, **NO_FLAGS | {"seeds": "0", "fit_memory": True})


@pytest.mark.parametrize(
    ("variant", "config", "sentence"),
    [
        ("navsim_ltfv6", {}, "was trained for NAVSIM, whose sensors and commands CARLA does not have"),
        ("resnet34_pretrain", {}, "pre-trained one without a planner"),
        ("resnet34", {"hist_max_per_pixel": 9}, "has hist_max_per_pixel 9"),
        ("resnet34", {"num_radar_points_per_sensor": 30}, "has num_radar_points_per_sensor 30"),
    ],
)
def test_checkpoints_that_cannot_drive_are_refused(variant, config, sentence):
    checkpoint = Checkpoint(Path("ckpt"), PublishedConfig(**config), VARIANTS[variant], {})
    with pytest.raises(CheckpointError, match=sentence):
        _check(checkpoint)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("steer_modality=path", "steer_modality must be route or waypoint, not 'path'"),
        ("jpeg_quality=0", "jpeg_quality must lie between 1 and 100, not 0"),
        ("turn_n=0", "turn_n must lie between 1 and inf"),
        ("sensor_agent_creep=true", "did you mean 'sensor_agent_creeping'"),
    ],
)
def test_impossible_settings_are_refused(word, sentence):
    with pytest.raises(ConfigError, match=sentence):
        resolve_closed_loop([word], environ={})
