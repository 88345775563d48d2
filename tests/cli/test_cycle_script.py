"""``scripts/cycle.sh``: its stages in order, what it hands on, and that it may be run again after any of them."""

import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/cycle.sh"
STAGES = ["collect", "cache", "pretrain", "posttrain", "export", "heldout", "score"]


def run(folder: Path, *, failing: str = "", code: int = 0, **variables: str) -> tuple[int, list[list[str]]]:
    """Run the script with a Python that only notes its words, and fails in one command."""
    notes = folder / "notes"
    notes.unlink(missing_ok=True)
    stub = folder / "python"
    stub.write_text(f'#!/bin/bash\necho "$@" >> {notes}\n[ "$3" != "{failing}" ] || exit {code}\n')
    stub.chmod(0o755)
    environment = os.environ | {"LEAD_PYTHON": str(stub), "WORKERS": "3"} | variables
    done = subprocess.run(
        ["bash", str(SCRIPT), str(folder / "cycle")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, [line.split()[2:] for line in notes.read_text().splitlines()]


def test_stages_follow_one_another_and_may_be_repeated(tmp_path: Path) -> None:
    for _ in range(2):
        code, commands = run(tmp_path, FRAMES="500", PRETRAIN_EPOCHS="2", TRAIN_WORDS="lr=1e-3 batch_size=8")
        assert code == 0
        assert [words[0] for words in commands] == [
            *("collect", "cache", "train", "train", "export-weights", "benchmark", "score")
        ]
    collect, _, pretrain, posttrain, export, benchmark, _ = commands
    assert collect[collect.index("--frames") + 1] == "500"
    assert {"recipe=tfv6_compact", "epochs=2", "resume=true", "lr=1e-3", "batch_size=8"} <= set(pretrain)
    assert f"load_file={tmp_path}/cycle/pretrain/model_0001.pth" in posttrain
    assert "use_planning_decoder=true" in posttrain
    assert "--force" in export, "a second export replaces the first"
    assert benchmark[benchmark.index("--checkpoint") + 1] == export[export.index("--out") + 1]
    times = (tmp_path / "cycle/times.txt").read_text().splitlines()
    assert [line.split()[0] for line in times] == STAGES * 2


def test_all_at_once_on_several_gpus(tmp_path: Path) -> None:
    code, commands = run(tmp_path, PRETRAIN_EPOCHS="0", POSTTRAIN_EPOCHS="5", GPUS="4")
    assert code == 0
    collect, _, train, _, benchmark, _ = commands
    for words in (collect, benchmark):
        assert words[words.index("--gpus") + 1] == "0,1,2,3"
    # The stub's first two words, as of every command, are cut off: -m torch.distributed.run.
    assert train[:5] == ["--standalone", "--nproc-per-node", "4", "-m", "lead"]
    assert {"epochs=5", "use_planning_decoder=true"} <= set(train)
    assert not any(word.startswith("load_file=") for word in train)


def test_a_failure_ends_it_but_agents_that_crash_are_scored(tmp_path: Path) -> None:
    code, commands = run(tmp_path, failing="cache", code=4)
    assert (code, commands[-1][0]) == (4, "cache")
    code, commands = run(tmp_path, failing="benchmark", code=1)
    assert (code, commands[-1][0]) == (1, "benchmark")
    code, commands = run(tmp_path, failing="benchmark", code=3)
    assert (code, commands[-1][0]) == (0, "score")
