"""Ranks that exchange gradients themselves, after a backward pass that was replayed."""

import os
import subprocess
import sys
from pathlib import Path

from test_training_ranks import free_port

RANK_PROGRAM = """
import os, torch
from lead.training.distributed import joined
with joined("cpu") as ranks:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    torch.nn.init.constant_(model[0].weight, ranks.rank + 5.0)
    model[1].running_var.fill_(ranks.rank + 7.0)
    ranks.align(model)
    assert (model[0].weight == 5.0).all() and (model[1].running_var == 7.0).all()
    model[0].weight.grad = torch.full((3, 2), 1.0 + ranks.rank)
    model[1].bias.grad = torch.arange(3.0) * ranks.rank
    kept = model[0].weight.grad
    ranks.average_gradients(list(model.parameters()))
    assert kept is model[0].weight.grad and (kept == 1.5).all()
    assert torch.equal(model[1].bias.grad, torch.arange(3.0) / 2)
    assert model[0].bias.grad is None
"""


def test_gradients_become_means_and_weights_the_first_ranks():
    where = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RANK_PROGRAM],
            env={**os.environ, **where, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=Path(__file__).resolve().parents[2],
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=100)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors[0][-2000:]
