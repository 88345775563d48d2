"""A network drives with the kind of LiDAR clouds that its training data have, whatever it started from."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from lead.config.legacy import PUBLISHED, TRAINED
from lead.config.published import read_published_config
from lead.config.training import resolve_training
from lead.dataset.acceptance import EXACT_CLOUDS
from lead.models.transfuser.describe import architecture_of_config
from lead.training.errors import TrainingError
from lead.training.model_types import saved_config
from lead.training.sources import open_data

sys.path.append(str(Path(__file__).resolve().parents[1] / "dataset"))
from sample_support import ROUTE, record_samples

OTHER = ROUTE.replace("route0", "route1")


def mark(route_dir, exact):
    path = route_dir / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {EXACT_CLOUDS: exact}))


def config_of(root, *words):
    return resolve_training(
        [
            "recipe=tfv6_compact",
            f"carla_root={root}",
            "collection=all",
            "skip_last=1",
            "validation_fraction=0",
            "assigned_cpu_cores=0",
            "use_sensor_perburtation=false",
            *words,
        ],
        {},
    )


@pytest.mark.parametrize("exact", [False, True])
def test_a_checkpoint_drives_with_the_clouds_that_were_recorded(tmp_path, exact):
    mark(record_samples(tmp_path, frames=3), exact)
    config = open_data(config_of(tmp_path)).config
    (tmp_path / "config.json").write_text(json.dumps(saved_config(config)))
    assert architecture_of_config(read_published_config(tmp_path / "config.json")).legacy == dataclasses.replace(
        TRAINED, ego_removal_strips=not exact, lidar_alignment_rotates_offset=not exact
    )


def test_published_recordings_say_nothing_and_are_known(tmp_path):
    record_samples(tmp_path, frames=3)
    assert open_data(config_of(tmp_path)).config.switches == TRAINED


def test_weights_learn_the_clouds_of_their_new_data_and_are_told_of(tmp_path, caplog):
    mark(record_samples(tmp_path / "new", frames=3), True)
    start = tmp_path / "model_0000.pth"
    start.touch()
    for legacy, is_told in ((PUBLISHED, True), (open_data(config_of(tmp_path / "new")).config.switches, False)):
        (tmp_path / "config.json").write_text(json.dumps({"legacy": dataclasses.asdict(legacy)}))
        caplog.clear()
        switches = open_data(config_of(tmp_path / "new", f"load_file={start}")).config.switches
        assert switches == dataclasses.replace(legacy, ego_removal_strips=False, lidar_alignment_rotates_offset=False)
        assert (f"{start} has learnt from another kind of LiDAR clouds" in caplog.text) is is_told


def test_two_kinds_of_clouds_do_not_mix(tmp_path):
    for relative_dir, exact in ((ROUTE, True), (OTHER, False)):
        mark(record_samples(tmp_path / "both", relative_dir, frames=3), exact)
    with pytest.raises(TrainingError, match=r"some routes of .*both were recorded with exact_clouds=true and others"):
        open_data(config_of(tmp_path / "both"))
    assert open_data(config_of(tmp_path / "both", "LTF=true")).config.switches == TRAINED, "cameras see no clouds"


def test_validation_data_must_have_the_same_clouds(tmp_path):
    mark(record_samples(tmp_path / "train", frames=3), True)
    record_samples(tmp_path / "held_out", frames=3)
    words = (f"validation_root={tmp_path}/held_out",)
    with pytest.raises(TrainingError, match=r"some routes of .*held_out and .*train were recorded"):
        open_data(config_of(tmp_path / "train", *words))
    mark(tmp_path / "held_out" / ROUTE, True)
    assert len(open_data(config_of(tmp_path / "train", *words)).validation) == 1
