"""Two processes that share a batch compute what one process computes on the whole of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lead.training.checkpoints import read
from lead.training.stopping import EXIT_STOPPED

PROGRAM = Path(__file__).with_name("tiny_training.py")
WORDS = ["batch_size=4", "dropout=0", "sync_batchnorm=true", "checkpoint_every_steps=0", "clip_norm=0.5", "resume=true"]
pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder, world, *words):
    rendezvous = {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder), *WORDS, *words],
            env={
                **os.environ,
                **rendezvous,
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "LOCAL_WORLD_SIZE": str(world),
            },
            stderr=subprocess.PIPE,
        )
        for rank in range(world)
    ]


def train(folder, world, *words, expected=0):
    processes = start(folder, world, *words)
    errors = [process.communicate()[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [expected] * world, errors[0][-2000:]


def trace(folder):
    return [json.loads(line) for line in (folder / "trace.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    train(folder, 1)
    return folder


def check_same(folder, one):
    for own, expected in zip(trace(folder), trace(one), strict=True):
        assert own == pytest.approx(expected, rel=2e-3), expected["step"]
    a, b = read(folder / "model_0001.pth"), read(one / "model_0001.pth")
    for name, value in a.items():
        if "running" in name:
            torch.testing.assert_close(value, b[name], rtol=2e-2, atol=2e-3, msg=name)


def test_two_processes_are_as_good_as_one(tmp_path, one):
    train(tmp_path, 2)
    assert len(trace(one)) == 4
    check_same(tmp_path, one)


def test_parts_and_a_shared_optimiser_change_nothing(tmp_path, one):
    train(tmp_path, 2, "use_zero_redundancy=true")
    check_same(tmp_path, one)


def test_a_shared_optimiser_resumes_bit_by_bit(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    words = ["use_zero_redundancy=true", "dropout=0.1"]
    train(whole, 2, *words)
    train(cut, 2, *words, "limit_steps=3")
    train(cut, 2, *words)
    a, b = read(cut / "model_0001.pth"), read(whole / "model_0001.pth")
    assert all(torch.equal(a[name], b[name]) for name in b)


def test_a_batch_that_ranks_cannot_share_is_refused(tmp_path):
    train(tmp_path, 2, "batch_size=3", expected=1)


def test_a_request_to_one_process_stops_all_of_them(tmp_path):
    processes = start(tmp_path, 2, "epochs=200")
    for _ in range(1200):
        if (tmp_path / "trace.jsonl").is_file() or processes[0].poll() is not None:
            break
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGTERM)
    errors = [process.communicate()[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [EXIT_STOPPED] * 2, errors
    steps = len(trace(tmp_path))
    assert list(tmp_path.glob("midway_*")) or list(tmp_path.glob("state_*"))
    train(tmp_path, 2, "epochs=200", f"limit_steps={steps + 2}")
    assert len(trace(tmp_path)) == steps + 2
