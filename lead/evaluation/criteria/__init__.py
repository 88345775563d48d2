"""Criteria: what an episode counts and what ends it, with the rules of CARLA leaderboard 2.0 and its relatives."""

from lead.evaluation.criteria.base import Criterion
from lead.evaluation.criteria.collision import Collision
from lead.evaluation.criteria.criteria_set import CriteriaError, CriteriaSet
from lead.evaluation.criteria.lanes import OutsideRouteLanes
from lead.evaluation.criteria.limits import Blocked, RouteTimeout, TickLimit
from lead.evaluation.criteria.progress import MinSpeed, RouteCompletion, RouteDeviation
from lead.evaluation.criteria.red_light import RunningRedLight
from lead.evaluation.criteria.scenario import ScenarioTimeout, YieldToEmergencyVehicle
from lead.evaluation.criteria.stop import RunningStop

__all__ = [
    "Blocked",
    "Collision",
    "CriteriaError",
    "CriteriaSet",
    "Criterion",
    "MinSpeed",
    "OutsideRouteLanes",
    "RouteCompletion",
    "RouteDeviation",
    "RouteTimeout",
    "RunningRedLight",
    "RunningStop",
    "ScenarioTimeout",
    "TickLimit",
    "YieldToEmergencyVehicle",
]
