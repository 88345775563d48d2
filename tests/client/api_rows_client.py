"""Rows of the API table: carla.Client."""

from __future__ import annotations

import time
from pathlib import Path

import carla
import pytest
from api_table import Bench, as_carla, client_version, differs, refused
from client_support import HOST, free_port

RECORDING = "lead_api_table.log"
CARS = "a"


@as_carla("Client.apply_batch", note="sent without waiting for an answer")
def batch_without_answer(bench: Bench) -> None:
    bench.client.apply_batch([carla.command.ApplyVehicleControl(bench.car, carla.VehicleControl(throttle=0.5))])
    bench.tick(2)
    assert bench.car.get_control().throttle == 0.5


@as_carla(
    "Client.apply_batch_sync",
    note="with `do_tick=True` the client keeps the GIL while it waits, with CARLA too: an `on_tick` callback or many"
    " listening sensors then block it; tick the world instead",
)
def batch_with_answer(bench: Bench) -> None:
    commands = [carla.command.DestroyActor(4_000_000), carla.command.SetEnableGravity(bench.car, True)]
    bad, good = bench.client.apply_batch_sync(commands, False)
    assert bad.has_error() and bad.error == "unable to destroy actor: not found"
    assert not good.has_error() and good.actor_id == bench.car.id


@differs(
    "Client.generate_opendrive_world",
    how="of the parameters none is used: no walls or kerbs are made, the road is as smooth as the file says",
)
def world_from_opendrive(bench: Bench) -> None:
    parameters = carla.OpendriveGenerationParameters(wall_height=0.0)
    world = bench.client.generate_opendrive_world(bench.stage.map.to_opendrive(), parameters, False)
    assert world.get_map().name == "Carla/Maps/OpenDriveMap"
    assert len(world.get_map().get_topology()) > 100
    with pytest.raises(RuntimeError, match="OpenDRIVE"):
        bench.client.generate_opendrive_world("<xml/>")
    bench.stage.prepare("Town01")


@differs("Client.get_available_maps", how="the installed towns; `_Opt` names are not listed, but can be loaded")
def available_maps(bench: Bench) -> None:
    assert "/Game/Carla/Maps/Town01" in bench.client.get_available_maps()


@as_carla("Client.get_client_version")
@as_carla("Client.get_server_version", note="the one that `lead sim --carla-version` names")
def versions(bench: Bench) -> None:
    assert bench.client.get_client_version() == client_version()
    assert bench.client.get_server_version() == client_version()


@differs("Client.get_required_files", how="an empty list: clients get everything by other calls")
def required_files(bench: Bench) -> None:
    assert bench.client.get_required_files("", False) == []
    assert bench.client.get_required_files("Nav") == []


@refused("Client.request_file", why="`RuntimeError`: no file is offered")
def file_request(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match=r"no such file: Carla/Maps/Nav/Town01\.bin"):
        bench.client.request_file("Carla/Maps/Nav/Town01.bin")


@as_carla("Client.set_files_base_folder", note="in the client")
def files_folder(bench: Bench) -> None:
    assert bench.client.set_files_base_folder(str(Path.home())) is True


@as_carla("Client.get_world", "Client.load_world_if_different")
def current_world(bench: Bench) -> None:
    before = bench.client.get_world().id
    bench.client.load_world_if_different("Town01")
    assert bench.client.get_world().id == before


@as_carla("Client.reload_world")
def reloaded_world(bench: Bench) -> None:
    before = bench.world.id
    assert bench.car.is_alive
    world = bench.client.reload_world(False)
    assert world.id != before
    assert world.get_map().name == "Carla/Maps/Town01"
    assert world.get_settings().synchronous_mode
    assert not world.get_actors().filter("vehicle.*")
    bench.stage.world = world


@differs(
    "Client.load_world",
    how="`map_layers` has no effect; a name with `_Opt` loads the same town as one without, under the plain name",
)
def loaded_world(bench: Bench) -> None:
    before = bench.world.id
    world = bench.client.load_world("Town01_Opt", False, carla.MapLayer.NONE)
    assert world.id != before
    assert world.get_map().name == "Carla/Maps/Town01"
    with pytest.raises(RuntimeError, match="unknown town 'Town99'"):
        bench.client.load_world("Town99")
    bench.stage.world = world


@as_carla("Client.set_timeout", note="in the client")
def timeout(bench: Bench) -> None:
    nobody = carla.Client(HOST, free_port())
    nobody.set_timeout(0.2)
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="time-out of 200ms"):
        nobody.get_server_version()
    assert time.monotonic() - started < 5.0


def recording(bench: Bench) -> Path:
    """A short recording of a car that stands; its path is in the answer."""
    assert bench.car.is_alive
    answer = bench.client.start_recorder(RECORDING)
    bench.tick(10)
    bench.client.stop_recorder()
    return Path(answer.split(": ", 1)[1])


@differs(
    "Client.start_recorder",
    how="an own file format, in one folder: recorder.md",
)
@as_carla("Client.stop_recorder")
def recorder(bench: Bench) -> None:
    answer = bench.client.start_recorder(RECORDING, True)
    assert answer.endswith(RECORDING)
    bench.tick(3)
    bench.client.stop_recorder()
    bench.tick()
    Path(answer.split(": ", 1)[1]).unlink()


@differs(
    "Client.show_recorder_file_info",
    "Client.show_recorder_collisions",
    "Client.show_recorder_actors_blocked",
    how="of recordings made by this simulator",
)
def recorder_queries(bench: Bench) -> None:
    path = recording(bench)
    assert "Town01" in bench.client.show_recorder_file_info(RECORDING, False)
    assert isinstance(bench.client.show_recorder_collisions(RECORDING, CARS, CARS), str)
    assert isinstance(bench.client.show_recorder_actors_blocked(RECORDING, 0.1, 100.0), str)
    path.unlink()


@differs("Client.replay_file", how="of recordings made by this simulator")
@as_carla("Client.stop_replayer")
def replay(bench: Bench) -> None:
    path = recording(bench)
    assert isinstance(bench.client.replay_file(RECORDING, 0.0, 0.0, 0, False), str)
    bench.tick(3)
    bench.client.stop_replayer(False)
    bench.tick()
    path.unlink()


@as_carla("Client.set_replayer_time_factor", "Client.set_replayer_ignore_hero", "Client.set_replayer_ignore_spectator")
def replayer_settings(bench: Bench) -> None:
    assert bench.client.set_replayer_time_factor(1.0) is None
    assert bench.client.set_replayer_ignore_hero(False) is None
    assert bench.client.set_replayer_ignore_spectator(True) is None
    bench.tick()
