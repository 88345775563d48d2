"""A training that is cut off anywhere and resumed ends with the same weights, bit by bit, as one that never was."""

import dataclasses
import io
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tiny_training import TinySamples, tiny_config, tiny_trainer

from lead.training.checkpoints import CheckpointFolder, read
from lead.training.errors import TrainingError
from lead.training.run_log import RunLog
from lead.training.stopping import EXIT_STOPPED, StopRequest

PROGRAM = Path(__file__).with_name("tiny_training.py")
LAST = "model_0001.pth"
TOTAL_STEPS = 8


class CutError(Exception):
    pass


def run_until(trainer, step=None):
    """Train, and die without a word before a step."""
    original = trainer.engine.step

    def dying(*args):
        if step is not None and trainer.position.step == step:
            raise CutError
        return original(*args)

    trainer.engine.step = dying
    return trainer.run(StopRequest())


def same(a: Path, b: Path) -> bool:
    first, second = read(a), read(b)
    return list(first) == list(second) and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert run_until(tiny_trainer(tiny_config(folder, "ema_decay=0.9"), validation=True))
    return folder


@pytest.mark.slow
def test_five_cuts_at_random_steps_change_no_bit(tmp_path, uninterrupted):
    generator = random.Random(4)
    cuts = sorted(generator.sample(range(1, TOTAL_STEPS), 5))
    for cut in [*cuts, None]:
        config = tiny_config(tmp_path, "ema_decay=0.9", "resume=true")
        torch.manual_seed(generator.randrange(1000))  # what the next process starts with must not matter
        random.seed(generator.randrange(1000))
        trainer = tiny_trainer(config, validation=True)
        trainer.resume()
        if cut is None:
            assert run_until(trainer)
        else:
            with pytest.raises(CutError):
                run_until(trainer, cut)
    for name in (LAST, "optimizer_0001.pth"):
        a, b = read(tmp_path / name), read(uninterrupted / name)
        assert str(a) == str(b)
    assert same(tmp_path / LAST, uninterrupted / LAST)
    best = next((tmp_path / "best").glob("model_*.pth"))
    assert same(best, uninterrupted / "best" / best.name)
    first, second = (read(folder / "state_0001.pt") for folder in (tmp_path, uninterrupted))
    assert first["position"] == second["position"] and first["watch"] == second["watch"]


def test_a_request_to_stop_saves_after_the_step(tmp_path, uninterrupted):
    config = tiny_config(tmp_path, "ema_decay=0.9", "checkpoint_every_steps=0")
    trainer, stop = tiny_trainer(config, validation=True), StopRequest()
    original = trainer.engine.step

    def stopping(*args):
        stop.is_set = trainer.position.step == 6
        return original(*args)

    trainer.engine.step = stopping
    assert not trainer.run(stop)
    assert trainer.position.step == 7
    assert [path.name for path in tmp_path.glob("midway*")] == ["midway_00000007.pt"]
    again = tiny_trainer(dataclasses.replace(config, resume=True), validation=True)
    assert again.resume() and again.position.step == 7
    assert run_until(again)
    assert same(tmp_path / LAST, uninterrupted / LAST)
    assert not list(tmp_path.glob("midway*"))


def test_only_the_last_epoch_stays_unless_more_is_wanted(tmp_path, uninterrupted):
    assert sorted(path.name for path in uninterrupted.glob("*_0*.p*")) == [
        "model_0001.pth",
        "optimizer_0001.pth",
        "scheduler_0001.pth",
        "state_0001.pt",
    ]
    trainer = tiny_trainer(
        tiny_config(tmp_path, "keep_checkpoints=2", "epoch_checkpoints_keep=[0]", "batch_size=8", "epochs=3")
    )
    assert run_until(trainer)
    assert sorted(path.name for path in tmp_path.glob("model_*.pth")) == [f"model_000{n}.pth" for n in range(3)]
    assert sorted(path.name for path in tmp_path.glob("state_*.pt")) == ["state_0001.pt", "state_0002.pt"]


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    config = tiny_config(tmp_path, "epochs=1", "checkpoint_every_steps=2")
    with pytest.raises(CutError):
        run_until(tiny_trainer(config), 3)
    newest = tmp_path / "midway_00000002.pt"
    copy = tmp_path / "midway_00000003.pt"
    copy.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    trainer = tiny_trainer(config)
    assert trainer.resume() and trainer.position.step == 2
    newest.write_bytes(b"nothing")
    with pytest.raises(TrainingError, match=r"no checkpoint in .* can be read"):
        tiny_trainer(config).resume()


