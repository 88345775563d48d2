"""Objects that a route file lists one by one, with their places at a site on a lane (Fail2Drive's ``objects``)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import carla

from lead.routes.scenario_parameters import ScenarioParameters
from lead.scenarios.assets import stand_ins
from lead.scenarios.errors import ScenarioError
from lead.scenarios.lane_tools import shifted
from lead.scenarios.scenario import Scenario

_NUMBERS = ("x", "y", "z", "yaw", "pitch", "roll")


@dataclass(frozen=True)
class PlacedObject:
    """One object.

    Attributes:
        blueprint: Its id.
        x_m: How far before the site it stands, along the lane.
        y_m: How far to the right.
        z_m: How far above.
        yaw_deg: Turned so far from the lane's direction.
        pitch_deg: Raised nose.
        roll_deg: Turned about its own forward axis.
    """

    blueprint: str
    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float = 0.0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    def pose(self, site: carla.Transform) -> carla.Transform:
        """Return its pose at a site."""
        place, turn = shifted(site, forward_m=self.x_m, right_m=self.y_m, up_m=self.z_m).location, site.rotation
        return carla.Transform(
            place,
            carla.Rotation(
                pitch=turn.pitch + self.pitch_deg, yaw=turn.yaw + self.yaw_deg, roll=turn.roll + self.roll_deg
            ),
        )


def read_objects(parameters: ScenarioParameters, name: str = "objects") -> list[PlacedObject]:
    """Return the objects of a scenario in the order of the file.

    Raises:
        ScenarioError: If there are none, one has no id, or a number is none.
    """
    found = [_read(text, f"{parameters.scenario}: object {text!r}") for text in parameters.words(name)]
    if not found:
        raise ScenarioError(f"{parameters.scenario} lists no {name}")
    return found


def spawn_objects(
    scenario: Scenario, site: carla.Transform, objects: Sequence[PlacedObject], depth_m: float
) -> list[tuple[carla.Actor, carla.Transform]]:
    """Spawn objects below their places, without physics, vehicles with their hand brakes on.

    Args:
        scenario: Whose they are.
        site: Centre of the lane at the site.
        objects: What to spawn.
        depth_m: How far below.

    Returns:
        Actors with the poses that they get later.

    Raises:
        ScenarioError: If the simulator has no such blueprint, or something stands there.
    """
    made = []
    for each in objects:
        for model, pose in stand_ins(scenario.stage.pool, each.blueprint, each.pose(site), site.location.z):
            actor = scenario.spawn(model, shifted(pose, up_m=-depth_m))
            actor.set_simulate_physics(False)
            if isinstance(actor, carla.Vehicle):
                actor.apply_control(carla.VehicleControl(hand_brake=True))
            made.append((actor, pose))
    return made


def _read(text: str, where: str) -> PlacedObject:
    words = dict(word.partition("=")[::2] for word in text.split())
    blueprint = words.pop("id", "")
    if not blueprint:
        raise ScenarioError(f"{where} has no id")
    if unknown := [word for word in words if word not in _NUMBERS]:
        raise ScenarioError(f"{where} has the unknown word {unknown[0]!r}")
    x, y, z, yaw, pitch, roll = (_number(words.get(name, "0"), where) for name in _NUMBERS)
    return PlacedObject(blueprint, x, y, z, yaw, pitch, roll)


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ScenarioError(f"{where}: {text!r} is not a number")
    return number
