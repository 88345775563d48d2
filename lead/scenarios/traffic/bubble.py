"""The leaderboard's background traffic: a bubble of cars that moves with the ego.

Cars appear and vanish out of the ego's way, adapt their speed to it so that they stay around it, fill the junctions
before it comes, and make room for scenarios that ask for it.
"""

from __future__ import annotations

from lead.scenarios.stage import Stage
from lead.scenarios.traffic.fleet import Fleet
from lead.scenarios.traffic.junction_cache import find_junctions
from lead.scenarios.traffic.junction_cars import JunctionCars
from lead.scenarios.traffic.junction_mode import JunctionMode
from lead.scenarios.traffic.messages import Messages
from lead.scenarios.traffic.opposite import OppositeTraffic
from lead.scenarios.traffic.road import Road
from lead.scenarios.traffic.road_changes import RoadChanges
from lead.scenarios.traffic.route_place import RoutePlace
from lead.scenarios.traffic.settings import TrafficSettings
from lead.scenarios.traffic.speeds import Speeds
from lead.scenarios.traffic.state import TrafficState


class TrafficBubble:
    """The background traffic of one episode.

    Attributes:
        state: All tables.
        route: The ego's place on the route.
        fleet: All cars.
    """

    def __init__(self, stage: Stage) -> None:
        """Find the junctions of the route; no car is spawned before the first :meth:`tick`."""
        self._stage = stage
        stage.traffic_manager.global_percentage_speed_difference(0.0)
        cache = find_junctions(stage.map, stage.dense)
        self.state = TrafficState(TrafficSettings(), cache.junctions)
        self.route = RoutePlace(stage.dense, frozenset(cache.plain_ids))
        self.fleet = Fleet(stage, self.route, self.state)
        self._speeds = Speeds(stage, self.fleet, self.state)
        self._road = Road(stage, self.fleet, self.route, self.state)
        self._changes = RoadChanges(stage, self.fleet, self.route, self.state)
        self._opposite = OppositeTraffic(self.fleet, self.route, self.state)
        self._junctions = JunctionMode(stage, self.fleet, self.route, self.state)
        self._junction_cars = JunctionCars(self.fleet, self.route, self.state, self._speeds)
        self._messages = Messages(stage, self.fleet, self.route, self.state, self._road)
        self._has_started = False

    def tick(self) -> None:
        """Step the traffic once; the order is part of the behaviour.

        The first step spawns the first cars, so that they set off together with the ego, which stands on a road.
        """
        if not self._has_started:
            self._has_started = True
            self._road.start()
            self._opposite.restart()
            self._changes.restart()
        state = self.state
        lane_change = self.route.update(self._stage.ego_location)
        self.fleet.read()
        if state.lane_removed:
            state.lane_offset += lane_change
        self._speeds.update_limit()
        self._messages.read()
        state.settings.adapt(self._stage.ego_speed_mps)
        if not state.in_road_mode and self._junctions.leave_first():
            self._opposite.restart()
            self._changes.restart()
        self._junctions.activate_next()
        if state.in_road_mode:
            self._tick_road()
        else:
            self._junction_cars.update()
            self._junctions.update_sources()
        self._opposite.update_cars()
        self._speeds.send()

    def close(self) -> None:
        """Remove all cars."""
        self.fleet.destroy_all(self.fleet)

    def _tick_road(self) -> None:
        self._speeds.update_road()
        self._road.move_sources()
        self._road.update_sources()
        self._changes.check_lanes()
        self._changes.rename()
        self._opposite.move_sources()
        self._opposite.update_sources()
