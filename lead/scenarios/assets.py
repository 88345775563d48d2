"""Fail2Drive's own assets, and what stands in for them where the simulator does not have them.

Its routes name walkers that are animals and props that are plates with pictures. They exist in Fail2Drive's build of
CARLA and in the embedded simulator (``lead sim --fail2drive-assets``). Any other simulator gets stock blueprints of
about the same size, and the log says so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import carla

from lead.scenarios.actor_pool import ActorModel, ActorPool
from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import shifted

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Substitute:
    """Stock blueprints in the place of one asset.

    Attributes:
        blueprint: What is taken.
        count: How many stand in a row; 0 keeps the pose of the asset, because its look is about the same.
        pitch_m: Distance from one to the next.
    """

    blueprint: str
    count: int = 0
    pitch_m: float = 1.3


_ANIMALS = (1003, 1006, 1007, 1008, 1009, 1010, 1011, 1013, 1014, 1016, 1017)
_PERSON = Substitute("walker.pedestrian.0048")
_SMALL_PLATE, _LARGE_PLATE, _CHIP = "static.prop.creasedbox01", "static.prop.ironplank", "static.prop.brokentile02"
_BARRIER = "static.prop.streetbarrier"

SUBSTITUTES: Mapping[str, Substitute] = MappingProxyType(
    {
        **{f"walker.animal.{number}": _PERSON for number in _ANIMALS},
        "static.prop.ampel": Substitute(_SMALL_PLATE),
        "static.prop.walkingkid": Substitute(_SMALL_PLATE),
        "static.prop.walkingkidlarge": Substitute(_LARGE_PLATE),
        "static.prop.snow": Substitute(_SMALL_PLATE),
        "static.prop.dirt": Substitute(_SMALL_PLATE),
        "static.prop.stickers": Substitute(_SMALL_PLATE),
        "static.prop.graffiti": Substitute(_SMALL_PLATE),
        "static.prop.smiley": Substitute(_CHIP),
        "static.prop.schild": Substitute(_SMALL_PLATE),
        "static.prop.brickwall": Substitute(_BARRIER, count=3),
        "static.prop.screenshot1": Substitute(_BARRIER, count=6),
        "static.prop.screenshot2": Substitute(_BARRIER, count=6),
        "static.prop.autobahn": Substitute(_BARRIER, count=5),
    }
)
"""The one table of substitutes, by asset. Flat boxes and planks are stood up like the plates that they replace; walls
become rows of barriers on the road, which block it all the same."""


def available(pool: ActorPool, blueprint: str) -> str:
    """Return a blueprint of the simulator: the one asked for, else its substitute.

    Args:
        pool: Of the simulator.
        blueprint: Id, or a pattern.

    Raises:
        ScenarioError: If the simulator has neither, or the substitute is a whole row (see :func:`stand_ins`).
    """
    substitute = _substitute(pool, blueprint)
    if substitute is None:
        return blueprint
    if substitute.count:
        raise ScenarioError(f"{blueprint}, which the simulator lacks, can only be replaced on a road")
    return substitute.blueprint


def stand_ins(
    pool: ActorPool, blueprint: str, pose: carla.Transform, road_z_m: float
) -> list[tuple[ActorModel, carla.Transform]]:
    """Return what is put up for an object, and where.

    Args:
        pool: Of the simulator.
        blueprint: Id of the object.
        pose: Its pose.
        road_z_m: Height of the road below it, on which rows of barriers stand.

    Raises:
        ScenarioError: If the simulator has neither the blueprint nor a substitute.
    """
    substitute = _substitute(pool, blueprint)
    if substitute is None:
        return [(ActorModel(blueprint), pose)]
    model = ActorModel(substitute.blueprint)
    if not substitute.count:
        return [(model, pose)]
    foot = carla.Location(pose.location.x, pose.location.y, road_z_m)
    row = carla.Transform(foot, carla.Rotation(yaw=pose.rotation.yaw))
    middle = 0.5 * (substitute.count - 1)
    return [
        (model, shifted(row, forward_m=(number - middle) * substitute.pitch_m)) for number in range(substitute.count)
    ]


def _substitute(pool: ActorPool, blueprint: str) -> Substitute | None:
    """Return the substitute of a blueprint that the simulator lacks; None if it has the blueprint itself."""
    if pool.offers(blueprint):
        return None
    if blueprint not in SUBSTITUTES:
        raise ScenarioError(f"the simulator has no blueprint {blueprint}")
    substitute = SUBSTITUTES[blueprint]
    LOG.warning("the simulator lacks %s; %s stands in for it", blueprint, substitute.blueprint)
    return substitute
