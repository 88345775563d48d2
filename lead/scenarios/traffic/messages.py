"""What the background traffic does when scenarios ask it to make room, to stop or to change its numbers."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import carla

from lead.scenarios.messages import (
    ChangeJunctionBehavior,
    ChangeOppositeBehavior,
    ChangeRoadBehavior,
    HandleJunctionScenario,
    LeaveCrossingSpace,
    LeaveSpaceInFront,
    Message,
    ReAddRoadLane,
    RemoveRoadLane,
    SetMaxSpeed,
    StartBackVehicles,
    StartFrontVehicles,
    StopBackVehicles,
    StopFrontVehicles,
    SwitchRouteSources,
)
from lead.scenarios.stage import Stage
from lead.scenarios.traffic.fleet import Fleet, gap_m
from lead.scenarios.traffic.junction_messages import JunctionRequests
from lead.scenarios.traffic.lanes import key_of, place_of
from lead.scenarios.traffic.road import Road
from lead.scenarios.traffic.route_place import RoutePlace
from lead.scenarios.traffic.settings import CROSSING_CLEAR_M, CROSSING_STOP_M
from lead.scenarios.traffic.state import Car, TrafficState

LOG = logging.getLogger(__name__)

_FULL_SPEED = 100.0


class Messages:
    """Reads the mailbox, always in the same order."""

    def __init__(self, stage: Stage, fleet: Fleet, route: RoutePlace, state: TrafficState, road: Road) -> None:
        """Take the traffic."""
        self._stage = stage
        self._fleet = fleet
        self._route = route
        self._state = state
        self._road = road
        self._junctions = JunctionRequests(fleet, route, state)

    def read(self) -> None:
        """Do what the messages of the last tick ask for."""
        self._hand(ChangeRoadBehavior, self._change_road)
        self._hand(ChangeOppositeBehavior, self._change_opposite)
        self._hand(ChangeJunctionBehavior, self._change_junctions)
        self._hand(SetMaxSpeed, self._set_max_speed)
        self._hand(StopFrontVehicles, self._stop_front)
        self._hand(StartFrontVehicles, self._start_front)
        self._hand(StopBackVehicles, self._stop_back)
        self._hand(StartBackVehicles, self._start_back)
        self._hand(LeaveSpaceInFront, self._leave_space)
        self._hand(LeaveCrossingSpace, self._leave_crossing)
        self._hand(RemoveRoadLane, self._remove_lane)
        self._hand(ReAddRoadLane, self._add_lane)
        self._hand(HandleJunctionScenario, self._junctions.handle)
        self._hand(SwitchRouteSources, self._switch_sources)

    def _hand(self, kind: type[Message], handler: Callable[[Message], None]) -> None:
        message = self._stage.mailbox.take(kind)
        if message is not None:
            handler(message)

    def _change_road(self, message: ChangeRoadBehavior) -> None:
        settings = self._state.settings
        if message.front_count is not None:
            settings.front_count = int(message.front_count)
        if message.back_count is not None:
            settings.back_count = int(message.back_count)
        if message.spawn_distance_m is not None:
            settings.spawn_distance_m = message.spawn_distance_m
        if message.extra_space_m is not None:
            settings.extra_space_m = message.extra_space_m

    def _change_opposite(self, message: ChangeOppositeBehavior) -> None:
        settings = self._state.settings
        distance_m = message.source_distance_m
        if distance_m is not None:
            if distance_m < settings.junction_source_distance_m:
                LOG.warning("opposite sources cannot be nearer than those of junctions; %.0f m is ignored", distance_m)
            else:
                settings.opposite_source_distance_m = distance_m
        if message.spawn_distance_m is not None:
            settings.opposite_spawn_distance_m = message.spawn_distance_m
            settings.opposite_source_distance_m = 2.0 * message.spawn_distance_m
        if message.active is not None:
            settings.opposite_active = message.active
            for source in self._state.opposite_sources:
                source.active = message.active

    def _change_junctions(self, message: ChangeJunctionBehavior) -> None:
        settings = self._state.settings
        distance_m = message.source_distance_m
        if distance_m is not None:
            if distance_m > settings.opposite_source_distance_m:
                LOG.warning("junction sources cannot be farther than opposite ones; %.0f m is ignored", distance_m)
            else:
                settings.junction_source_distance_m = distance_m
        if message.spawn_distance_m:
            settings.junction_spawn_distance_m = message.spawn_distance_m
        if message.max_actors is not None:
            settings.junction_max_cars = int(message.max_actors)
        if message.source_percent is not None:
            settings.junction_source_percent = message.source_percent

    def _set_max_speed(self, message: SetMaxSpeed) -> None:
        self._state.settings.max_speed_kmh = message.speed_kmh

    def _stop_front(self, message: StopFrontVehicles) -> None:
        """The Traffic Manager brakes them; their brake lights stay on, for it would switch them off in the stand."""
        for car in self._state.road_cars():
            if not car.is_behind:
                car.stopped_in_front, car.percent = True, 0.0
                self._stage.traffic_manager.update_vehicle_lights(car.actor, False)
                _set_brake_light(car, on=True)

    def _start_front(self, message: StartFrontVehicles) -> None:
        for car in self._fleet:
            if car.stopped_in_front:
                car.stopped_in_front, car.percent = False, _FULL_SPEED
                self._stage.traffic_manager.update_vehicle_lights(car.actor, True)
                _set_brake_light(car, on=False)

    def _stop_back(self, message: StopBackVehicles) -> None:
        for car in self._state.road_cars():
            if car.is_behind:
                car.stopped_behind, car.percent = True, 0.0

    def _start_back(self, message: StartBackVehicles) -> None:
        for car in self._fleet:
            if car.stopped_behind:
                car.stopped_behind, car.percent = False, _FULL_SPEED

    def _leave_space(self, message: LeaveSpaceInFront) -> None:
        source = self._state.road.get(self._route.key)
        if source is None or not self._state.in_road_mode:
            return
        front = [car for car in source.cars if not car.is_behind]
        step_m = message.space_m - min((car.distance_m for car in front), default=math.inf)
        if step_m > 0.0:
            self._fleet.move_forward(front, step_m)

    def _leave_crossing(self, message: LeaveCrossingSpace) -> None:
        beside = message.waypoint.get_left_lane()
        if beside is None:
            return
        place = place_of(beside)
        for car in list(self._state.opposite_cars):
            distance_m = gap_m(car.place, place)
            if distance_m < CROSSING_CLEAR_M:
                self._fleet.destroy(car)
            elif distance_m < CROSSING_STOP_M:
                car.actor.set_target_velocity(carla.Vector3D())

    def _remove_lane(self, message: RemoveRoadLane) -> None:
        self._state.lane_removed, self._state.lane_offset = True, 0
        key = key_of(message.waypoint)
        source = self._state.road.get(key)
        if source is None:
            LOG.warning("there is no traffic to remove on lane %d of road %d", key.lane_id, key.road_id)
            return
        self._fleet.destroy_all(source.cars)
        del self._state.road[key]

    def _add_lane(self, message: ReAddRoadLane) -> None:
        if not self._state.lane_removed:
            return
        offset = message.offset + self._state.lane_offset
        lane = self._route.waypoint
        for _ in range(abs(offset)):
            lane = lane.get_right_lane() if offset > 0 else lane.get_left_lane()
            if lane is None:
                LOG.warning("traffic cannot be brought back: there is no lane %+d beside the ego", offset)
                return
        key = key_of(lane)
        if key in self._state.road:
            LOG.warning("lane %d of road %d has its traffic already", key.lane_id, key.road_id)
            return
        self._road.add_lane(lane)
        self._state.forget_removed_lane()

    def _switch_sources(self, message: SwitchRouteSources) -> None:
        self._state.settings.route_sources_active = message.enabled
        for source in self._state.road.values():
            source.active = message.enabled
        for junction in self._state.active:
            for source in junction.sources:
                if junction.is_route_source(source):
                    source.active = message.enabled


def _set_brake_light(car: Car, *, on: bool) -> None:
    brake = int(carla.VehicleLightState.Brake)
    lights = int(car.actor.get_light_state())
    car.actor.set_light_state(carla.VehicleLightState(lights | brake if on else lights & ~brake))
