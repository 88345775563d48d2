"""Scenario classes that route files may name, and the parameters each class reads.

Facts about the Leaderboard 2.0 family (leaderboard, LEAD's data collection, Bench2Drive, Fail2Drive). The linter
checks files against this table; the classes themselves live in the scenario engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class ParameterKind(Enum):
    """How a parameter is written in XML."""

    NUMBER = "number"
    TEXT = "text"
    SIDE = "side"
    SIDE_OR_OPPOSITE = "side or opposite"
    SIDE_OR_BOTH = "side or both"
    INTERVAL = "interval"
    LOCATION = "location"
    FREE = "free"

    @property
    def attributes(self) -> tuple[str, ...]:
        """Attributes that the element must have; none for free ones."""
        return _ATTRIBUTES.get(self, ("value",))

    @property
    def choices(self) -> tuple[str, ...]:
        """Words that ``value`` may be; empty if it is no choice."""
        return _CHOICES.get(self, ())

    @property
    def is_numeric(self) -> bool:
        """True if all attributes are numbers."""
        return self in (ParameterKind.NUMBER, ParameterKind.INTERVAL, ParameterKind.LOCATION)


_ATTRIBUTES = {
    ParameterKind.INTERVAL: ("from", "to"),
    ParameterKind.LOCATION: ("x", "y", "z"),
    ParameterKind.FREE: (),
}
_CHOICES = {
    ParameterKind.SIDE: ("left", "right"),
    ParameterKind.SIDE_OR_OPPOSITE: ("left", "right", "opposite"),
    ParameterKind.SIDE_OR_BOTH: ("left", "right", "both"),
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a scenario class.

    Attributes:
        kind: How it is written.
        required: The class cannot be built without it.
    """

    kind: ParameterKind
    required: bool = False


_KINDS: Mapping[str, ParameterKind] = {
    **dict.fromkeys(("direction", "side"), ParameterKind.SIDE),
    "traffic_direction": ParameterKind.SIDE_OR_BOTH,
    **dict.fromkeys(("frequency", "source_dist_interval"), ParameterKind.INTERVAL),
    **dict.fromkeys(
        ("start_actor_flow", "end_actor_flow", "other_actor_location", "end_location"), ParameterKind.LOCATION
    ),
    **dict.fromkeys(
        ("blocker_model", "walker", "vehicle", "pedestrian", "prop", "image", "warning_sign", "debris", "cones"),
        ParameterKind.TEXT,
    ),
    "objects": ParameterKind.FREE,
}
"""Kinds by name; parameters that are not listed are numbers."""

