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
        default: Value that a class takes if a file gives none, as text; intervals as ``from..to``. None for required
            parameters and for those that the class does not read.
    """

    kind: ParameterKind
    required: bool = False
    default: str | None = None


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

# One line per class: names, "!" for required ones, ":kind" where the name's usual kind does not hold, "=default".
# Parameters that public files give although the class ignores them are listed, too, without a default: they are no
# mistake of the file's author.
_OBSTACLE = "distance=120 direction=right speed=60"
_SITE = "distance=100 direction=right speed=60"
_OPPOSITE = "frequency=20..100"
_FLOW = "flow_speed=20 source_dist_interval=25..50"
_MERGE = "start_actor_flow! end_actor_flow! flow_speed=10 source_dist_interval=20..50"
_LEADERBOARD = {
    "Accident": _OBSTACLE,
    "AccidentTwoWays": f"{_OBSTACLE} {_OPPOSITE} front_vehicle_distance behind_vehicle_distance",
    "BlockedIntersection": "",
    "ConstructionObstacle": _SITE,
    "ConstructionObstacleTwoWays": f"{_SITE} {_OPPOSITE} front_vehicle_distance behind_vehicle_distance",
    "ControlLoss": "distance direction speed",
    "CrossJunctionDefectTrafficLight": f"{_FLOW} traffic_direction!",
    "CrossingBicycleFlow": "flow_speed=10 source_dist_interval=20..50 start_actor_flow! end_actor_flow",
    "DynamicObjectCrossing": (
        "distance=12 direction=right crossing_angle=0 blocker_model=static.prop.vendingmachine walker blocker_z"
    ),
    "EnterActorFlow": _MERGE,
    "EnterActorFlowV2": _MERGE,
    "HardBreakRoute": "",
    "HazardAtSideLane": "distance=100 speed=60 bicycle_speed=10 bicycle_drive_distance=50",
    "HazardAtSideLaneTwoWays": (
        "distance=100 speed=60 bicycle_speed=10 bicycle_drive_distance=50 frequency:number=100"
    ),
    "HighwayCutIn": "other_actor_location! end_location",
    "HighwayExit": _MERGE,
    "InterurbanActorFlow": _MERGE,
    "InterurbanAdvancedActorFlow": f"{_MERGE} direction",
    "InvadingTurn": "distance=100 offset=0.25",
    "MergerIntoSlowTraffic": _MERGE,
    "MergerIntoSlowTrafficV2": _MERGE,
    "NonSignalizedJunctionLeftTurn": _FLOW,
    "NonSignalizedJunctionLeftTurnEnterFlow": _FLOW,
    "NonSignalizedJunctionRightTurn": _FLOW,
    "OppositeVehicleRunningRedLight": "direction:side_or_opposite=right",
    "OppositeVehicleTakingPriority": "direction:side_or_opposite=right",
    "ParkedObstacle": _OBSTACLE,
    "ParkedObstacleTwoWays": f"{_OBSTACLE} {_OPPOSITE}",
    "ParkingCrossingPedestrian": "distance=12 direction=right crossing_angle=0 walker offset_x",
    "ParkingCutIn": "direction=right",
    "ParkingExit": ("front_vehicle_distance=20 behind_vehicle_distance=10 direction=right flow_distance=25 speed"),
    "PedestrianCrossing": "walker",
    "PriorityAtJunction": "",
    "RedLightWithoutLeadVehicle": "flow_speed source_dist_interval",
    "SequentialLaneChange": "",
    "SignalizedJunctionLeftTurn": _FLOW,
    "SignalizedJunctionLeftTurnEnterFlow": _FLOW,
    "SignalizedJunctionRightTurn": _FLOW,
    "StaticCutIn": "distance=100 direction=right speed",
    "T_Junction": "",
    "VanillaNonSignalizedTurn": "",
    "VanillaNonSignalizedTurnEncounterStopsign": "",
    "VanillaNonSignalizedTurnEncounterStopsignLong": "",
    "VanillaSignalizedTurnEncounterGreenLight": "",
    "VanillaSignalizedTurnEncounterGreenLightLong": "",
    "VanillaSignalizedTurnEncounterRedLight": "",
    "VanillaSignalizedTurnEncounterRedLightLong": "",
    "VehicleOpensDoorTwoWays": f"distance=50 direction=right {_OPPOSITE} speed",
    "VehicleTurningRoute": "",
    "VehicleTurningRoutePedestrian": "walker offset_y",
    "YieldToEmergencyVehicle": "distance=140",
}
_BAD_PARKING = "vehicle x=0 y=1.5 yaw=0 distance=120 direction=right"
_PERMUTED = (
    "warning_sign=static.prop.trafficwarning debris=static.prop.dirtdebris02 cones=1111111 distance=100 direction=right"
)
_CUSTOM = "objects! distance=100 direction=right"
_FAIL2DRIVE = {
    "BadParkingObstacle": f"{_BAD_PARKING} speed=60",
    "BadParkingObstacleTwoWays": f"{_BAD_PARKING} {_OPPOSITE} speed",
    "ConstructionObstacleOppositeLane": "distance=100 direction=right",
    "ConstructionObstaclePedestrian": "pedestrian=walker.pedestrian.0030 distance=100 direction=right speed",
    "ConstructionObstacleRightLane": "distance=100 direction=right y_offset=0 frequency speed",
    "CustomObstacle": f"{_CUSTOM} speed=60",
    "CustomObstacleTwoWays": f"{_CUSTOM} {_OPPOSITE} speed",
    "HardBrakeNoLights": "",
    "ImageOnObject": (
        "prop=static.prop.advertisement image=static.prop.barrel distance=10 offset_x=0 offset_y=0 offset_z=0 direction"
    ),
    "NormalVehicleRunningRedLight": "direction:side_or_opposite=right vehicle",
    "NormalVehicleTakingPriority": "direction:side_or_opposite=right vehicle",
    "ObscuredStopSign": "prop=static.prop.barrel offset_y=0 offset_z=0",
    "PedestrianCrowd": "pedestrian_center=40 pedestrian_radius=20 pedestrians=20 side=right",
    "PedestriansOnRoad": "pedestrians:free distance=20 walker_duration=20 walker_speed=2",
    "PermutedConstructionObstacle": f"{_PERMUTED} speed=60",
    "PermutedConstructionObstacleTwoWays": f"{_PERMUTED} {_OPPOSITE} speed",
    "RoadBlocked": "objects! distance=100 wait=60",
}
"""Classes that only Fail2Drive's scenario runner has."""


def _parameters(text: str) -> Mapping[str, Parameter]:
    table = {}
    for word in text.split():
        declared, _, default = word.partition("=")
        name, _, kind = declared.rstrip("!").partition(":")
        usual = _KINDS.get(name, ParameterKind.NUMBER)
        table[name] = Parameter(
            ParameterKind[kind.upper()] if kind else usual, declared.endswith("!"), default if default else None
        )
    return MappingProxyType(table)


SCENARIO_CLASSES: Mapping[str, Mapping[str, Parameter]] = MappingProxyType(
    {name: _parameters(text) for name, text in {**_LEADERBOARD, **_FAIL2DRIVE}.items()}
)
"""Parameters by name, by scenario class."""
FAIL2DRIVE_CLASSES = frozenset(_FAIL2DRIVE)
"""Classes that only Fail2Drive has."""
