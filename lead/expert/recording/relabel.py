"""Classes that CARLA does not tell apart, given to pixels by their place: cones, emergency vehicles, stop signs.

The instance camera names every object by an id of the engine, which is not that of its actor. Which engine id belongs
to which actor is found by where its pixels are: the assignment in which most points lie in their actor's box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from lead.dataset.class_map import CONE_AND_WARNING, SPECIAL_VEHICLE, STOP_SIGN
from lead.expert.recording.camera_view import CameraView, LabelBox

PAD_M = 0.25
CORE_QUANTILES = (0.15, 0.85)
"""Range of an emergency car's points that count: its far points may be seen through its windows."""
OUTSIDE_WEIGHT = 0.1
CONE_TYPES = ("static.prop.constructioncone", "static.prop.trafficwarning")


@dataclass(frozen=True)
class _Rule:
    """One change of class.

    Attributes:
        source: CARLA's class of the pixels.
        target: Their new class.
        is_core_only: Judge by the middle of the points and count those outside the box against it.
    """

    source: int
    target: int
    is_core_only: bool = False


CONES, EMERGENCY, STOPS = "cones", "emergency", "stops"
_RULES: Mapping[str, tuple[_Rule, ...]] = MappingProxyType(
    {
        CONES: (_Rule(21, CONE_AND_WARNING),),
        EMERGENCY: (_Rule(14, SPECIAL_VEHICLE, True), _Rule(15, SPECIAL_VEHICLE)),
        STOPS: (_Rule(8, STOP_SIGN),),
    }
)


def relabel(
    views: Sequence[CameraView], boxes: Mapping[str, Sequence[LabelBox]], others: Sequence[CameraView] = ()
) -> None:
    """Give pixels of known actors their own class.

    Args:
        views: Cameras whose pixels decide; their ``classes`` are changed.
        boxes: Boxes of the actors by group: :data:`CONES`, :data:`EMERGENCY` and :data:`STOPS`.
        others: Cameras of the twin rig: the same engine ids get the same classes there.
    """
    for group, rules in _RULES.items():
        if not boxes.get(group):
            continue
        for rule in rules:
            found = _matched(views, rule, boxes[group])
            if len(found):
                for view in (*views, *others):
                    pixels = view.of_class(rule.source)
                    changed = pixels[np.isin(view.instances(pixels), found)]
                    view.classes.reshape(-1)[changed] = rule.target


def _matched(views: Sequence[CameraView], rule: _Rule, boxes: Sequence[LabelBox]) -> NDArray[np.int32]:
    """Return the engine ids that belong to the boxes."""
    parts: list[NDArray[np.floating]] = [np.empty((0, 3))]
    owners = [np.empty(0, dtype=np.int32)]
    for view in views:
        pixels = view.of_class(rule.source)
        parts.append(view.points(pixels))
        owners.append(view.instances(pixels))
    points, owner = np.concatenate(parts), np.concatenate(owners)
    ids = np.unique(owner)
    if not len(ids):
        return ids
    clouds = [points[owner == number] for number in ids]
    if rule.is_core_only:
        clouds = [_core(cloud) for cloud in clouds]
    cost = np.zeros((len(boxes), len(ids)))
    for column, cloud in enumerate(clouds):
        for row, box in enumerate(boxes):
            inside = int(box.contains(cloud, PAD_M).sum())
            cost[row, column] = -inside + (OUTSIDE_WEIGHT * (len(cloud) - inside) if rule.is_core_only else 0.0)
    rows, columns = linear_sum_assignment(cost)
    return np.asarray(ids[columns[cost[rows, columns] < 0.0]])


def _core(cloud: NDArray[np.floating]) -> NDArray[np.floating]:
    distance = np.linalg.norm(cloud[:, :2], axis=1)
    low, high = np.quantile(distance, CORE_QUANTILES)
    return np.asarray(cloud[(distance >= low) & (distance <= high)])