# One line per class: names, "!" for required ones, ":kind" where the name's usual kind does not hold. Parameters that
# public files give although the class ignores them are listed, too: they are no mistake of the file's author.
_OBSTACLE = "distance direction speed"
_TWO_WAYS = "distance direction speed frequency front_vehicle_distance behind_vehicle_distance"
_FLOW = "flow_speed source_dist_interval"
_MERGE = "start_actor_flow! end_actor_flow! flow_speed source_dist_interval"
_LEADERBOARD = {
    "Accident": _OBSTACLE,
    "AccidentTwoWays": _TWO_WAYS,
    "BlockedIntersection": "",
    "ConstructionObstacle": _OBSTACLE,
    "ConstructionObstacleTwoWays": _TWO_WAYS,
    "ControlLoss": _OBSTACLE,
    "CrossJunctionDefectTrafficLight": f"{_FLOW} traffic_direction!",
    "CrossingBicycleFlow": f"{_FLOW} start_actor_flow! end_actor_flow",
    "DynamicObjectCrossing": "distance direction crossing_angle blocker_model walker blocker_z",
    "EnterActorFlow": _MERGE,
    "EnterActorFlowV2": _MERGE,
    "HardBreakRoute": "",
    "HazardAtSideLane": "distance speed bicycle_speed bicycle_drive_distance",
    "HazardAtSideLaneTwoWays": "distance speed bicycle_speed bicycle_drive_distance frequency:number",
    "HighwayCutIn": "other_actor_location! end_location",
    "HighwayExit": _MERGE,
    "InterurbanActorFlow": _MERGE,
    "InterurbanAdvancedActorFlow": f"{_MERGE} direction",
    "InvadingTurn": "distance offset",
    "MergerIntoSlowTraffic": _MERGE,
    "MergerIntoSlowTrafficV2": _MERGE,
    "NonSignalizedJunctionLeftTurn": _FLOW,
    "NonSignalizedJunctionLeftTurnEnterFlow": _FLOW,
    "NonSignalizedJunctionRightTurn": _FLOW,
    "OppositeVehicleRunningRedLight": "direction:side_or_opposite",
    "OppositeVehicleTakingPriority": "direction:side_or_opposite",
    "ParkedObstacle": _OBSTACLE,
    "ParkedObstacleTwoWays": "distance direction speed frequency",
    "ParkingCrossingPedestrian": "distance direction crossing_angle walker offset_x",
    "ParkingCutIn": "direction",
    "ParkingExit": "front_vehicle_distance behind_vehicle_distance direction flow_distance speed",
    "PedestrianCrossing": "walker",
    "PriorityAtJunction": "",
    "RedLightWithoutLeadVehicle": _FLOW,
    "SequentialLaneChange": "",
    "SignalizedJunctionLeftTurn": _FLOW,
    "SignalizedJunctionLeftTurnEnterFlow": _FLOW,
    "SignalizedJunctionRightTurn": _FLOW,
    "StaticCutIn": _OBSTACLE,
    "T_Junction": "",
    "VanillaNonSignalizedTurn": "",
    "VanillaNonSignalizedTurnEncounterStopsign": "",
    "VanillaNonSignalizedTurnEncounterStopsignLong": "",
    "VanillaSignalizedTurnEncounterGreenLight": "",
    "VanillaSignalizedTurnEncounterGreenLightLong": "",
    "VanillaSignalizedTurnEncounterRedLight": "",
    "VanillaSignalizedTurnEncounterRedLightLong": "",
    "VehicleOpensDoorTwoWays": "distance direction frequency speed",
    "VehicleTurningRoute": "",
    "VehicleTurningRoutePedestrian": "walker offset_y",
    "YieldToEmergencyVehicle": "distance",
}
_FAIL2DRIVE = {
    "BadParkingObstacle": "vehicle x y yaw distance direction speed",
    "BadParkingObstacleTwoWays": "vehicle x y yaw distance direction speed frequency",
    "ConstructionObstacleOppositeLane": "distance direction",
    "ConstructionObstaclePedestrian": "pedestrian distance direction speed",
    "ConstructionObstacleRightLane": "distance direction y_offset frequency speed",
    "CustomObstacle": "objects! distance direction speed",
    "CustomObstacleTwoWays": "objects! distance direction speed frequency",
    "HardBrakeNoLights": "",
    "ImageOnObject": "prop image distance offset_x offset_y offset_z direction",
    "NormalVehicleRunningRedLight": "direction vehicle",
    "NormalVehicleTakingPriority": "direction vehicle",
    "ObscuredStopSign": "prop offset_y offset_z",
    "PedestrianCrowd": "pedestrian_center pedestrian_radius pedestrians side",
    "PedestriansOnRoad": "pedestrians:free! distance walker_duration walker_speed",
    "PermutedConstructionObstacle": "warning_sign debris cones distance direction speed",
    "PermutedConstructionObstacleTwoWays": "warning_sign debris cones distance direction speed frequency",
    "RoadBlocked": "objects! distance wait",
}


def _parameters(text: str) -> Mapping[str, Parameter]:
    table = {}
    for word in text.split():
        name, _, kind = word.rstrip("!").partition(":")
        usual = _KINDS.get(name, ParameterKind.NUMBER)
        table[name] = Parameter(ParameterKind[kind.upper()] if kind else usual, word.endswith("!"))
    return MappingProxyType(table)


SCENARIO_CLASSES: Mapping[str, Mapping[str, Parameter]] = MappingProxyType(
    {name: _parameters(text) for name, text in {**_LEADERBOARD, **_FAIL2DRIVE}.items()}
)
"""Parameters by name, by scenario class."""

"""Classes that only Fail2Drive's scenario runner has."""
