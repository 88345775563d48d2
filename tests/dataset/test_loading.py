"""Batches do not depend on who loads them; what is bad is replaced and counted, and a dead worker is an error."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from loading_support import NumberSource

from lead.dataset.collections import everything
from lead.dataset.loading.collate import CollationError, collate
from lead.dataset.loading.loader import BatchLoader, LoaderError
from lead.dataset.loading.sampling import EpochPlan

Rows = list[tuple[int, float]]


def _rows(batches: Any) -> list[Rows]:
    return [list(zip(batch["index"].tolist(), batch["noise"].tolist(), strict=True)) for batch in batches]


def _plan(length: int = 40, batch: int = 4, seed: int = 7, epochs: int = 0) -> EpochPlan:
    return EpochPlan([everything(length)], batch, seed=seed, epochs=epochs)


def _epochs(loader: BatchLoader, number: int) -> list[list[Rows]]:
    with loader:
        return [_rows(loader) for _ in range(number)]


@pytest.fixture(scope="module")
def in_process() -> list[list[Rows]]:
    return _epochs(BatchLoader([NumberSource()], _plan()), 3)


def test_each_epoch_has_all_samples_in_an_order_of_its_own(in_process: list[list[Rows]]) -> None:
    for epoch in in_process:
        assert sorted(index for batch in epoch for index, _ in batch) == list(range(40))
    assert in_process[0] != in_process[1] != in_process[2]
    noise = [value for epoch in in_process for batch in epoch for _, value in batch]
    assert len(set(noise)) == 120  # no generator is used twice


def test_workers_do_not_change_batches_and_do_not_keep_an_old_plan(in_process: list[list[Rows]]) -> None:
    loader = BatchLoader([NumberSource()], _plan(), workers=2)
    with loader:
        first = _rows(loader)
        workers = _workers(loader)
        assert [first, _rows(loader), _rows(loader)] == in_process
        assert _workers(loader) == workers  # persistent
        loader.go_to(1, 6)
        assert len(loader) == 4 and _rows(loader) == in_process[1][6:]
        for _ in zip(range(2), loader, strict=False):  # left in the middle
            pass
        loader.go_to(0)
        assert _rows(loader) == in_process[0]
        assert loader.report.loaded == 40 * 4 + 16 + 2 * 4 and loader.total_wait_s > loader.wait_s > 0.0


def test_the_next_epoch_is_made_ahead_while_one_ends(in_process: list[list[Rows]]) -> None:
    loader = BatchLoader([NumberSource()], _plan(epochs=3), workers=2, prefetch=3)
    with loader:
        assert _rows(loader) == in_process[0]
        time.sleep(1.0)
        ready = loader._loader._iterator._worker_result_queue.qsize()  # type: ignore[union-attr]
        assert ready >= 5, "batches of the second epoch wait before it is asked for"
        assert _rows(loader) == in_process[1]
        loader.go_to(0, 8)
        assert _rows(loader) == in_process[0][8:]
        assert [_rows(loader), _rows(loader)] == in_process[1:]
        fourth = _rows(loader)
        assert sorted(index for batch in fourth for index, _ in batch) == list(range(40))
        loader.go_to(3)
        assert _rows(loader) == fourth
    assert loader.report.loaded == 40 * 6 + 8


def test_epochs_of_one_process_follow_each_other(in_process: list[list[Rows]]) -> None:
    loader = BatchLoader([NumberSource()], _plan(epochs=2))
    for _ in zip(range(3), loader, strict=False):
        pass
    loader.go_to(0, 3)
    assert _rows(loader) == in_process[0][3:]
    assert [_rows(loader), _rows(loader)] == in_process[1:]


def _workers(loader: BatchLoader) -> list[int]:
    iterator: Any = loader._loader._iterator  # type: ignore[union-attr]
    return [worker.pid for worker in iterator._workers]


@pytest.mark.parametrize("workers", [0, 1])
def test_the_generators_of_the_trainer_are_left_alone(workers: int) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    with BatchLoader([NumberSource()], _plan(), workers=workers) as loader:
        for _ in range(2):
            list(loader)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1]) and before[2] == random.getstate()


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_together_make_the_batches_of_one(world: int, in_process: list[list[Rows]]) -> None:
    ranks = [_epochs(BatchLoader([NumberSource()], _plan(), rank=rank, world=world), 2) for rank in range(world)]
    for epoch in range(2):
        for step, batch in enumerate(in_process[epoch]):
            together = [row for rows in zip(*(rank[epoch][step] for rank in ranks), strict=True) for row in rows]
            assert together == batch


def test_bad_samples_are_replaced_counted_and_the_same_for_all(caplog: pytest.LogCaptureFixture) -> None:
    bad = frozenset({3, 8, 20})
    loaders = [
        BatchLoader([NumberSource(bad=bad)], _plan(), workers=workers, max_bad_fraction=0.2) for workers in (0, 2)
    ]
    alone, with_workers = (_epochs(loader, 2) for loader in loaders)
    assert alone == with_workers
    indices = [index for batch in alone[0] for index, _ in batch]
    assert len(indices) == 40 and not bad & set(indices)
    for loader in loaders:
        # A replaced sample may be replaced by another bad one, which is counted, too.
        assert loader.report.bad["carla", "truncated image"] >= 4 and loader.report.bad["carla", "unreadable file"] >= 2
        assert "route 3, frame" in str(loader.report) and "cut off" in str(loader.report)
    assert "cut off" in caplog.text


def test_an_infinite_number_is_a_bad_sample() -> None:
    loader = BatchLoader([NumberSource(extra={"x": 13})], _plan(), max_bad_fraction=0.1)
    (rows,) = _epochs(loader, 1)
    assert 13 not in [index for batch in rows for index, _ in batch]
    assert loader.report.bad == {("carla", "not a number"): 1}


def test_too_many_bad_samples_end_the_epoch() -> None:
    loader = BatchLoader([NumberSource(200, bad=frozenset(range(0, 200, 10)))], _plan(200))
    with pytest.raises(LoaderError, match=r"more than the 10 that are tolerated(.|\n)*truncated image"):
        _rows(loader)
    loader = BatchLoader([NumberSource(bad=frozenset(range(40)))], _plan(), workers=1)
    with pytest.raises(
        LoaderError, match=r"no batch can be made: none of \d+ samples of carla that were tried can be used"
    ):
        _rows(loader)


@pytest.mark.parametrize("killed_by", [signal.SIGKILL, signal.SIGBUS])
def test_a_killed_worker_is_an_error_and_no_hang(killed_by: int) -> None:
    """The first signal comes when memory is full, the second when shared memory is."""
    loader = BatchLoader([NumberSource(killed_at=21, killed_by=killed_by)], _plan(), workers=2)
    began = time.monotonic()
    with pytest.raises(LoaderError, match=r"died.*fewer workers"):
        _rows(loader)
    assert time.monotonic() - began < 60.0
    assert loader._loader is None


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_of_the_program_keeps_its_traceback(workers: int) -> None:
    with (
        BatchLoader([NumberSource(buggy_at=9)], _plan(), workers=workers) as loader,
        pytest.raises(RuntimeError, match="a bug"),
    ):
        _rows(loader)


def test_mixed_sources_come_in_one_batch_with_zeros_for_what_one_lacks() -> None:
    sources = [NumberSource(extra={"depth": 3}), NumberSource(30, "navsim", 2, extra={"acceleration": 1})]
    plan = EpochPlan([everything(40), everything(30)], 4, seed=1)
    for batch in BatchLoader(sources, plan):
        assert batch["source_dataset"].tolist() == [1, 1, 2, 2]
        assert batch["depth"].tolist() == [[1.0] * 3] * 2 + [[0.0] * 3] * 2
        assert batch["acceleration"].tolist() == [[0.0]] * 2 + [[1.0]] * 2


def test_types_of_tensors() -> None:
    batch = next(iter(BatchLoader([NumberSource()], _plan())))
    assert {name: tensor.dtype for name, tensor in batch.items()} == {
        "index": torch.int64,
        "noise": torch.float32,
        "image": torch.uint8,
        "brake": torch.bool,
        "source_dataset": torch.int64,
    }
    assert batch["image"].shape == (4, 3, 2, 2) and batch["noise"].shape == (4,)


def test_a_batch_lies_in_one_aligned_piece_of_memory() -> None:
    batch = next(iter(BatchLoader([NumberSource()], _plan(), workers=1)))
    assert len({tensor.untyped_storage().data_ptr() for tensor in batch.values()}) == 1
    assert all(tensor.data_ptr() % 64 == 0 and tensor.is_contiguous() for tensor in batch.values())
    batch["image"][:] = 0  # ours to change
    with pytest.raises(CollationError, match="complex128"):
        collate([{"x": np.array(1j)}])


def test_samples_that_do_not_fit_together_are_an_error_at_once() -> None:
    with pytest.raises(CollationError, match=r"uint8\[3, 2, 3\].*do not describe the same vehicle"):
        collate([NumberSource(wrong_shape_at=1).load(index, np.random.default_rng(0)) for index in range(2)])
    with pytest.raises(LoaderError, match="image is"):
        _rows(BatchLoader([NumberSource(wrong_shape_at=5)], _plan()))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(LoaderError, match="multiple"):
        BatchLoader([NumberSource()], _plan(), world=3)
    with pytest.raises(LoaderError, match="for 1 sources"):
        BatchLoader([NumberSource()] * 2, _plan())
    with pytest.raises(LoaderError, match="no step 11"):
        BatchLoader([NumberSource()], _plan()).go_to(0, 11)
    loader = BatchLoader([NumberSource()], _plan())
    loader.go_to(4, 10)  # saved exactly at the end of an epoch
    assert _rows(loader) == [] and len(_rows(loader)) == 10


def test_workers_survive_a_signal_to_all_processes_but_not_their_trainer(tmp_path: Path) -> None:
    script = tmp_path / "trainer.py"
    script.write_text(
        textwrap.dedent("""
        import os, signal, time
        from loading_support import NumberSource
        from lead.dataset.collections import everything
        from lead.dataset.loading.loader import BatchLoader
        from lead.dataset.loading.sampling import EpochPlan

        def main():
            asked = []
            signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
            plan = EpochPlan([everything(400)], 4)
            with BatchLoader([NumberSource(400)], plan, workers=2) as loader:
                batches = iter(loader)
                next(batches)
                print("ready", flush=True)
                while not asked:
                    time.sleep(0.05)
                print("after", sum(1 for _ in batches), flush=True)
                iter(loader).__next__()
                os.kill(os.getpid(), signal.SIGKILL)

        if __name__ == "__main__":
            main()
        """)
    )
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert rest == "after 99\n" and process.returncode == -signal.SIGKILL
    command = ["ps", "-o", "pid=", "-g", str(process.pid)]
    deadline = time.monotonic() + 20.0
    while subprocess.run(command, capture_output=True, check=False).stdout.split():
        assert time.monotonic() < deadline, "processes are left over"
        time.sleep(0.1)
