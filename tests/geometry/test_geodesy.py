"""Projections against the recorded golden values and the 0.9.16 client."""

import json
from pathlib import Path

import numpy as np
import pytest

from lead.geometry.geodesy import geo_to_world, world_to_geo, world_to_geo_transverse

OPENDRIVE = """<?xml version="1.0"?><OpenDRIVE>
<header revMajor="1" revMinor="4" name="" version="1" north="0" south="0" east="0" west="0">
<geoReference><![CDATA[+proj=tmerc +lat_0=42.0 +lon_0=2.0]]></geoReference></header>
<road name="r" length="100" id="1" junction="-1">
<planView><geometry s="0" x="0" y="0" hdg="0" length="100"><line/></geometry></planView>
<lanes><laneSection s="0"><center><lane id="0" type="none"/></center>
<right><lane id="-1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes></road></OpenDRIVE>"""
GOLDEN = Path(__file__).resolve().parents[2] / "../shared/golden/functions/gps.json"


@pytest.mark.skipif(not GOLDEN.exists(), reason="the shared reference folder is not beside the project")
def test_mercator_matches_golden_values() -> None:
    document = json.loads(GOLDEN.read_text())
    checked = 0
    for case in document["cases"]:
        if "xyz" not in case["inputs"] or "lat_lon_z" not in case["outputs"]:
            continue
        lat0, lon0 = case["inputs"]["lat_ref"], case["inputs"]["lon_ref"]
        xyz = np.array(case["inputs"]["xyz"])
        geo = np.array(case["outputs"]["lat_lon_z"])
        np.testing.assert_allclose(np.stack(world_to_geo(*xyz.T, lat0, lon0), axis=1), geo, rtol=0, atol=1e-9)
        np.testing.assert_allclose(np.stack(geo_to_world(*geo.T, lat0, lon0), axis=1), xyz, rtol=0, atol=1e-3)
        checked += len(xyz)
    assert checked > 0


def test_latitude_grows_to_the_north() -> None:
    lat, lon, altitude = world_to_geo([0.0, 1000.0], [-1000.0, 0.0], [3.0, 4.0], 0.0, 0.0)
    assert lat[0] == pytest.approx(0.0089832, abs=1e-7)
    assert lon[0] == 0.0
    assert lon[1] == pytest.approx(0.0089832, abs=1e-7)
    np.testing.assert_array_equal(altitude, [3.0, 4.0])


def test_round_trip_at_high_latitude() -> None:
    rng = np.random.default_rng(0)
    xyz = rng.uniform(-8000, 8000, (100, 3))
    again = np.stack(geo_to_world(*world_to_geo(*xyz.T, 48.99, 8.0), 48.99, 8.0), axis=1)
    np.testing.assert_allclose(again, xyz, atol=1e-6)


def test_transverse_matches_the_installed_client() -> None:
    carla = pytest.importorskip("carla")
    town = carla.Map("geo", OPENDRIVE)
    if abs(town.transform_to_geolocation(carla.Location(0.0, 1000.0, 0.0)).latitude - 42.0089867) > 1e-6:
        pytest.skip("this carla client has the older projection")
    for x, y in [(0.0, 0.0), (1000.0, 0.0), (-523.0, 2711.0)]:
        expected = town.transform_to_geolocation(carla.Location(x, y, 5.0))
        lat, lon, altitude = world_to_geo_transverse(x, y, 5.0, 42.0, 2.0)
        assert lat == pytest.approx(expected.latitude, abs=1e-9)
        assert lon == pytest.approx(expected.longitude, abs=1e-9)
        assert altitude == pytest.approx(expected.altitude)
