"""Remote calls about traffic lights and the level's lamps."""

from __future__ import annotations

import numpy as np

from lead.simulator.protocol.actor_calls import live_actor
from lead.simulator.protocol.calls import value_call, void_call
from lead.simulator.protocol.session import Session
from lead.simulator.protocol.structs import bounding_box
from lead.simulator.protocol.wire import array, finite, flag, floats, integer, vector
from lead.simulator.scenery.signals import HOUSING_HALF_M
from lead.simulator.world.actors import Actor, ActorKind, WorldError
from lead.simulator.world.lamps import Lamp
from lead.simulator.world.layout import LightState

_HOUSING_HEIGHT_M = 5.0


def live_light(session: Session, actor_id: object) -> Actor:
    """The traffic light a client names.

    Raises:
        WorldError: If there is no such actor or it is not a light.
    """
    actor = live_actor(session, actor_id)
    if actor.kind != ActorKind.TRAFFIC_LIGHT:
        raise WorldError(f"actor {actor.id} is not a traffic light")
    return actor


@void_call("set_traffic_light_state")
def set_traffic_light_state(session: Session, actor_id: object, state: object) -> None:
    """Show a colour until the group's next transition."""
    session.world.lights.set_state(live_light(session, actor_id), LightState(integer(state)))


@void_call("set_traffic_light_green_time")
def set_traffic_light_green_time(session: Session, actor_id: object, seconds: object) -> None:
    """Green time of the light's controller."""
    session.world.lights.set_time(live_light(session, actor_id), 0, finite(seconds))


@void_call("set_traffic_light_yellow_time")
def set_traffic_light_yellow_time(session: Session, actor_id: object, seconds: object) -> None:
    """Yellow time of the light's controller."""
    session.world.lights.set_time(live_light(session, actor_id), 1, finite(seconds))


@void_call("set_traffic_light_red_time")
def set_traffic_light_red_time(session: Session, actor_id: object, seconds: object) -> None:
    """All-red gap after the light's controller."""
    session.world.lights.set_time(live_light(session, actor_id), 2, finite(seconds))


@void_call("freeze_traffic_light")
def freeze_traffic_light(session: Session, actor_id: object, frozen: object) -> None:
    """Stop or release the light's group."""
    session.world.lights.freeze(live_light(session, actor_id), flag(frozen))


@void_call("freeze_all_traffic_lights")
def freeze_all_traffic_lights(session: Session, frozen: object) -> None:
    """Stop or release all groups."""
    session.world.lights.freeze_all(flag(frozen))


@void_call("reset_traffic_light_group")
def reset_traffic_light_group(session: Session, actor_id: object) -> None:
    """Restart the light's group."""
    session.world.lights.reset_group(live_light(session, actor_id))


@void_call("reset_all_traffic_lights")
def reset_all_traffic_lights(session: Session) -> None:
    """Restart all groups."""
    session.world.lights.reset_all()


@value_call("get_group_traffic_lights")
def get_group_traffic_lights(session: Session, actor_id: object) -> list[int]:
    """Ids of the lights in the same group."""
    return session.world.lights.group_ids(live_light(session, actor_id))


@value_call("get_light_boxes")
def get_light_boxes(session: Session, actor_id: object) -> list[object]:
    """Box of the light's housing, world frame."""
    actor = live_light(session, actor_id)
    assert actor.table is not None
    record = actor.table.records[actor.row]
    center = np.array(record["location"], np.float64)
    ground = session.world.ground.query(center[None])
    center[2] = float(ground.z[0]) + _HOUSING_HEIGHT_M
    return [bounding_box(session.version, center.tolist(), HOUSING_HALF_M, record["rotation_deg"], actor.id)]


@value_call("query_lights_state")
def query_lights_state(session: Session, endpoint: object) -> list[object]:
    """All street lamps; the wire puts the id first."""
    return [
        [lamp.id, floats(lamp.location), lamp.intensity, lamp.group, list(lamp.color), lamp.active]
        for lamp in session.world.lamps.lamps
    ]


@void_call("update_lights_state")
def update_lights_state(session: Session, endpoint: object, lights: object, discard_client: object = False) -> None:
    """Switch, tint or dim street lamps."""
    session.world.lamps.update([_parse_lamp(row) for row in array(lights)])


def _parse_lamp(row: object) -> Lamp:
    lamp_id, location, intensity, group, color, active = array(row, 6)[:6]
    red, green, blue = (min(max(integer(part), 0), 255) for part in array(color, 3)[:3])
    x, y, z = vector(location).tolist()
    return Lamp(integer(lamp_id), (x, y, z), finite(intensity), integer(group), (red, green, blue), flag(active))


@void_call("update_day_night_cycle")
def update_day_night_cycle(session: Session, endpoint: object, active: object) -> None:
    """Let the sun switch the lamps, or leave them to the client."""
    session.world.lamps.set_cycle(flag(active))
