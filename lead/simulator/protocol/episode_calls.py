"""Remote calls about the episode: version, map, settings, weather, ticking, Traffic Manager registry."""

from __future__ import annotations

from collections.abc import Sequence

from lead.errors import LeadError
from lead.simulator.protocol.calls import value_call, void_call
from lead.simulator.protocol.session import OPENDRIVE_MAP, Session
from lead.simulator.protocol.structs import map_path, parse_settings, settings_struct
from lead.simulator.protocol.wire import WORLD_STREAM_ID, array, finite, flag, integer, text, transform_row
from lead.simulator.world.actors import WorldError
from lead.simulator.world.dynamics import GRAVITY_MPS2
from lead.simulator.world.settings import EpisodeSettings
from lead.simulator.world.weather import WeatherParameters


@value_call("version")
def version(session: Session) -> str:
    """Version text the client compares with its own."""
    return session.version


@value_call("get_episode_info")
def get_episode_info(session: Session) -> list[object]:
    """Episode id and the token of the snapshot stream."""
    return [session.world.episode_id, session.token(WORLD_STREAM_ID)]


@value_call("get_map_info")
def get_map_info(session: Session) -> list[object]:
    """Map name and recommended spawn points."""
    town = session.world.town
    return [map_path(town.name), [transform_row(row[:3], row[3:]) for row in town.spawn_points.tolist()]]


@value_call("get_map_data")
def get_map_data(session: Session) -> str:
    """OpenDRIVE text."""
    return session.world.town.opendrive


@value_call("get_navigation_mesh")
def get_navigation_mesh(session: Session) -> bytes:
    """No navigation mesh: walkers are driven by WalkerControl."""
    return b""


@value_call("get_required_files")
def get_required_files(session: Session, folder: str = "") -> list[str]:
    """No files beyond what the other calls answer."""
    return []


@value_call("request_file")
def request_file(session: Session, name: str) -> bytes:
    """Nothing is listed, so nothing can be asked for."""
    raise WorldError(f"no such file: {text(name)}")


@value_call("get_available_maps")
def get_available_maps(session: Session) -> list[str]:
    """Installed towns under CARLA's paths."""
    return [f"/Game/{map_path(name)}" for name in session.available_towns()]


@void_call("load_new_episode")
def load_new_episode(session: Session, name: object, reset_settings: object = True, layers: object = 65535) -> None:
    """Change the map, or restart it if no name is given; actors vanish, settings return to their defaults if asked."""
    wanted = text(name)
    try:
        if not wanted:
            town = session.world.town
        elif wanted.split("/")[-1] == OPENDRIVE_MAP:
            if session.uploaded_opendrive is None:
                raise WorldError("no OpenDRIVE was sent before loading OpenDriveMap")
            town = session.compile_opendrive(OPENDRIVE_MAP, session.uploaded_opendrive)
        else:
            town = session.load_town(wanted)
    except LeadError as error:
        raise WorldError(str(error)) from None
    if flag(reset_settings):
        session.world.settings = EpisodeSettings()
    session.load(town)


@void_call("copy_opendrive_to_file")
def copy_opendrive_to_file(session: Session, opendrive: object, parameters: object = None) -> None:
    """Keep the OpenDRIVE text for the load that follows; it is compiled now, so that bad text fails here."""
    candidate = text(opendrive)
    try:
        session.compile_opendrive(OPENDRIVE_MAP, candidate)
    except LeadError as error:
        raise WorldError(str(error)) from None
    session.uploaded_opendrive = candidate


@void_call("load_map_layer")
def load_map_layer(session: Session, layer: object) -> None:
    """Accepted; level layers have no effect on the road world."""
    integer(layer)


@void_call("unload_map_layer")
def unload_map_layer(session: Session, layer: object) -> None:
    """Accepted; level layers have no effect on the road world."""
    integer(layer)


@value_call("get_actor_definitions")
def get_actor_definitions(session: Session) -> Sequence[object]:
    """The blueprint library."""
    return session.world.library.definitions()


@value_call("get_spectator")
def get_spectator(session: Session) -> list[object]:
    """The spectator actor."""
    return session.actor_struct(session.world.spectator)


@value_call("get_episode_settings")
def get_episode_settings(session: Session) -> list[object]:
    """Current settings."""
    return settings_struct(session.world.settings)


@value_call("set_episode_settings")
def set_episode_settings(session: Session, settings: object) -> int:
    """Replace the settings; returns the current frame."""
    session.world.settings = parse_settings(array(settings, 11))
    return session.world.frame


@value_call("get_weather_parameters")
def get_weather_parameters(session: Session) -> list[float]:
    """The 14 weather fields in wire order."""
    return session.world.weather.to_wire()


@void_call("set_weather_parameters")
def set_weather_parameters(session: Session, weather: object) -> None:
    """Replace the weather."""
    session.world.weather = WeatherParameters.from_wire([finite(value) for value in array(weather, 14)])


@value_call("get_imui_gravity")
def get_imui_gravity(session: Session) -> float:
    """Gravity that accelerometers measure, m/s²."""
    return session.world.imu_gravity_mps2


@void_call("set_imui_gravity")
def set_imui_gravity(session: Session, gravity: object) -> None:
    """Change the gravity that accelerometers measure, m/s²; the bodies fall as before."""
    session.world.imu_gravity_mps2 = finite(gravity, GRAVITY_MPS2)


@value_call("tick_cue")
def tick_cue(session: Session) -> int:
    """Synchronous: simulate one frame, push its packets, return its number. Otherwise: the current frame."""
    if session.world.settings.synchronous:
        return session.tick()
    return session.world.frame


@value_call("is_traffic_manager_running")
def is_traffic_manager_running(session: Session, port: object) -> bool:
    """Whether some client process hosts a Traffic Manager under this port."""
    return integer(port) in session.traffic_managers


@value_call("get_traffic_manager_running")
def get_traffic_manager_running(session: Session, port: object) -> list[object]:
    """Host and port of a registered Traffic Manager."""
    return list(session.traffic_managers.get(integer(port), ("", 0)))


@value_call("add_traffic_manager_running")
def add_traffic_manager_running(session: Session, address: object) -> bool:
    """Register a Traffic Manager; false if the port is taken."""
    host, port = array(address, 2)[:2]
    if integer(port) in session.traffic_managers:
        return False
    session.traffic_managers[integer(port)] = (text(host), integer(port))
    return True


@value_call("destroy_traffic_manager")
def destroy_traffic_manager(session: Session, port: object) -> bool:
    """Forget a registered Traffic Manager."""
    return session.traffic_managers.pop(integer(port), None) is not None


@value_call("get_sensor_token")
def get_sensor_token(session: Session, stream_id: object) -> list[bytes]:
    """Token of a stream; asked before every subscription, which therefore is to be expected."""
    session.streams.announce(integer(stream_id))
    return session.token(integer(stream_id))


@value_call("get_names_of_all_objects")
def get_names_of_all_objects(session: Session) -> list[str]:
    """Names of the level's objects."""
    scene = session.world.scene
    return [scene.name(session.world.town.name, row) for row in range(len(scene.boxes))]
