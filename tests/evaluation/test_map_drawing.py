"""The ground drawing of real maps, the largest one included."""

import time

import carla
import numpy as np
import pytest

from lead.evaluation.map_drawing import map_layers_near
from lead.maps.towns import installed_towns, read_opendrive
from lead.visualization.map_layers import Surface


def layers_around(town, place, reach_m):
    if town not in installed_towns():
        pytest.skip(f"{town} is not installed (lead towns install {town})")
    carla_map = carla.Map(town, read_opendrive(town))
    start = time.perf_counter()
    layers = map_layers_near(carla_map, np.array([place, place], dtype=float), reach_m)
    return layers, time.perf_counter() - start


def test_town_has_roads_marks_and_sidewalks():
    layers, _ = layers_around("Town01", (90.0, 300.0, 0.0), 100.0)
    assert len(layers.polygons[Surface.ROAD]) > 5
    assert layers.polygons[Surface.SIDEWALK]
    assert any(mark.is_yellow for mark in layers.marks)
    road = np.concatenate(layers.polygons[Surface.ROAD])
    assert np.isfinite(road).all()


def test_distant_places_have_nothing():
    layers, _ = layers_around("Town01", (9000.0, 9000.0, 0.0), 100.0)
    assert not any(layers.polygons.values())
    assert not layers.marks


@pytest.mark.slow
def test_largest_town_takes_seconds():
    layers, seconds = layers_around("Town13", (6500.0, 4250.0, 171.0), 300.0)
    assert len(layers.polygons[Surface.ROAD]) > 20
    assert seconds < 20.0
