"""Places for the scenarios of merging, found on the maps: a flow, an ego that meets it, and the trigger."""

from dataclasses import dataclass

from scenario_support import ahead, lane, map_only, scenario

TOWNS = {
    "EnterActorFlow": "Town05",
    "EnterActorFlowV2": "Town06",
    "MergerIntoSlowTraffic": "Town06",
    "MergerIntoSlowTrafficV2": "Town06",
    "HighwayExit": "Town04",
    "InterurbanActorFlow": "Town07",
    "InterurbanAdvancedActorFlow": "Town07",
}


@dataclass(frozen=True)
class Site:
    """Way points: key points of the ego, the trigger, and the ends of the flow."""

    keypoints: list
    trigger: object
    source: object
    sink: object

    def scenario(self, kind, speed_mps=10.0, interval_m=(20.0, 35.0)):
        return scenario(
            kind,
            self.trigger,
            start_actor_flow=self.source.transform.location,
            end_actor_flow=self.sink.transform.location,
            flow_speed=speed_mps,
            source_dist_interval=interval_m,
        )


def back(waypoint, distance_m):
    return waypoint.previous(distance_m)[0]


def site(kind, carla_map=None):
    """The place of a class on its town's map."""
    return _SITES[kind](carla_map or map_only(TOWNS[kind]))


def _right_turn_into_two_lanes(carla_map):
    entry, end = lane(carla_map, -257.7, -3.8), lane(carla_map, -265.0, -41.3)
    source = back(lane(carla_map, -265.5, 14.2), 60.0)
    return Site([back(entry, 40.0), ahead(end, 40.0)], back(entry, 30.0), source, ahead(end, 15.0))


def _ramp(carla_map):
    entry, source = lane(carla_map, 217.4, 61.6), back(lane(carla_map, 218.6, 52.4), 60.0)
    sink = lane(carla_map, 310.0, 52.3)
    return Site([back(entry, 40.0), lane(carla_map, 350.0, 52.3)], back(entry, 30.0), source, sink)


def _exit_on_the_right(carla_map):
    before, beside = lane(carla_map, 11.8, -47.0), lane(carla_map, 15.3, -47.0)
    end = lane(carla_map, 58.5, -102.7)
    return Site([back(before, 110.0), back(before, 60.0), end], back(before, 100.0), back(beside, 110.0), end)


def _left_turn_off_a_road(carla_map):
    entry, opposite = lane(carla_map, -0.7, -150.0), lane(carla_map, -4.1, -168.6)
    keypoints = [back(entry, 40.0), lane(carla_map, -41.6, -161.5)]
    return Site(keypoints, back(entry, 30.0), back(opposite, 30.0), lane(carla_map, -4.5, -100.0))


def _left_turn_onto_a_road(carla_map):
    entry, crossing = lane(carla_map, -11.6, -157.7), lane(carla_map, -4.1, -168.6)
    keypoints = [back(entry, 40.0), ahead(lane(carla_map, -0.3, -198.7), 20.0)]
    return Site(keypoints, back(entry, 30.0), back(crossing, 30.0), lane(carla_map, -4.5, -125.0))


_SITES = {
    "EnterActorFlow": _right_turn_into_two_lanes,
    "EnterActorFlowV2": _ramp,
    "MergerIntoSlowTraffic": _ramp,
    "MergerIntoSlowTrafficV2": _ramp,
    "HighwayExit": _exit_on_the_right,
    "InterurbanActorFlow": _left_turn_off_a_road,
    "InterurbanAdvancedActorFlow": _left_turn_onto_a_road,
}
