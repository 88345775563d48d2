"""The GNSS reference against golden values, the simulator's projection and that of real 0.9.16 clients."""

import json
from pathlib import Path

import numpy as np
import pytest

from lead.config.legacy import CORRECTED, PUBLISHED
from lead.geometry.geodesy import world_to_geo, world_to_geo_transverse
from lead.geometry.gnss_reference import GnssError, estimate_reference

GOLDEN = Path(__file__).resolve().parents[2] / "../shared/golden/functions/gps.json"


def plan(seed=0, centre=(300.0, -800.0)):
    steps = np.random.default_rng(seed).normal(0.0, 30.0, (40, 2))
    return np.cumsum(steps, axis=0) + centre


@pytest.mark.skipif(not GOLDEN.exists(), reason="the shared reference folder is not beside the project")
def test_estimate_from_the_first_point_matches_golden_values():
    cases = json.loads(GOLDEN.read_text())["cases"]
    assert len(cases) == 3
    for case in cases:
        geo = np.array(case["outputs"]["lat_lon_z"])[:, :2]
        xy = np.array(case["inputs"]["xyz"])[:, :2]
        reference = estimate_reference(geo, xy)
        np.testing.assert_allclose(
            [reference.lat_deg, reference.lon_deg], case["outputs"]["estimated_reference"], rtol=0, atol=1e-5
        )
        assert not reference.grows_with_y


@pytest.mark.parametrize("lat_lon", [(0.0, 0.0), (35.25, -101.87), (-33.0, 151.0), (48.99, 8.0)])
def test_exact_reference_is_found(lat_lon):
    xy = plan()
    lat, lon, _ = world_to_geo(xy[:, 0], xy[:, 1], 0.0, *lat_lon)
    reference = estimate_reference(np.stack([lat, lon], axis=1), xy, CORRECTED)
    np.testing.assert_allclose([reference.lat_deg, reference.lon_deg], lat_lon, rtol=0, atol=1e-9)
    np.testing.assert_allclose(reference.to_world(lat, lon), xy, atol=1e-4)


@pytest.mark.parametrize("legacy", [PUBLISHED, CORRECTED])
@pytest.mark.parametrize("project", [world_to_geo, world_to_geo_transverse])
def test_shape_of_the_plan_survives_either_projection(legacy, project):
    """The published estimate shifts everything by a constant; a mirrored latitude would turn the plan over."""
    xy = plan(3)
    lat, lon, _ = project(xy[:, 0], xy[:, 1], 0.0, 42.0, 2.0)
    reference = estimate_reference(np.stack([lat, lon], axis=1), xy, legacy)
    assert reference.grows_with_y is (project is world_to_geo_transverse)
    found = reference.to_world(lat, lon)
    np.testing.assert_allclose(found - found[0], xy - xy[0], atol=1e-3 * np.abs(xy - xy[0]).max())


def test_straight_plan_along_x_is_taken_as_published():
    xy = np.array([[0.0, 5.0], [100.0, 5.0]])
    lat, lon, _ = world_to_geo(xy[:, 0], xy[:, 1], 0.0, 10.0, 20.0)
    assert not estimate_reference(np.stack([lat, lon], axis=1), xy).grows_with_y


@pytest.mark.parametrize(
    ("geo", "xy", "text"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), "at least one"),
        (np.zeros((3, 2)), np.zeros((2, 2)), "as many points"),
        (np.full((2, 2), np.nan), np.zeros((2, 2)), "not finite"),
        (np.full((2, 2), 91.0), np.zeros((2, 2)), "not on the globe"),
    ],
)
def test_bad_plans_are_refused(geo, xy, text):
    with pytest.raises(GnssError, match=text):
        estimate_reference(geo, xy)
