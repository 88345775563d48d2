"""The whole program on a recorded route: published entry point, log, checkpoint folder, post-training, refusals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lead.cli.train import command
from lead.config.training import resolve_training
from lead.inference.checkpoint import open_checkpoint
from lead.training.run_log import RunLog, TensorBoardSink, WandbSink

ROOT = Path(__file__).resolve().parents[2]
ROUTE = ROOT / "../shared/golden/synthetic_route/carla_leaderboard2"
needs_route = pytest.mark.skipif(not ROUTE.is_dir(), reason="the golden route (../shared) is not on this machine")
WORDS = ["recipe=debug", f"carla_root={ROUTE}", "assigned_cpu_cores=0", "log_scalars_frequency=1", "batch_size=2"]


def train(*words, script=ROOT / "lead/training/train.py"):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd="/")


def test_recipes_are_listed(capsys):
    command(recipes=True)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("tfv6_regnety ") and "full TransFuser V6" in line for line in lines)


def test_wrong_words_end_in_one_sentence():
    result = train("recipe=debug", "epoch=3")
    assert result.returncode == 1
    assert result.stderr.splitlines() == ["train.py: the command line: there is no key 'epoch'; did you mean 'epochs'?"]


def test_a_missing_data_set_is_named(tmp_path):
    result = train("recipe=debug", f"carla_root={tmp_path}/nothing", f"logdir={tmp_path}/log")
    assert result.returncode == 1 and f"{tmp_path}/nothing" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "log").exists()


def test_numbers_and_pictures_reach_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    import numpy as np

    log = RunLog([TensorBoardSink(tmp_path)])
    log.scalars({"debug/loss": 0.25}, 3)
    log.picture("training", np.zeros((4, 6, 3), np.uint8), 3)
    log.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path))
    events.Reload()
    [entry] = events.Scalars("debug/loss")
    assert (entry.step, entry.value) == (3, 0.25)
    [picture] = events.Images("training")
    assert (picture.width, picture.height) == (6, 4)


def test_numbers_and_pictures_reach_wandb(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    import numpy as np

    monkeypatch.setenv("WANDB_MODE", "offline")
    config = resolve_training([f"logdir={tmp_path}", "log_wandb=true", "description=a try"], {})
    sink = WandbSink(config, {"lr": 0.1})
    sink.scalars({"debug/loss": 0.25}, 3)
    sink.picture("training", np.zeros((4, 6, 3), np.uint8), 3)
    sink.close()
    [run] = tmp_path.glob("wandb/offline-run-*")
    assert list(run.glob("*.wandb")) and list(run.rglob("*.png"))


@needs_route
@pytest.mark.slow
def test_both_stages_on_a_recorded_route(tmp_path):
    pytest.importorskip("tensorboard")
    first, second = tmp_path / "pretrain", tmp_path / "posttrain"
    limits = ["epochs=1", "carla_num_samples=4"]
    result = train(*WORDS, *limits, "use_planning_decoder=false", f"logdir={first}")
    assert result.returncode == 0, result.stderr
    again = train(*WORDS, *limits, "use_planning_decoder=false", f"logdir={first}")
    assert again.returncode == 1 and "holds the checkpoints of another training" in again.stderr
    result = train(
        *WORDS[1:], *limits, f"load_file={first}/model_0000.pth", "use_planning_decoder=true", f"logdir={second}"
    )
    assert result.returncode == 0, result.stderr
    assert "all weights loaded but the planner's" in result.stderr
    saved = json.loads((second / "config.json").read_text())
    assert saved["use_planning_decoder"] and saved["used_cameras"] == [False, True, False]
    checkpoint = open_checkpoint(second)
    assert len(checkpoint.load_models()) == 1
    assert checkpoint.architecture.plans_with_radar and not checkpoint.architecture.legacy.phantom_target


@pytest.mark.parametrize("stage", ["pretrain", "posttrain"])
@pytest.mark.parametrize("is_spread", [False, True])
def test_scripts_call_the_published_entry_point(tmp_path, stage, is_spread):
    recorder = tmp_path / "python"
    recorder.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\n')
    recorder.chmod(0o755)
    environment = {**os.environ, "LEAD_PYTHON": str(recorder), "NPROC": "3"}
    for name in ("LOGDIR", "LOAD_FILE"):
        environment.pop(name, None)
    script = ROOT / "scripts" / f"{stage}{'_ddp' if is_spread else ''}.sh"
    subprocess.run(["bash", str(script), "lr=1e-4"], env=environment, cwd=tmp_path, check=True)
    arguments = (tmp_path / "arguments").read_text().splitlines()
    start = arguments.index("lead/training/train.py")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3"]
    assert arguments[:start] == (launcher if is_spread else [])
    words = arguments[start + 1 :]
    assert words[0] == f"logdir=outputs/local_training/{stage}" and words[-1] == "lr=1e-4"
    if stage == "posttrain":
        assert words[1:3] == [
            "load_file=outputs/local_training/pretrain/model_0030.pth",
            "use_planning_decoder=true",
        ]
