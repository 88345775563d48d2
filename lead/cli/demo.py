"""``lead demo``: the policy of this repository, or the expert, on two routes of towns that it was not trained on."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lead.errors import LeadError

if TYPE_CHECKING:
    from lead.cli.agent_choice import AgentChoice

ROOT = Path(__file__).resolve().parents[2]
DEMO_ROUTES = ROOT / "data/routes/demo_policy.xml"
POLICY = ROOT / "data/checkpoints/tfv6_compact"
DEFAULT_PORT, DEFAULT_TRAFFIC_MANAGER_PORT = 2000, 8000


def command(
    expert: Annotated[bool, typer.Option("--expert", help="Let the rule-based expert drive instead.")] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Another policy [default: data/checkpoints/tfv6_compact].", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of traffic and sensors.", min=0)] = 0,
    output_dir: Annotated[Path, typer.Option(help="Folder for results.")] = Path("outputs/demo"),
    video: Annotated[bool, typer.Option("--video/--no-video", help="Write a video of each route.")] = True,
) -> None:
    """Drive two routes in towns that the policy has never seen; print scores and infractions, write videos.

    Starts an embedded simulator on a free port; installs the towns' maps first if they are missing. On a machine
    without a GPU everything runs on the CPU.

    \b
    Examples:
      lead demo
      lead demo --expert
    """
    # Imported here so that --help stays instant.
    from lead.cli.agent_choice import AgentChoice
    from lead.cli.drive import Drive, memory_bytes, run_drive
    from lead.evaluation.simulators import SimulatorChoice, SimulatorKind
    from lead.evaluation.supervisor import DriveSettings
    from lead.evaluation.tasks import make_tasks
    from lead.maps.towns import install_towns, installed_towns
    from lead.routes.reader import read_routes
    from lead.scoring.profiles import profile

    if not DEMO_ROUTES.is_file():
        raise LeadError(f"the demo's routes, {DEMO_ROUTES}, are missing; run the demo from a clone of the repository")
    if expert and checkpoint is not None:
        raise LeadError("--expert and --checkpoint exclude each other: give one driver")
    driver = AgentChoice("expert", str(DEMO_ROUTES), is_expert=True) if expert else _policy(checkpoint)
    routes = read_routes(DEMO_ROUTES)
    missing = sorted({route.town for route in routes} - set(installed_towns()))
    if missing:
        typer.echo(f"installing {', '.join(missing)}", err=True)
        install_towns(missing)
    settings = DriveSettings(
        agent=driver.name,
        agent_config=driver.config,
        profile=profile("leaderboard"),
        folder=output_dir / ("expert" if expert else "policy"),
        memory_bytes=memory_bytes(None),
        topdown_video=video,
        name=DEMO_ROUTES.stem,
    )
    simulator = SimulatorChoice(SimulatorKind.EMBEDDED, _free_or(DEFAULT_PORT, span=2), seed)
    tasks = make_tasks([(DEMO_ROUTES, routes)], 1, seed)
    run_drive(Drive(tasks, settings, simulator, _free_or(DEFAULT_TRAFFIC_MANAGER_PORT, span=1)))


def _policy(checkpoint: Path | None) -> AgentChoice:
    """Return the policy as an agent.

    Raises:
        LeadError: If it is missing or cannot drive, or PyTorch is missing.
    """
    from lead.cli.agent_choice import SENSOR_AGENT, AgentChoice, choose_model

    folder = POLICY if checkpoint is None else checkpoint
    if not folder.is_dir():
        raise LeadError(
            f"there is no policy {folder}: train one (docs/train-your-own.md), name another one with --checkpoint, or "
            "let the expert drive with --expert"
        )
    if importlib.util.find_spec("torch") is None:
        raise LeadError(
            "the policy needs PyTorch, which is not installed: run pip install -e '.[models]' in the project, or let "
            "the expert drive with --expert"
        )
    choice = AgentChoice(SENSOR_AGENT, str(folder), has_model=True)
    return choose_model(choice, seeds=None, max_models=None, device=None, fit_memory=False)


def _free_or(preferred: int, span: int) -> int:
    """Return the preferred port if it and its successors are free, else some free port."""
    from lead.simulator.launch import LaunchError, free_port, require_free_port

    try:
        for port in range(preferred, preferred + span):
            require_free_port(port, "port")
    except LaunchError:
        return free_port(span)
    return preferred
