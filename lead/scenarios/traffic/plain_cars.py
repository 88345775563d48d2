"""Traffic Manager cars at the spawn points near a route, without rules for where they appear and what they do.

Used by drives without scenarios and, as :mod:`lead.scenarios.traffic.plain`, by the scenario engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from lead.routes.planner import DenseRoute
from lead.scenarios.traffic.settings import BACKGROUND_ROLE

EGO_GAP_M = 12.0
"""No car appears closer to the start of the route."""


def spawn_cars(
    client: carla.Client,
    world: carla.World,
    places: Sequence[carla.Transform],
    traffic_manager_port: int,
    excluded: str,
    choose: Callable[[Sequence[Any]], Any],
) -> list[int]:
    """Spawn cars of the Traffic Manager.

    Args:
        client: The client, for one batch.
        world: The world; the caller ticks it.
        places: Where; occupied places are left out.
        traffic_manager_port: Port of the Traffic Manager.
        excluded: Blueprint that is not taken, the ego's.
        choose: Draws one of several.

    Returns:
        Ids of the cars that were spawned.
    """
    library = sorted(world.get_blueprint_library().filter("vehicle.*"), key=lambda blueprint: str(blueprint.id))
    blueprints = [blueprint for blueprint in library if blueprint.id != excluded and _is_car(blueprint)]
    commands = []
    for pose in places:
        blueprint = choose(blueprints)
        blueprint.set_attribute("role_name", BACKGROUND_ROLE)
        if blueprint.has_attribute("color"):
            colors = blueprint.get_attribute("color").recommended_values
            if colors:
                blueprint.set_attribute("color", choose(colors))
        drive = carla.command.SetAutopilot(carla.command.FutureActor, True, traffic_manager_port)
        commands.append(carla.command.SpawnActor(blueprint, pose).then(drive))
    # Ticking inside apply_batch_sync can dead-lock the client while sensors listen; the caller ticks.
    responses = client.apply_batch_sync(commands, False)
    return [int(response.actor_id) for response in responses if not response.error]


def places_near(carla_map: carla.Map, route: DenseRoute) -> list[carla.Transform]:
    """Return the map's spawn points, nearest to the route first, without those close to the start."""
    poses = carla_map.get_spawn_points()
    places: NDArray[np.float64] = np.array([[p.location.x, p.location.y] for p in poses], dtype=np.float64).reshape(
        -1, 2
    )
    samples = route.xyz[::10, :2]
    to_route_m = np.array([np.min(np.hypot(*(samples - place).T)) for place in places])
    to_ego_m = np.hypot(*(places - route.xyz[0, :2]).T)
    order = np.argsort(to_route_m, kind="stable")
    return [poses[index] for index in order if to_ego_m[index] > EGO_GAP_M]


def _is_car(blueprint: carla.ActorBlueprint) -> bool:
    """Tell whether a blueprint is an ordinary car."""
    if blueprint.has_attribute("special_type") and blueprint.get_attribute("special_type") == "emergency":
        return False
    if blueprint.has_attribute("base_type"):
        return bool(blueprint.get_attribute("base_type") == "car")
    return int(blueprint.get_attribute("number_of_wheels")) == 4
