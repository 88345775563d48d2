"""Pixels of cones, emergency vehicles and stop signs get classes of their own; others of the same class do not."""

import numpy as np
from recording_pictures import CAMERA, view

from lead.dataset.class_map import CONE_AND_WARNING, SPECIAL_VEHICLE, STOP_SIGN
from lead.expert.recording.camera_view import LabelBox
from lead.expert.recording.relabel import CONES, EMERGENCY, STOPS, relabel

DYNAMIC, CAR, TRAFFIC_SIGN = 21, 14, 8


def label(center, half, yaw=0.0):
    """The label of a rendered box: labels sit half a mounting height lower, as clouds do."""
    return LabelBox(np.array([center[0], center[1], center[2] - 1.0]), np.array(half), yaw)


def classes_of(own, number):
    pixels = np.arange(own.classes.size)
    return set(own.classes.ravel()[own.instances(pixels) == number].tolist())


CONE = ([8.0, 6.0, 0.4], [0.3, 0.3, 0.4], 0.0, DYNAMIC, 5)
BIN = ([8.0, 9.0, 0.6], [0.5, 0.5, 0.6], 0.0, DYNAMIC, 600)


def test_only_what_lies_in_a_cones_box_is_a_cone():
    own = view(CAMERA, [CONE, BIN])
    relabel([own], {CONES: [label(*CONE[:2])]})
    assert classes_of(own, 5) == {CONE_AND_WARNING}
    assert classes_of(own, 600) == {DYNAMIC}


def test_the_twin_rig_follows_by_the_ids():
    own, twin = view(CAMERA, [CONE, BIN]), view(CAMERA, [CONE, BIN])
    relabel([own], {CONES: [label(*CONE[:2])]}, [twin])
    assert classes_of(twin, 5) == {CONE_AND_WARNING}
    assert classes_of(twin, 600) == {DYNAMIC}


def test_two_cars_side_by_side_are_told_apart():
    police = ([12.0, 8.0, 0.8], [2.4, 1.0, 0.8], 0.4, CAR, 70)
    other = ([12.0, 11.0, 0.8], [2.4, 1.0, 0.8], 0.4, CAR, 71)
    own = view(CAMERA, [police, other])
    relabel([own], {EMERGENCY: [label(*police[:3])]})
    assert classes_of(own, 70) == {SPECIAL_VEHICLE}
    assert classes_of(own, 71) == {CAR}


def test_a_box_that_nothing_lies_in_changes_nothing():
    sign = ([9.0, 7.0, 2.0], [0.1, 0.5, 0.5], 0.0, TRAFFIC_SIGN, 9)
    own = view(CAMERA, [sign])
    before = own.classes.copy()
    relabel([own], {STOPS: [label([20.0, 20.0, 2.0], [1.0, 1.0, 1.0])], CONES: []})
    assert (own.classes == before).all()
    relabel([own], {STOPS: [label(*sign[:2])]})
    assert classes_of(own, 9) == {STOP_SIGN}
