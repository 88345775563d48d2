"""``lead demo``: what it drives, what it says when something is missing, and a whole demo on routes of three metres."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from lead.cli import demo
from lead.cli import main as lead_main
from lead.evaluation.drive_log import read_drive_log
from lead.maps.towns import installed_towns
from lead.routes.reader import read_routes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "models"))

SUITES = demo.ROOT / "data/routes/suites"
THREE_METRES = """<routes>
<route id="plain" town="Town02"><waypoints><position x="-3.4" y="220.3" z="0.0"/><position x="-3.4" y="217.3" z="0.0"/>
</waypoints></route>
<route id="other" town="Town02"><waypoints><position x="13.0" y="191.6" z="0.0"/><position x="16.0" y="191.6" z="0.0"/>
</waypoints></route></routes>"""


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        lead_main.main(["demo", *words])
    return int(left.value.code or 0)


def test_the_demo_drives_two_short_routes_of_towns_that_no_policy_of_ours_was_trained_on() -> None:
    routes = read_routes(demo.DEMO_ROUTES)
    assert len({route.town for route in routes}) == len(routes) == 2
    assert {route.town for route in routes}.isdisjoint(route.town for route in read_routes(SUITES / "train.xml"))
    lengths_m = [np.linalg.norm(np.diff(route.keypoints, axis=0), axis=1).sum() for route in routes]
    assert max(lengths_m) < 90.0, "a policy on two CPU cores has to get there in a minute or two"
    assert all(len(route.scenarios) == 1 for route in routes)


def test_what_is_missing_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("--checkpoint", str(tmp_path / "nowhere")) == 1
    assert call("--checkpoint", str(tmp_path), "--expert") == 1
    assert call("--checkpoint", str(tmp_path)) == 1
    monkeypatch.setitem(sys.modules, "torch", None)
    assert call("--checkpoint", str(tmp_path)) == 1
    lines = capsys.readouterr().err.splitlines()
    words = (
        "nowhere: train one",
        "--expert and --checkpoint exclude",
        "config.json does not exist",
        "needs PyTorch",
    )
    assert len(lines) == len(words)
    assert all(word in line for word, line in zip(words, lines, strict=True)), lines


@pytest.fixture(scope="module")
def random_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compact network with random weights, as the repository stores its own: rounded, in shards."""
    import torch
    from small_networks import small_network

    from lead.config.training import resolve_training
    from lead.inference.checkpoint import open_checkpoint
    from lead.inference.weights_export import MIB, export_weights
    from lead.training.model_types import architecture_of, saved_config

    folder = tmp_path_factory.mktemp("trained")
    config = resolve_training(["recipe=tfv6_compact", "use_planning_decoder=true"])
    (folder / "config.json").write_text(json.dumps(saved_config(config)))
    torch.save(small_network(0, architecture_of(config)).state_dict(), folder / "model_0030.pth")
    policy = folder.parent / "random_policy"
    export_weights(open_checkpoint(folder), policy, dtype=torch.bfloat16, shard_bytes=12 * MIB)
    return policy


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif("Town02" not in installed_towns(), reason="Town02 is not installed (lead towns install Town02)")
@pytest.mark.parametrize("driver", ["policy", "shipped policy", "expert"])
def test_a_whole_demo(
    driver: str,
    random_policy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    routes = tmp_path / "demo.xml"
    routes.write_text(THREE_METRES)
    monkeypatch.setattr(demo, "DEMO_ROUTES", routes)
    chosen = {"expert": ["--expert"], "policy": ["--checkpoint", str(random_policy)], "shipped policy": []}[driver]
    assert call(*chosen, "--output-dir", str(tmp_path / "out")) == 0
    folder = tmp_path / "out" / driver.rpartition(" ")[2]
    results = json.loads((folder / "checkpoint_endpoint.json").read_text())
    records = results["_checkpoint"]["records"]
    assert [record["scores"]["score_route"] for record in records] == [100.0, 100.0]
    text, log = capfd.readouterr()
    assert str(folder / "checkpoint_endpoint.json") in text
    assert "ticks/s" in text
    for route in ("plain", "other"):
        # So short a drive may have told how far it is only once, which gives no rate.
        rate = r"(, \d+\.\d ticks/s, \d\.\d\d of real time)?"
        assert re.search(rf"^{route}_rep0: \d+\.\d s of the game in \d+\.\d s{rate}$", text, re.MULTILINE), text
        video = folder / route / f"{route}_topdown.mp4"
        assert str(video) in text
        assert re.search(rf"^\d\d:\d\d:\d\d Town02 route {route}$", log, re.MULTILINE), log
        assert re.search(rf"^\d\d:\d\d:\d\d route {route}: \w+, driving score \d+\.\d$", log, re.MULTILINE), log
        assert imageio_ffmpeg.count_frames_and_secs(video)[0] > 5
        _, rows = read_drive_log(folder / route / "drive_log.jsonl")
        assert ("route" in rows[-1].get("view", {})) == (driver != "expert")
