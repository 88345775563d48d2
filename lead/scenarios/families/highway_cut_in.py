"""Highway cut-in: a car comes from a joining lane at the same time as the ego, and changes to the ego's lane."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.families.static_cut_in import CUT_IN_CAR
from lead.scenarios.lane_tools import path_between, shifted, sink_point
from lead.scenarios.messages import HandleJunctionScenario
from lead.scenarios.nodes.actors import CutIn, Destroy, SetPose, SyncArrival
from lead.scenarios.nodes.base import in_order
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

AFTER_JUNCTION_M = 10.0
"""The car begins to change the lane so far behind the end of its junction lane,"""
ARRIVED_M = 5.0
"""counted as reached within this."""
SPEED_PERCENT = 80.0
"""Its speed then, as a percentage of the ego's."""
SAME_LANE_S, OTHER_LANE_S, LANE_CHANGE_S = 0.3, 3.0, 2.0
EXTRA_SPACE_M = 170.0
LAYER_M = 100.0


@scenario_class("HighwayCutIn")
class HighwayCutIn(Scenario):
    """The car drives so that it is at the end of the junction when the ego is, and cuts in there."""

    def build(self) -> None:
        """Put the car below its start, and find where both meet.

        Raises:
            ScenarioError: If no junction lies ahead of one of them.
        """
        stage = self.stage
        self._start = stage.map.get_waypoint(carla.Location(*self.parameters.location("other_actor_location")))
        self._meeting, _ = sink_point(self._start, 0, AFTER_JUNCTION_M)
        self._ego_meeting, _ = sink_point(self.trigger_waypoint, 0, 0.0)
        # Whether a way leads there must be known now: the scenario cannot be left out once it runs.
        path_between(stage.map, self._start, self._meeting)
        self._car = self.spawn(CUT_IN_CAR, shifted(self._start.transform, up_m=-LAYER_M))
        self._car.set_simulate_physics(False)
        self.record.first_actor = self._car
        self.record.memory.update(cut_in_vehicle=self._car, stopped=False)

    def behaviour(self) -> Behaviour:
        """Clear the junction, drive beside the ego, and cut in."""
        stage, car = self.stage, self._car
        room = HandleJunctionScenario(
            clear_ego_entry=False,
            remove_entries=[self._start],
            stop_entries=False,
            extend_road_exit_m=EXTRA_SPACE_M,
        )
        meeting, ego_meeting = self._meeting.transform, self._ego_meeting.transform
        return in_order(
            self.config.name,
            [
                Post(stage, room),
                SetPose(stage, car, self._start.transform),
                SyncArrival(stage, car, meeting, ego_meeting, ARRIVED_M),
                CutIn(stage, car, True, SPEED_PERCENT, SAME_LANE_S, OTHER_LANE_S, LANE_CHANGE_S),
                Destroy(stage, car),
            ],
        )
