"""What cars do on their way through a junction: in, through, out, and then wait for the ego or for nothing."""

from __future__ import annotations

from lead.scenarios.traffic.fleet import Fleet, gap_m
from lead.scenarios.traffic.route_place import RoutePlace
from lead.scenarios.traffic.speeds import Speeds
from lead.scenarios.traffic.state import Car, Passage, Phase, RouteJunction, TrafficState


class JunctionCars:
    """Follows the cars of all active junctions."""

    def __init__(self, fleet: Fleet, route: RoutePlace, state: TrafficState, speeds: Speeds) -> None:
        """Take the traffic."""
        self._fleet = fleet
        self._route = route
        self._state = state
        self._speeds = speeds

    def update(self) -> None:
        """Take note of what every car has reached in this tick."""
        for number, junction in enumerate(self._state.active):
            behind_ego = self._cars_on_ego_lanes(junction)
            for car, passage in list(junction.cars.items()):
                if car not in junction.cars:
                    continue  # removed by a car that came after it
                if car in behind_ego:
                    car.percent = self._speeds.road_percent(car)
                elif passage.phase is Phase.ENTRY:
                    self._enter(junction, car, passage)
                elif passage.phase is Phase.MIDDLE:
                    self._leave(number, car, passage)
                elif passage.phase is Phase.EXIT:
                    self._drive_out(junction, car, passage)
                elif passage.phase is Phase.EXIT_ROAD:
                    car.percent = self._speeds.exit_road_percent(car)

    def _cars_on_ego_lanes(self, junction: RouteJunction) -> set[Car]:
        """Return the cars that must stay behind the ego because a scenario wants its way in free."""
        if not self._state.entry_cleared:
            return set()
        sources = [source for source in junction.sources if source.key in junction.route_entry_keys]
        return {car for source in sources for car in source.cars}

    def _enter(self, junction: RouteJunction, car: Car, passage: Passage) -> None:
        if car.lane.junction_id not in junction.ids:
            return
        if junction.clear_middle:
            self._fleet.destroy(car)
        else:
            passage.phase = Phase.MIDDLE

    def _leave(self, number: int, car: Car, passage: Passage) -> None:
        active, key = self._state.active, car.lane.key
        junction = active[number]
        if key is None or key not in junction.exits or self._route.is_junction_id(car.lane.junction_id):
            return
        if number < len(active) - 1 and key in junction.route_exit_keys:
            self._hand_over(car, active[number + 1], Passage())
        elif number > 0 and key in junction.opposite_exit_keys:
            if car not in active[number - 1].cars:
                self._hand_over(car, active[number - 1], Passage(at_opposite_entry=True))
        else:
            way = junction.exits[key]
            way.reference = car.place
            passage.phase, passage.exit_key = Phase.EXIT, key
            if way.cars and len(way.cars) >= way.max_cars:
                self._fleet.destroy(way.cars[0])
            way.cars.append(car)

    def _hand_over(self, car: Car, junction: RouteJunction, passage: Passage) -> None:
        """Move a car to a neighbouring junction."""
        self._state.forget(car)
        car.is_adoptable = False
        junction.cars[car] = passage

    def _drive_out(self, junction: RouteJunction, car: Car, passage: Passage) -> None:
        assert passage.exit_key is not None
        way = junction.exits[passage.exit_key]
        if gap_m(car.place, way.reference) <= way.max_distance_m:
            return
        if passage.exit_key in junction.route_exit_keys:
            passage.phase = Phase.EXIT_ROAD
        else:
            # It stands there, and others queue behind it until it is removed for one of them.
            passage.phase, car.percent = Phase.EXIT_INACTIVE, 0.0
