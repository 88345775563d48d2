"""``lead demo``: one short drive through a CARLA town that shows the whole loop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lead.errors import LeadError

DEMO_ROUTE = Path(__file__).resolve().parents[2] / "data/routes/demo.xml"
DEFAULT_PORT, DEFAULT_TRAFFIC_MANAGER_PORT = 2000, 8000
TIMEOUT_S = 60.0


def command(
    traffic: Annotated[int, typer.Option(help="Number of background vehicles.", min=0)] = 40,
    seed: Annotated[int, typer.Option(help="Seed of the background traffic.", min=0)] = 0,
    output_dir: Annotated[Path, typer.Option(help="Folder for results.")] = Path("outputs/demo"),
    video: Annotated[bool, typer.Option("--video/--no-video", help="Write a top-down video.")] = True,
) -> None:
    """Drive a route of our own in Town10HD and print its score and its video.

    Starts an embedded simulator on a free port; installs the town's map first if it is missing.

    Example: lead demo --traffic 60
    """
    # Imported here so that --help stays instant.
    from lead.cli.drive import Drive, run_drive
    from lead.evaluation.simulators import SimulatorChoice, SimulatorKind
    from lead.evaluation.supervisor import DriveSettings
    from lead.evaluation.tasks import make_tasks
    from lead.maps.towns import install_towns, installed_towns
    from lead.routes.reader import read_routes
    from lead.scoring.profiles import profile

    if not DEMO_ROUTE.is_file():
        raise LeadError(f"the demo route {DEMO_ROUTE} is missing; run the demo from a clone of the repository")
    routes = read_routes(DEMO_ROUTE)
    missing = [route.town for route in routes if route.town not in installed_towns()]
    if missing:
        typer.echo(f"installing {', '.join(missing)}", err=True)
        install_towns(missing)
    settings = DriveSettings(
        agent="autopilot",
        agent_config="",
        profile=profile("leaderboard"),
        folder=output_dir,
        traffic=traffic,
        timeout_s=TIMEOUT_S,
        topdown_video=video,
        single=True,
        name=DEMO_ROUTE.stem,
    )
    simulator = SimulatorChoice(SimulatorKind.EMBEDDED, _free_or(DEFAULT_PORT, span=2), seed)
    tasks = make_tasks([(DEMO_ROUTE, routes)], 1, seed)
    run_drive(Drive(tasks, settings, simulator, _free_or(DEFAULT_TRAFFIC_MANAGER_PORT, span=1)))


def _free_or(preferred: int, span: int) -> int:
    """Return the preferred port if it and its successors are free, else some free port."""
    from lead.simulator.launch import LaunchError, free_port, require_free_port

    try:
        for port in range(preferred, preferred + span):
            require_free_port(port, "port")
    except LaunchError:
        return free_port(span)
    return preferred