def test_a_failing_write_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    config = tiny_config(tmp_path, "epochs=1", "checkpoint_every_steps=2")
    with pytest.raises(CutError):
        run_until(tiny_trainer(config), 3)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full_disk(content, file):
        file.write(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    trainer = tiny_trainer(config)
    trainer.resume()
    with pytest.raises(TrainingError, match=r"cannot be written: .*No space"):
        run_until(trainer)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_another_data_set_is_refused(tmp_path):
    config = tiny_config(tmp_path, "epochs=1")
    assert run_until(tiny_trainer(config))
    with pytest.raises(TrainingError, match="data set or batch size have changed"):
        tiny_trainer(config, samples=TinySamples(6)).resume()


def test_a_folder_without_checkpoints_starts_anew(tmp_path):
    assert CheckpointFolder(tmp_path).newest() is None
    assert not tiny_trainer(tiny_config(tmp_path)).resume()


def start(folder, *words):
    command = [sys.executable, str(PROGRAM), str(folder), "resume=true", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ})


def steps_of(folder):
    return {path.name for path in folder.glob("midway*")} | {path.name for path in folder.glob("state*")}


def wait_for_change(folder, before, process):
    for _ in range(1200):
        if steps_of(folder) - before or process.poll() is not None:
            return
        time.sleep(0.05)
    raise AssertionError("the training does not save anything")


@pytest.mark.slow
def test_a_killed_process_resumes_bit_by_bit(tmp_path):
    words = ["checkpoint_every_steps=1"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert start(whole, *words).wait() == 0
    generator = random.Random(1)
    for kill in range(6):
        before = steps_of(cut) if cut.is_dir() else set()
        process = start(cut, *words)
        if kill < 5:
            wait_for_change(cut, before, process)
            time.sleep(generator.random() * 0.6)
            process.send_signal(signal.SIGKILL)
        process.wait()
    assert same(cut / LAST, whole / LAST)


@pytest.mark.slow
def test_sigterm_saves_and_has_an_exit_code_of_its_own(tmp_path):
    process = start(tmp_path, "checkpoint_every_steps=1")
    wait_for_change(tmp_path, set(), process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode == EXIT_STOPPED, errors.decode()
    assert b"SIGTERM: saving and stopping after this step" in errors
    assert steps_of(tmp_path)
    assert start(tmp_path).wait() == 0


def test_a_published_checkpoint_goes_on_after_its_epoch(tmp_path):
    config = tiny_config(tmp_path, "epochs=2")
    first = tiny_trainer(config)
    with pytest.raises(CutError):
        run_until(first, 5)
    for path in [*tmp_path.glob("state*"), *tmp_path.glob("midway*")]:
        path.unlink()
    trainer = tiny_trainer(config)
    assert trainer.resume()
    assert (trainer.position.epoch, trainer.position.step) == (1, 4)
    assert run_until(trainer) and (tmp_path / "model_0001.pth").is_file()
    (tmp_path / "state_0001.pt").unlink()
    (tmp_path / "optimizer_0001.pth").unlink()
    with pytest.raises(TrainingError, match=r"optimizer_0001\.pth cannot be read"):
        tiny_trainer(config).resume()


class Notes:
    """A sink that remembers."""

    def __init__(self):
        self.numbers, self.pictures = {}, {}

    def scalars(self, values, step):
        self.numbers.setdefault(step, {}).update(values)

    def picture(self, name, picture, step):
        self.pictures[step] = picture

    def close(self):
        pass


def test_a_log_tells_how_far_a_training_is(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("lead.training.reporting._LINE_EVERY_S", 0.0)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with caplog.at_level(logging.INFO):
        run_until(tiny_trainer(tiny_config(tmp_path, "epochs=1"), log=RunLog([])))
    assert re.search(r"epoch 0, step 3 of 4, loss \d\.\d{4}, \d+\.\d samples/s", caplog.text), caplog.text


def test_numbers_are_noted_as_often_as_wanted(tmp_path):
    notes = Notes()
    words = ["epochs=1", "log_scalars_frequency=2", "log_images_frequency=3", "checkpoint_every_steps=0"]
    assert run_until(tiny_trainer(tiny_config(tmp_path, *words), validation=True, log=RunLog([notes])))
    assert sorted(notes.pictures) == [1, 4]
    assert [step for step, values in notes.numbers.items() if "debug/loss" in values] == [2, 4]
    last = notes.numbers[4]
    assert last["debug/loss"] == pytest.approx(
        sum(v for k, v in last.items() if k.startswith("scaled_loss/")), rel=1e-5
    )
    assert {"debug/samples_per_s", "debug/data_wait_share", "debug/lr_g", "unscaled_loss/radar_loss"} <= set(last)
    assert {"metric/path_ade_m", "validation/loss", "validation/box_precision", "validation/semantic_iou"} <= set(last)
    assert 0.0 <= last["debug/data_wait_share"] <= 1.0
