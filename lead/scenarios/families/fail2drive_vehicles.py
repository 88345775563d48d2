"""Fail2Drive's vehicles: a plain one that does not give way, and cars that brake without brake lights."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.assets import available
from lead.scenarios.families.hard_break import STOP_S, HardBreakRoute
from lead.scenarios.families.opposite_vehicle import OppositeVehicleRunningRedLight, OppositeVehicleTakingPriority
from lead.scenarios.nodes.base import Node, until_one
from lead.scenarios.nodes.conditions import Idle
from lead.scenarios.scenario import Scenario, scenario_class

_BICYCLE, _EMERGENCY = "bicycle", "emergency"


def _spawn_plain(scenario: Scenario, pose: carla.Transform) -> carla.Actor:
    """Spawn the vehicle that the file names, or any that is neither a bicycle nor one of the emergency services."""
    if scenario.parameters.has("vehicle"):
        kind = available(scenario.stage.pool, scenario.parameters.text("vehicle"))
    else:
        kinds = [blueprint.id for blueprint in scenario.stage.pool.models("vehicle.*") if _is_plain(blueprint)]
        kind = str(scenario.stage.rng.choice(kinds))
    return scenario.spawn(ActorModel(kind), pose)


def _is_plain(blueprint: carla.ActorBlueprint) -> bool:
    base: str = blueprint.get_attribute("base_type").as_str()
    special: str = blueprint.get_attribute("special_type").as_str()
    return base != _BICYCLE and special != _EMERGENCY


@scenario_class("NormalVehicleTakingPriority")
class NormalVehicleTakingPriority(OppositeVehicleTakingPriority):
    """There are no lights, and a plain vehicle does not give way."""

    def spawn_vehicle(self, pose: carla.Transform) -> carla.Actor:
        """Spawn it without any lights on."""
        return _spawn_plain(self, pose)


@scenario_class("NormalVehicleRunningRedLight")
class NormalVehicleRunningRedLight(OppositeVehicleRunningRedLight):
    """A plain vehicle runs a red light while the ego has green."""

    def spawn_vehicle(self, pose: carla.Transform) -> carla.Actor:
        """Spawn it without any lights on."""
        return _spawn_plain(self, pose)


class DarkBrakeLights(Node):
    """Switches the brake lights of all vehicles off in every tick; never ends."""

    def update(self) -> Status:
        """Switch them off: one request to ask, one to switch."""
        brake = int(carla.VehicleLightState.Brake)
        lights = self.stage.world.get_vehicles_light_states()
        commands = [
            carla.command.SetVehicleLightState(number, carla.VehicleLightState(int(state) & ~brake))
            for number, state in lights.items()
        ]
        self.stage.client.apply_batch(commands)
        return Status.RUNNING


@scenario_class("HardBrakeNoLights")
class HardBrakeNoLights(HardBreakRoute):
    """The cars ahead stop suddenly, and no brake light tells the ego."""

    def pause(self) -> Behaviour:
        """Keep all brake lights dark."""
        return until_one("without lights", [Idle(self.stage, STOP_S), DarkBrakeLights(self.stage)])
