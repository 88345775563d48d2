"""Effect boxes on the road: which light a vehicle stands at, the stop hint of stop signs, the speed limit in force."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lead.geometry.boxes import box_overlap_depth
from lead.maps.compiled import CompiledMap
from lead.maps.layout import SignalKind
from lead.simulator.world.box_grid import BoxGrid
from lead.simulator.world.layout import LightState
from lead.simulator.world.traffic_lights import TrafficLightSystem
from lead.simulator.world.vehicles import VehicleFleet

_REACH_M = 7.0
_STOP_HINT_S = 2.0


class SignalZones:
    """Applies the effect boxes of all lights and signs to the vehicles standing in them.

    A vehicle overlapping a light's box heading its way has that light; one that enters a stop sign's box shows a red
    light for two seconds (CARLA's hint to its own autopilot); one that enters a speed-limit box takes over the limit.
    """

    def __init__(self, town: CompiledMap) -> None:
        boxes = town.signal_boxes
        self._center = np.stack([boxes["x"], boxes["y"]], axis=1)
        self._z = boxes["z"].astype(np.float64)
        self._yaw = boxes["yaw"].astype(np.float64)
        self._half = np.stack([boxes["ext_x"], boxes["ext_y"]], axis=1).astype(np.float64)
        self._half_z = boxes["ext_z"].astype(np.float64)
        owner = boxes["owner"]
        kinds = town.signals["kind"]
        self._kind = kinds[owner]
        self._value = town.signals["value"][owner]
        light_row = np.cumsum(kinds == SignalKind.TRAFFIC_LIGHT) - 1
        self._light_row = light_row[owner]
        self._grid = BoxGrid(self._center, np.hypot(self._half[:, 0], self._half[:, 1]), reach_m=_REACH_M)
        self._stop_until_s: dict[int, float] = {}
        self._inside: set[tuple[int, int]] = set()

    def step(self, fleet: VehicleFleet, lights: TrafficLightSystem, time_s: float) -> None:
        """Update light, stop hint and speed limit of every vehicle."""
        if not len(fleet):
            return
        vehicle, box = self._overlaps(fleet)
        self._apply_lights(fleet, lights, vehicle, box)
        self._apply_signs(fleet, vehicle, box, time_s)

    def _overlaps(self, fleet: VehicleFleet) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs (vehicle row, box) that overlap and point the same way, in row order."""
        col = fleet.column
        position, yaw = col("position"), col("yaw")
        vehicle, box = self._grid.query(position[:, :2])
        if not len(vehicle):
            return vehicle, box
        same_way = np.cos(yaw[vehicle] - self._yaw[box]) > 0.0
        level = np.abs(position[vehicle, 2] - self._z[box]) < self._half_z[box] + 2.0
        vehicle, box = vehicle[same_way & level], box[same_way & level]
        if not len(vehicle):
            return vehicle, box
        depth = box_overlap_depth(
            position[vehicle, :2],
            yaw[vehicle],
            col("half")[vehicle, :2],
            self._center[box],
            self._yaw[box],
            self._half[box],
        )
        inside = depth > 0.0
        return vehicle[inside], box[inside]

    def _apply_lights(
        self, fleet: VehicleFleet, lights: TrafficLightSystem, vehicle: NDArray[np.int64], box: NDArray[np.int64]
    ) -> None:
        records = fleet.table.records
        at_light = self._kind[box] == SignalKind.TRAFFIC_LIGHT
        rows, light = vehicle[at_light], self._light_row[box[at_light]]
        records["has_light"] = 0
        records["light_id"] = 0
        records["light_state"] = LightState.GREEN
        records["has_light"][rows] = 1
        records["light_id"][rows] = lights.table.records["id"][light]
        records["light_state"][rows] = lights.table.records["light"][light]

    def _apply_signs(
        self, fleet: VehicleFleet, vehicle: NDArray[np.int64], box: NDArray[np.int64], time_s: float
    ) -> None:
        records = fleet.table.records
        limit = self._kind[box] == SignalKind.SPEED_LIMIT
        records["speed_limit_kmh"][vehicle[limit]] = self._value[box[limit]]
        stop = self._kind[box] == SignalKind.STOP
        ids = records["id"][vehicle[stop]].tolist()
        now_inside = set(zip(ids, box[stop].tolist(), strict=True))
        for actor_id, _ in now_inside - self._inside:
            self._stop_until_s[actor_id] = time_s + _STOP_HINT_S
        self._inside = now_inside
        if self._stop_until_s:
            self._stop_until_s = {key: until for key, until in self._stop_until_s.items() if until > time_s}
            halted = np.isin(records["id"], list(self._stop_until_s)) & (records["has_light"] == 0)
            records["light_state"][halted] = LightState.RED
