"""Parking exit: the ego begins its route between parked cars and has to get into the traffic."""

from __future__ import annotations

import carla
from py_trees.behaviour import Behaviour

from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.families.obstacle import PARKED_CAR
from lead.scenarios.families.roadside import spawn_on_parking_lane
from lead.scenarios.lane_tools import next_waypoint, parking_displacement, shifted, side_lane
from lead.scenarios.messages import ChangeRoadBehavior
from lead.scenarios.nodes.actors import Destroy, SetAutopilot, SetPose
from lead.scenarios.nodes.base import Forever, in_order, until_one
from lead.scenarios.nodes.conditions import Drive, ScenarioTimeout
from lead.scenarios.nodes.traffic import Post
from lead.scenarios.scenario import Scenario, scenario_class

SIDE_DRIVE_M = 50.0
"""The car beside the ego vanishes after so many metres."""
BEYOND_FRONT_M = 15.0
"""The scenario is over when the ego has driven so much farther than the distance of the car in front."""
USUAL_PITCH_M = 15.0
AT_START_M = 5.0
_BURIED_M = 500.0
_SIDE_CAR = ActorModel("vehicle.*", {"base_type": "car", "generation": 2}, "car")


@scenario_class("ParkingExit")
class ParkingExit(Scenario):
    """The first scenario of a route: it moves the ego from the road to the parking lane."""

    def build(self) -> None:
        """Park two cars and the ego between them, and put a car on the road beside it."""
        stage, left = self.stage, self.parameters.is_left()
        if stage.ego_location.distance(self.trigger.location) > AT_START_M:
            raise ScenarioError(f"{self.config.name}: the ego can only be parked where its route begins")
        parking = side_lane(self.trigger_waypoint, left)
        if parking is None:
            raise ScenarioError(f"{self.config.name}: there is no lane beside the road for parked cars")
        behind_m = self.parameters.number("behind_vehicle_distance")
        behind = parking.previous(behind_m)
        if not behind:
            raise ScenarioError(f"{self.config.name}: the parking lane begins less than {behind_m:g} m behind the ego")
        ahead = next_waypoint(parking, self.parameters.number("front_vehicle_distance"))
        for place in (ahead, behind[0]):
            car = spawn_on_parking_lane(self, PARKED_CAR, place, left)
            car.apply_control(carla.VehicleControl(hand_brake=True))
        self._park_ego(parking, left)
        self._side_car = self.spawn(_SIDE_CAR, self.trigger_waypoint.transform)
        stage.traffic_manager.update_vehicle_lights(self._side_car, True)

    def behaviour(self) -> Behaviour:
        """Let the car beside the ego drive away, and wait until the ego is out."""
        stage = self.stage
        buried = shifted(stage.ego_transform, up_m=-_BURIED_M)
        side = in_order(
            "car beside",
            [
                SetAutopilot(stage, self._side_car, True),
                Drive(stage, SIDE_DRIVE_M, self._side_car),
                SetPose(stage, self._side_car, buried, physics=False),
                Forever(stage),
            ],
        )
        end_m = self.parameters.number("front_vehicle_distance") + BEYOND_FRONT_M
        leave = [side, Drive(stage, end_m), ScenarioTimeout(stage, self.config.name)]
        return in_order(
            self.config.name,
            [
                Post(stage, ChangeRoadBehavior(spawn_distance_m=self.parameters.number("flow_distance"))),
                until_one("leave", leave),
                *(Destroy(stage, actor) for actor in self.actors),
                Post(stage, ChangeRoadBehavior(spawn_distance_m=USUAL_PITCH_M)),
            ],
        )

    def _park_ego(self, parking: carla.Waypoint, left: bool) -> None:
        """Move the ego into the parking lane; it keeps its heading."""
        stage = self.stage
        place = parking_displacement(parking, stage.ego.bounding_box.extent.y, left).location
        self.claimed.append(place)
        stage.move_ego(carla.Transform(place, stage.ego_transform.rotation))
