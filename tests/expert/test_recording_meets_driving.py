"""A network must drive with what it was trained on: samples of a recording against the sensor agent's own inputs."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from collect_support import collect_with
from recording_and_driving_agent import FOLDER

from lead.dataset.carla_sample import PLAIN, CarlaSamples
from lead.dataset.layout import FRAME_STRIDE
from lead.dataset.rig_detection import rig_of
from lead.dataset.route_index import build_index
from lead.maps.towns import installed_towns

AGENT = Path(__file__).with_name("recording_and_driving_agent.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("Town01" not in installed_towns(), reason="Town01 is not installed"),
]


@pytest.fixture(scope="module", params=["false", "true"], ids=["published clouds", "exact clouds"])
def pairs(tmp_path_factory, request):
    """Samples and the sensor agent's inputs of the same moments."""
    folder = tmp_path_factory.mktemp("both")
    (folder / "inputs").mkdir()
    settings = {"LEAD_EXPERT_CONFIG": f"exact_clouds={request.param}", FOLDER: str(folder / "inputs")}
    collect_with(AGENT, folder, "--traffic", "3", **settings)
    index = build_index(folder / "out", skip_first=1, skip_last=8)
    samples = CarlaSamples(index, rig_of(index), dataclasses.replace(PLAIN, needs_plan=False), None)
    found = []
    for number in range(0, len(samples), 4):
        tick = int(index.frame[number]) * FRAME_STRIDE
        with np.load(folder / "inputs" / f"{tick:05d}.npz") as inputs:
            found.append((samples.load(number, np.random.default_rng(0)), {key: inputs[key][0] for key in inputs}))
    assert len(found) >= 5
    return found


def test_the_route_is_where_the_agent_sees_it(pairs):
    for sample, inputs in pairs:
        for name in ("target_point_previous", "target_point", "target_point_next"):
            # The agent's position is noisy: half a metre per fix.
            np.testing.assert_allclose(inputs[name], sample[name], atol=2.0, err_msg=name)
        np.testing.assert_array_equal(inputs["command"], sample["command"])
        np.testing.assert_allclose(inputs["speed"], sample["speed"], atol=1e-3)
    assert any(abs(sample["target_point"][1]) > 5.0 for sample, _ in pairs), "the route has a turn"


def blocks(raster, cells=16):
    """Sums over blocks of a raster."""
    rows, columns = raster.shape[-2:]
    return raster.reshape(rows // cells, cells, columns // cells, cells).sum(axis=(1, 3))


def test_sensors_see_the_same(pairs):
    for sample, inputs in pairs:
        rgb = sample["rgb"].astype(np.float32)
        assert np.abs(inputs["rgb"] - rgb).mean() < 6.0, "noise and JPEG only"
        assert np.abs(inputs["rgb"] - rgb[::-1]).mean() > 1.2 * np.abs(inputs["rgb"] - rgb).mean(), "not BGR"
        # Each of two LiDARs drops other points, so not cells but blocks of 4 m are compared.
        ours, theirs = blocks(sample["rasterized_lidar"]), blocks(inputs["rasterized_lidar"])
        assert np.abs(ours - theirs).sum() < 0.3 * ours.sum()
        assert np.abs(ours - theirs[::-1]).sum() > 2.0 * np.abs(ours - theirs).sum(), "not mirrored"
        counts = [int((np.abs(radar).sum(axis=-1) > 0.0).sum()) for radar in (sample["radar"], inputs["radar"])]
        assert abs(counts[0] - counts[1]) < 0.2 * max(counts)
