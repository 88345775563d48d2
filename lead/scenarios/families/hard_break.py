"""Hard brake: the background's cars ahead of the ego suddenly stop, and go on later."""

from __future__ import annotations

from py_trees.behaviour import Behaviour

from lead.scenarios.messages import StartFrontVehicles, StopFrontVehicles
from lead.scenarios.nodes.base import in_order
from lead.scenarios.nodes.conditions import Drive, Idle
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

STOP_S = 10.0
_END_DISTANCE_M = 15.0


@scenario_class("HardBreakRoute")
class HardBreakRoute(Scenario):
    """The ego must not run into the car ahead."""

    def build(self) -> None:
        """Spawn nothing: the cars are the background's."""

    def behaviour(self) -> Behaviour:
        """Stop the cars ahead for a while."""
        stage = self.stage
        return in_order(
            self.config.name,
            [
                Post(stage, StopFrontVehicles()),
                self.pause(),
                Post(stage, StartFrontVehicles()),
                Drive(stage, _END_DISTANCE_M),
            ],
        )

    def pause(self) -> Behaviour:
        """Return what happens until the cars go on."""
        return Idle(self.stage, STOP_S)
