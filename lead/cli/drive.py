"""``lead drive``: drive the routes of a file with an agent, score them and film them."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from types import FrameType

    from lead.evaluation.agent import AutonomousAgent
    from lead.evaluation.runner import DriveResult, DriveSettings
    from lead.routes.model import Route

EXIT_INFRASTRUCTURE = 1
EXIT_TERMINATED = 128 + signal.SIGTERM
DEFAULT_OUTPUT = Path("outputs/local_evaluation")


def command(  # noqa: PLR0913 (typer: one parameter per option)
    routes: Annotated[Path, typer.Option(help="Route XML file.")],
    agent: Annotated[str, typer.Option(help="Name of the driving agent.")] = "autopilot",
    route_id: Annotated[
        list[str] | None, typer.Option(help="Drive only the route with this id; may be repeated.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the simulator; one is started if none answers.", min=1)] = 2000,
    traffic_manager_port: Annotated[int, typer.Option(help="Port of CARLA's Traffic Manager.", min=1)] = 8000,
    traffic_manager_seed: Annotated[int, typer.Option(help="Seed of the background traffic.", min=0)] = 0,
    traffic: Annotated[int, typer.Option(help="Number of background vehicles.", min=0)] = 20,
    output_dir: Annotated[
        Path | None, typer.Option(help="Folder for results [default: outputs/local_evaluation/<file name>].")
    ] = None,
    video: Annotated[bool, typer.Option("--video/--no-video", help="Write a top-down video per route.")] = True,
    timeout: Annotated[
        float, typer.Option(help="Longest wait for an answer of the simulator, seconds.", min=1.0)
    ] = 180.0,
) -> None:
    """Drive routes and score them with the rules of CARLA leaderboard 2.0.

    Uses the CARLA server behind the port, or starts the embedded simulator and stops it afterwards.

    Example: lead drive --routes data/routes/demo.xml
    """
    # Imported here so that --help stays instant.
    from lead.evaluation.runner import DriveSettings
    from lead.routes.reader import read_routes, select_routes

    selected = read_routes(routes)
    if route_id:
        selected = select_routes(selected, route_id)
    settings = DriveSettings(
        name=routes.stem,
        output_dir=output_dir or DEFAULT_OUTPUT / routes.stem,
        agent_name=agent,
        agent_config=str(routes),
        traffic_count=traffic,
        video=video,
    )
    run_drive(selected, settings, port, traffic_manager_port, traffic_manager_seed, timeout)


def run_drive(
    routes: list[Route],
    settings: DriveSettings,
    port: int,
    traffic_manager_port: int,
    seed: int,
    timeout_s: float,
) -> None:
    """Drive routes with progress bars and print the scores; see :func:`command` for the arguments.

    Raises:
        typer.Exit: With code 1 if the simulator crashed.
        LeadError: If the routes cannot be driven at all.
    """
    from lead.agents.registry import create_agent
    from lead.cli.drive_display import DriveProgress, print_result
    from lead.evaluation.runner import drive_routes, simulator_for
    from lead.evaluation.world_setup import SimulationSession
    from lead.simulator.launch import LOOPBACK

    def make_agent() -> AutonomousAgent:
        return create_agent(settings.agent_name, LOOPBACK, port)

    def give_up(so_far: DriveResult | None = None) -> None:
        # The main thread is stuck inside the client, which would abort the process after its time-out.
        progress.close()
        if so_far is not None:
            print_result(so_far, len(routes))
        typer.echo(f"lead drive: the simulator on port {port} died", err=True)
        sys.stdout.flush()
        os._exit(EXIT_INFRASTRUCTURE)

    signal.signal(signal.SIGTERM, _exit_on_signal)
    make_agent()  # An unknown name must be reported before a simulator is started.
    towns = list(dict.fromkeys(route.town for route in routes))
    with DriveProgress() as progress:
        progress.announce(f"simulator on port {port}")
        with (
            simulator_for(port, towns, seed) as server,
            SimulationSession(port, traffic_manager_port, seed, timeout_s, server=server, on_death=give_up) as session,
        ):
            result = drive_routes(session, routes, make_agent, settings, [progress], give_up)
    print_result(result, len(routes))
    if result.simulator_crashed:
        raise typer.Exit(EXIT_INFRASTRUCTURE)


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    """Leave through all ``finally`` blocks, so that nothing keeps running."""
    sys.exit(EXIT_TERMINATED)
