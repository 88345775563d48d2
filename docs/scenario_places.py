"""Where the films of ``docs/scenarios.md`` are made: one place per scenario class, found on the maps of the towns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import carla

from lead.scenarios.lane_tools import backward, next_waypoint, sink_point

Spot = tuple[float, ...]
"""x, y and, in towns with bridges or hills, z; the driving lane nearest to it is meant."""
Value = float | str | tuple[float, float] | Spot

STRAIGHT, RIGHT, LEFT = 0, 1, -1


@dataclass(frozen=True)
class Dodge:
    """How the ego leaves its lane, which its route does not: from and to, in metres after the trigger.

    Attributes:
        first_m: Where it begins to.
        last_m: Where it is back.
        right_m: How far to the right it drives there.
        free_m: It first waits until nobody comes towards it there and so far beyond; None does not wait.
    """

    first_m: float
    last_m: float
    right_m: float
    free_m: float | None = None


@dataclass(frozen=True)
class Place:
    """One film.

    Attributes:
        town: Town.
        trigger: Where the scenario is triggered; with a ``turn``, where the lane ends at the junction.
        turn: What the ego does at the next junction; None follows the road, or the ``spots``.
        spots: Further key points of the route.
        run_up_m: Way from the start to the trigger.
        before_m: Way from the trigger to the junction.
        after_m: Way driven after the trigger, or after the junction.
        parameters: Of the scenario.
        dodge: How the ego gets by.
        stands_s: The ego stands so long before it sets off.
        over_props: It drives over what lies on the road.
        until_s: Longest time filmed after the trigger.
    """

    town: str
    trigger: Spot
    turn: int | None = None
    spots: tuple[Spot, ...] = ()
    run_up_m: float = 25.0
    before_m: float = 40.0
    after_m: float = 160.0
    parameters: Mapping[str, Value] = field(default_factory=dict)
    dodge: Dodge | None = None
    stands_s: float = 0.0
    over_props: bool = False
    until_s: float = 45.0

    def waypoints(self, carla_map: carla.Map) -> tuple[list[carla.Waypoint], carla.Waypoint]:
        """Return the key points of the route, and the trigger."""
        trigger = lane(carla_map, self.trigger)
        end = None
        if self.turn is not None:
            end, _ = sink_point(trigger, self.turn, self.after_m)
            trigger = backward(trigger, self.before_m, 1.0)
        elif not self.spots:
            end = next_waypoint(trigger, self.after_m)
        start = backward(trigger, self.run_up_m, 1.0)
        between = [lane(carla_map, spot) for spot in self.spots]
        return [start, trigger, *between, *([] if end is None else [end])], trigger


def lane(carla_map: carla.Map, spot: Spot) -> carla.Waypoint:
    """Return the driving lane nearest to a spot."""
    x, y, *z = spot
    return carla_map.get_waypoint(carla.Location(x, y, *z))


_MOTORWAY = Place("Town04", (-511.0, 197.3))
_RIGHT_LANE = Place("Town04", (-514.4, 197.3))
_STREET = Place("Town01", (126.0, 133.4))
_PARKING = Place("Town05", (152.0, 40.0))
_LIGHTS_LEFT = Place("Town03", (-6.1, 118.0), after_m=55.0)
_LIGHTS_RIGHT = Place("Town03", (-9.6, 118.0), after_m=40.0)
_PLAIN_LEFT = Place("Town03", (-85.0, -151.4), after_m=35.0)
_PLAIN_RIGHT = Place("Town03", (-88.5, -151.5), after_m=55.0)
_CROSSING = Place("Town07", (-148.9, -26.3), turn=STRAIGHT, after_m=50.0)
_TWO_WAYS: Mapping[str, Value] = {"distance": 60.0, "frequency": (120.0, 150.0)}
_FLOW: Mapping[str, Value] = {"flow_speed": 8.0, "source_dist_interval": (25.0, 60.0)}
_RAMP_FLOW: Mapping[str, Value] = {"start_actor_flow": (158.7, 52.3, 0.0), "end_actor_flow": (310.0, 52.3, 0.0)}
_RAMP = Place("Town06", (193.4, 78.8), run_up_m=10.0, spots=((350.0, 52.3),))

PLACES: Mapping[str, Place] = {
    "Accident": replace(_RIGHT_LANE, parameters={"distance": 60.0}, dodge=Dodge(30.0, 100.0, -3.5)),
    "AccidentTwoWays": replace(_STREET, parameters=_TWO_WAYS, dodge=Dodge(42.0, 95.0, -3.6, 130.0), until_s=90.0),
    "ParkedObstacle": replace(_RIGHT_LANE, parameters={"distance": 60.0}, dodge=Dodge(30.0, 90.0, -3.5)),
    "ParkedObstacleTwoWays": replace(_STREET, parameters=_TWO_WAYS, dodge=Dodge(42.0, 80.0, -3.6, 130.0), until_s=90.0),
    "ConstructionObstacle": replace(_RIGHT_LANE, parameters={"distance": 60.0}, dodge=Dodge(25.0, 95.0, -3.5)),
    "ConstructionObstacleTwoWays": replace(
        _STREET, parameters=_TWO_WAYS, dodge=Dodge(38.0, 86.0, -3.6, 130.0), until_s=90.0
    ),
    "HazardAtSideLane": replace(_RIGHT_LANE, parameters={"distance": 50.0}, dodge=Dodge(40.0, 145.0, -3.5)),
    "HazardAtSideLaneTwoWays": replace(
        _STREET,
        parameters={"distance": 50.0, "frequency": 140.0},
        dodge=Dodge(75.0, 145.0, -3.0, 130.0),
        until_s=90.0,
    ),
    "VehicleOpensDoorTwoWays": Place(
        "Town05",
        (152.0, 22.0),
        run_up_m=7.0,
        after_m=120.0,
        parameters={"distance": 45.0},
        dodge=Dodge(28.0, 66.0, -1.4),
    ),
    "InvadingTurn": Place(
        "Town04", (171.9, -311.2), run_up_m=19.0, parameters={"distance": 100.0}, dodge=Dodge(-10.0, 150.0, 0.7)
    ),
    "BlockedIntersection": replace(_PLAIN_LEFT, turn=LEFT),
    "DynamicObjectCrossing": Place("Town01", (126.0, 133.0), after_m=110.0, parameters={"distance": 40.0}),
    "ParkingCrossingPedestrian": replace(_PARKING, after_m=110.0, parameters={"distance": 40.0}),
    "PedestrianCrossing": Place("Town01", (88.4, 155.0), spots=((150.0, 199.0),)),
    "VehicleTurningRoute": Place("Town01", (88.4, 155.0), spots=((180.0, 199.0),)),
    "VehicleTurningRoutePedestrian": Place("Town01", (88.4, 155.0), spots=((180.0, 199.0),)),
    "CrossingBicycleFlow": Place(
        "Town12",
        (775.0, 3919.7, 371.0),
        turn=RIGHT,
        after_m=45.0,
        parameters={
            "start_actor_flow": (722.3, 3922.0, 371.0),
            "flow_speed": 6.0,
            "source_dist_interval": (20.0, 40.0),
        },
    ),
    "SignalizedJunctionLeftTurn": replace(_LIGHTS_LEFT, turn=LEFT, parameters=_FLOW),
    "SignalizedJunctionLeftTurnEnterFlow": replace(_LIGHTS_LEFT, turn=LEFT, parameters=_FLOW),
    "SignalizedJunctionRightTurn": replace(_LIGHTS_RIGHT, turn=RIGHT, parameters=_FLOW),
    "CrossJunctionDefectTrafficLight": replace(
        _LIGHTS_RIGHT, after_m=75.0, turn=RIGHT, parameters={**_FLOW, "traffic_direction": "left"}
    ),
    "NonSignalizedJunctionLeftTurn": replace(_PLAIN_LEFT, turn=LEFT, parameters=_FLOW),
    "NonSignalizedJunctionLeftTurnEnterFlow": Place(
        "Town07", (-148.9, -26.3), turn=LEFT, after_m=36.0, parameters=_FLOW
    ),
    "NonSignalizedJunctionRightTurn": replace(_PLAIN_RIGHT, turn=RIGHT, parameters=_FLOW),
    "OppositeVehicleTakingPriority": replace(_CROSSING),
    "OppositeVehicleRunningRedLight": Place("Town07", (-90.9, 53.5), turn=STRAIGHT, after_m=50.0),
    "PriorityAtJunction": replace(_LIGHTS_LEFT, turn=LEFT),
    "RedLightWithoutLeadVehicle": replace(_LIGHTS_LEFT, turn=LEFT, after_m=160.0, until_s=90.0),
    "T_Junction": Place("Town01", (88.4, 155.0), spots=((310.0, 199.1),)),
    "SequentialLaneChange": Place(
        "Town06", (300.0, 48.8), spots=((360.0, 52.3), (430.0, 48.8), (500.0, 45.3), (580.0, 45.3))
    ),
    "VanillaNonSignalizedTurn": replace(_PLAIN_RIGHT, turn=RIGHT),
    "VanillaNonSignalizedTurnEncounterStopsign": replace(_CROSSING, turn=LEFT, after_m=36.0),
    "VanillaSignalizedTurnEncounterGreenLight": replace(_LIGHTS_RIGHT, turn=RIGHT),
    "VanillaSignalizedTurnEncounterRedLight": replace(_LIGHTS_LEFT, turn=LEFT),
    "EnterActorFlow": Place(
        "Town05",
        (-227.7, -3.9),
        run_up_m=10.0,
        spots=((-257.3, -75.5),),
        parameters={"start_actor_flow": (-264.5, 72.8, 0.0), "end_actor_flow": (-265.0, -56.3, 0.0)},
    ),
    "EnterActorFlowV2": replace(_RAMP, parameters=_RAMP_FLOW),
    "MergerIntoSlowTraffic": replace(_RAMP, parameters=_RAMP_FLOW),
    "MergerIntoSlowTrafficV2": replace(_RAMP, parameters=_RAMP_FLOW),
    "HighwayExit": Place(
        "Town04",
        (12.0, 13.0),
        spots=((12.0, -30.0), (58.5, -102.7)),
        parameters={
            "start_actor_flow": (15.3, 63.0, 0.0),
            "end_actor_flow": (58.5, -102.7, 0.0),
            "flow_speed": 8.0,
            "source_dist_interval": (60.0, 80.0),
        },
    ),
    "InterurbanActorFlow": Place(
        "Town07",
        (-1.0, -120.0),
        run_up_m=8.0,
        spots=((-41.6, -161.5),),
        parameters={"start_actor_flow": (-4.1, -198.6, 0.0), "end_actor_flow": (-4.5, -100.0, 0.0)},
    ),
    "InterurbanAdvancedActorFlow": Place(
        "Town07",
        (-41.6, -157.7),
        spots=((-0.3, -218.7),),
        parameters={
            "start_actor_flow": (-4.1, -198.6, 0.0),
            "end_actor_flow": (-4.5, -125.0, 0.0),
            "source_dist_interval": (60.0, 105.0),
        },
    ),
    "HighwayCutIn": Place(
        "Town06",
        (168.6, 48.9),
        spots=((560.0, 48.8),),
        parameters={"other_actor_location": (170.0, 97.3, 0.0)},
    ),
    "StaticCutIn": Place("Town06", (300.0, 48.8), parameters={"distance": 60.0}),
    "ParkingCutIn": replace(_PARKING, after_m=110.0),
    "ParkingExit": replace(
        _PARKING,
        run_up_m=0.0,
        after_m=110.0,
        stands_s=4.5,
        parameters={"front_vehicle_distance": 9.0, "behind_vehicle_distance": 9.0},
    ),
    "HardBreakRoute": replace(_MOTORWAY, after_m=220.0),
    "ControlLoss": replace(_MOTORWAY, after_m=220.0, over_props=True),
    "YieldToEmergencyVehicle": replace(_MOTORWAY, after_m=400.0, dodge=Dodge(10.0, 420.0, 3.5)),
}

STILLS_S: Mapping[str, float] = {
    "Accident": 3.6,
    "AccidentTwoWays": 19.0,
    "ParkedObstacle": 3.6,
    "ParkedObstacleTwoWays": 16.3,
    "ConstructionObstacle": 3.4,
    "ConstructionObstacleTwoWays": 19.0,
    "HazardAtSideLane": 3.6,
    "HazardAtSideLaneTwoWays": 13.4,
    "VehicleOpensDoorTwoWays": 5.2,
    "InvadingTurn": 8.6,
    "BlockedIntersection": 10.7,
    "DynamicObjectCrossing": 5.0,
    "ParkingCrossingPedestrian": 4.9,
    "PedestrianCrossing": 4.8,
    "VehicleTurningRoute": 24.1,
    "VehicleTurningRoutePedestrian": 22.8,
    "CrossingBicycleFlow": 7.0,
    "SignalizedJunctionLeftTurn": 7.0,
    "SignalizedJunctionLeftTurnEnterFlow": 9.0,
    "SignalizedJunctionRightTurn": 8.2,
    "CrossJunctionDefectTrafficLight": 7.8,
    "NonSignalizedJunctionLeftTurn": 6.2,
    "NonSignalizedJunctionLeftTurnEnterFlow": 5.7,
    "NonSignalizedJunctionRightTurn": 7.4,
    "OppositeVehicleTakingPriority": 5.9,
    "OppositeVehicleRunningRedLight": 6.5,
    "PriorityAtJunction": 5.1,
    "RedLightWithoutLeadVehicle": 9.0,
    "T_Junction": 19.0,
    "SequentialLaneChange": 6.4,
    "VanillaNonSignalizedTurn": 6.4,
    "VanillaNonSignalizedTurnEncounterStopsign": 7.3,
    "VanillaSignalizedTurnEncounterGreenLight": 4.1,
    "VanillaSignalizedTurnEncounterRedLight": 5.0,
    "EnterActorFlow": 6.0,
    "EnterActorFlowV2": 5.0,
    "MergerIntoSlowTraffic": 4.3,
    "MergerIntoSlowTrafficV2": 6.6,
    "HighwayExit": 5.3,
    "InterurbanActorFlow": 6.4,
    "InterurbanAdvancedActorFlow": 4.7,
    "HighwayCutIn": 8.2,
    "StaticCutIn": 4.9,
    "ParkingCutIn": 3.6,
    "ParkingExit": 5.2,
    "HardBreakRoute": 7.0,
    "ControlLoss": 3.8,
    "YieldToEmergencyVehicle": 6.1,
}
"""Most telling moments, in seconds after the trigger."""
