"""Which scenarios of the public routes do not fit their places: CARLA's own code leaves out the same ones.

That was found by building the scenarios of these routes with CARLA's own classes, too, against the same simulator.
docs/scenarios.md has the table and says why.
"""

import collections

LeftOuts = dict[tuple[str, str, str], int]
"""Number of scenarios by class, reason with its numbers taken out, and route."""

LIGHTS_LEFT, LIGHTS_RIGHT = "SignalizedJunctionLeftTurn", "SignalizedJunctionRightTurn"
RUNNING = "OppositeVehicleRunningRedLight"
NOBODY = "no lane leads into the junction from direction"
OCCUPIED = "cannot be spawned at (#, #, #): something stands there"
NO_LANE = "there is no driving lane to the left of (#, #, #)"
NO_PARKING = "the parking lane begins less than # m behind the ego"

ON_THE_ROUTE = {"": 538, "Town12": 128, "Town13": 250}
"""So many scenarios lie on the routes of both large towns, and of all others together; of Town13 see TOWN13_M."""
BESIDE_THE_ROUTE = {"": {}, "Town12": {}, "Town13": {"HazardAtSideLane": 1}}
"""Scenarios whose trigger is so far from the route that nobody builds them, by class."""


def _longest6(kind: str, reason: str, routes: str) -> LeftOuts:
    """Left out on routes of Longest6, whose numbers stand there once per scenario."""
    return {
        (kind, reason, f"longest6/{number}"): count for number, count in collections.Counter(routes.split()).items()
    }


def _training(kind: str, reason: str, folder: str, *files: str) -> LeftOuts:
    """Left out once in training routes."""
    return {(kind, reason, f"{folder}/{kind}/{file}"): 1 for file in files}


def _bench2drive(kind: str, reason: str, *routes: int) -> LeftOuts:
    return {(kind, reason, f"bench2drive/{number}"): 1 for number in routes}


LEFT_OUT: dict[str, LeftOuts] = {
    "": {
        **_longest6(
            LIGHTS_LEFT,
            f"{NOBODY} 'opposite'",
            "00 00 01 03 07 11 11 13 13 18 19 22 22 23 24 28 30 30 30 31 32 32 32 32 33 33 33 35 35 35",
        ),
        **_longest6(LIGHTS_LEFT, "the junction has no traffic lights", "18 19 26 28"),
        **_longest6(LIGHTS_RIGHT, f"{NOBODY} 'left'", "01 01 02 03 03 07 08 08 08 09 09 09 10 11 14 23"),
        **_longest6(RUNNING, f"{NOBODY} 'right'", "00 01 02 03 07 08 08 09 09 10 10 11 11 11 12 15 18 19 22"),
        **_training(RUNNING, f"{NOBODY} 'right'", "leaderboard1", "Town01_Scenario8_49.xml#49"),
        **_training(LIGHTS_RIGHT, f"{NOBODY} 'left'", "leaderboard1", "Town01_Scenario9_50.xml#50"),
        **_training("Accident", f"vehicle.dodge.charger_police_# {OCCUPIED}", "lead", "route_001797.xml#route_001797"),
        **_training("ParkedObstacle", f"vehicle.* {OCCUPIED}", "lead", "route_001894.xml#route_001894"),
        **_training(
            "ParkingExit", NO_PARKING, "lead", "route_001636.xml#route_001636", "route_001667.xml#route_001667"
        ),
        **_training(
            "CrossJunctionDefectTrafficLight",
            "the road begins less than # m before (#, #, #)",
            "lead",
            "route_002121.xml#route_002121",
        ),
    },
    "Town12": {
        **_bench2drive("InterurbanActorFlow", NO_LANE, 23910, 23930, 24098),
        **_bench2drive(
            "InterurbanAdvancedActorFlow", "the second flow ends inside a junction, at (#, #, #)", 23700, 24078
        ),
    },
    "Town13": _bench2drive("InterurbanActorFlow", NO_LANE, 23901, 23918),
}
