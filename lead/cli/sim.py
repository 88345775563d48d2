"""``lead sim``: the embedded simulator as a process of its own."""

from __future__ import annotations

import gc
import logging
import os
from importlib import metadata
from typing import Annotated

import typer

from lead.errors import LeadError

_DEFAULT_TOWN = "Town10HD"


def command(  # noqa: PLR0913 (typer: one parameter per option)
    port: Annotated[int, typer.Option(help="RPC port; streams use the next one.", min=1, max=65534)] = 2000,
    town: Annotated[str, typer.Option(help="Installed town or OpenDRIVE file (.xodr, .xodr.gz).")] = _DEFAULT_TOWN,
    carla_version: Annotated[
        str | None,
        typer.Option(help="CARLA version to speak: 0.9.15 or 0.9.16 [default: the installed client's]."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sensor noise.")] = 0,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 opens the server to the network.")
    ] = "127.0.0.1",
    render_backend: Annotated[
        str | None, typer.Option(help="What renders sensors: auto, cuda, embree or cpu [default: auto].")
    ] = None,
    render_threads: Annotated[
        int | None, typer.Option(help="Threads that render on the CPU [default: one per core, 8 at most].", min=1)
    ] = None,
    antialias: Annotated[
        bool | None, typer.Option("--antialias/--no-antialias", help="Smooth edges [default: on a GPU only].")
    ] = None,
    synchronous: Annotated[
        bool, typer.Option("--synchronous", help="Let no time pass before a client ticks: runs repeat exactly.")
    ] = False,
    fail2drive_assets: Annotated[
        bool, typer.Option("--fail2drive-assets", help="Offer Fail2Drive's animals and plates as well.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what clients do wrong.")] = False,
) -> None:
    """Serve a town to CARLA clients until interrupted.

    \b
    Examples:
      lead sim --town Town10HD --port 2000
      lead sim --town Town13 --render-backend embree --antialias
    """
    # The simulator's matrices are small: threads of the linear algebra library would only spin beside it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Imported here so that --help stays instant.
    import uvloop

    from lead.simulator.rendering.options import RenderOptions
    from lead.simulator.rendering.warmup import compile_kernels, kernels_are_compiled
    from lead.simulator.server import SimulatorServer, load_town, serve
    from lead.simulator.world.settings import EpisodeSettings
    from lead.simulator.world.world import DEFAULT_STEP_S, World

    logging.getLogger("lead").setLevel(logging.DEBUG if verbose else logging.WARNING)
    version = _checked_version(carla_version or _installed_version())
    usual = RenderOptions.from_environment()
    options = RenderOptions(render_backend or usual.backend, render_threads or usual.threads, antialias)
    settings = EpisodeSettings(synchronous=synchronous, fixed_delta_s=DEFAULT_STEP_S if synchronous else None)
    world = World(
        load_town(town),
        version=version,
        seed=seed,
        settings=settings,
        render_options=options,
        fail2drive_assets=fail2drive_assets,
    )
    if not kernels_are_compiled(options):
        typer.echo("compiling the rendering kernels; this happens once and takes a few seconds")
        compile_kernels(options)
    server = SimulatorServer(world, host=host, port=port)
    # The map and the blueprints live as long as the process: keep the collector from walking them every time.
    gc.collect()
    gc.freeze()

    def announce() -> None:
        typer.echo(f"listening on {host}:{port} and {port + 1} (CARLA {version} protocol, {world.town.name})")

    uvloop.run(serve(server, announce))


def _installed_version() -> str:
    try:
        return metadata.version("carla")
    except metadata.PackageNotFoundError:
        raise LeadError("no CARLA client is installed; name the version to speak with --carla-version") from None


def _checked_version(version: str) -> str:
    from lead.simulator.world.blueprints import VERSIONS

    if version not in VERSIONS:
        raise LeadError(f"CARLA {version} is not supported; --carla-version takes {' or '.join(VERSIONS)}")
    return version
