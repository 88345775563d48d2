"""How fast background cars want to drive: faster the nearer they are to the ego, so that they stay around it."""

from __future__ import annotations

import carla

from lead.scenarios.stage import Stage
from lead.scenarios.traffic.fleet import Fleet
from lead.scenarios.traffic.settings import MAX_SPEED_KMH, NARROW_LANE_M, TrafficSettings
from lead.scenarios.traffic.state import Car, TrafficState

_TAPER_STEP_M = 0.5
_EXIT_ROAD_FACTOR = 1.5
_DEFAULT_GAP_M = 15.0


class Speeds:
    """Decides shares of the speed limit, and sends the speeds to the Traffic Manager."""

    def __init__(self, stage: Stage, fleet: Fleet, state: TrafficState) -> None:
        """Take the traffic."""
        self._stage = stage
        self._fleet = fleet
        self._state = state
        self._limit_kmh = 0.0

    def update_limit(self) -> None:
        """Take the ego's speed limit as the reference of this tick."""
        self._limit_kmh = self._stage.ego_limit_kmh

    def update_road(self) -> None:
        """Set the speed of all cars on the ego's road but those that a message stopped."""
        for car in self._state.road_cars():
            if car.is_stopped:
                continue
            if car.lane.width_m < NARROW_LANE_M and self._lane_ends(car):
                self._strand(car)
            else:
                car.percent = self.road_percent(car)

    def road_percent(self, car: Car) -> float:
        """Return the share for a car on the ego's road, percent: up to 200 behind the ego so that it catches up."""
        settings = self._state.settings
        if not car.is_behind:
            return _clip(self._share_ahead(car, settings), 100.0)
        if not self._state.entry_cleared:
            return _clip(100.0 + 100.0 * car.distance_m / settings.radius_width_m, 200.0)
        # The mix of units is that of the leaderboard: it keeps cars behind a bit slower than the ego.
        base = 100.0 * self._stage.ego_speed_mps / self._limit_kmh if self._limit_kmh > 0.0 else 0.0
        return _clip(base + 100.0 * (car.distance_m - _DEFAULT_GAP_M) / settings.radius_width_m, 100.0)

    def exit_road_percent(self, car: Car) -> float:
        """Return the share for a car that waits behind a junction for the ego, percent."""
        if car.is_behind:
            return self.road_percent(car)
        return _clip(_EXIT_ROAD_FACTOR * self._share_ahead(car, self._state.settings), 100.0)

    def send(self) -> None:
        """Tell the Traffic Manager every speed that has changed."""
        manager = self._stage.traffic_manager
        cap_kmh = self._state.settings.max_speed_kmh or MAX_SPEED_KMH
        cap_kmh = min(cap_kmh, MAX_SPEED_KMH)
        for car in self._fleet:
            if car.percent is None:
                continue
            speed_kmh = min(self._limit_kmh * car.percent / 100.0, cap_kmh)
            if speed_kmh != car.sent_kmh:
                manager.set_desired_speed(car.actor, speed_kmh)
                car.sent_kmh = speed_kmh

    def _share_ahead(self, car: Car, settings: TrafficSettings) -> float:
        return 100.0 * (settings.max_radius_m - car.distance_m) / settings.radius_width_m

    def _lane_ends(self, car: Car) -> bool:
        """Tell whether a car's narrow lane becomes narrower still; rare enough to ask the map."""
        here = self._stage.map.get_waypoint(carla.Location(*car.place))
        beyond = here.next(_TAPER_STEP_M)
        return here.lane_width < NARROW_LANE_M and bool(beyond) and beyond[0].lane_width < here.lane_width

    def _strand(self, car: Car) -> None:
        """Leave a car at the end of its lane with its blinkers on: the Traffic Manager could not merge it."""
        car.percent = 0.0
        if car.is_stranded:
            return
        car.is_stranded = True
        self._fleet.let_go(car)
        car.actor.apply_control(carla.VehicleControl(hand_brake=True))
        car.actor.set_target_velocity(carla.Vector3D())
        lights = carla.VehicleLightState
        signs = lights.RightBlinker | lights.LeftBlinker | lights.Position
        car.actor.set_light_state(carla.VehicleLightState(car.actor.get_light_state() | signs))


def _clip(percent: float, high: float) -> float:
    return min(max(percent, 0.0), high)
