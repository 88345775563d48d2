"""Numbers of GPUs count those that can be seen."""

import pytest

from lead.cli.benchmark import worker_gpus
from lead.simulator.gpus import GpuError, visible_gpu
from lead.simulator.launch import EmbeddedServer


def test_without_a_choice_of_the_scheduler_numbers_are_the_machines():
    assert visible_gpu(3, {}) == "3"


def test_numbers_count_what_the_scheduler_has_handed_out():
    assert visible_gpu(1, {"CUDA_VISIBLE_DEVICES": "4, 6"}) == "6"
    assert visible_gpu(0, {"CUDA_VISIBLE_DEVICES": "GPU-5f,GPU-1a"}) == "GPU-5f"


def test_hidden_gpus_stay_hidden():
    assert visible_gpu(0, {"CUDA_VISIBLE_DEVICES": ""}) == ""


def test_a_gpu_that_is_not_there_is_refused_before_anything_starts(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    assert worker_gpus("0", 2) == [0, 0]
    with pytest.raises(GpuError, match="no GPU 1: CUDA_VISIBLE_DEVICES=4 shows 1"):
        worker_gpus("0,1", 2)


def test_a_simulator_sees_its_gpu_only(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert EmbeddedServer(gpu=1).environment()["CUDA_VISIBLE_DEVICES"] == "5"
    assert EmbeddedServer().environment()["CUDA_VISIBLE_DEVICES"] == "2,5"
