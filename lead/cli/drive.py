"""``lead drive``: drive the routes of a file with an agent, score them and film them, whatever breaks on the way."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lead.cli import drive_options as options

if TYPE_CHECKING:
    from types import FrameType

    from lead.evaluation.result_store import ResultStore
    from lead.evaluation.simulators import SimulatorChoice
    from lead.evaluation.supervisor import DriveSettings
    from lead.evaluation.tasks import RouteTask
    from lead.scoring.profiles import BenchmarkProfile

EXIT_INFRASTRUCTURE, EXIT_AGENT = 1, 3
EXIT_TERMINATED = 128 + signal.SIGTERM
MODEL_OUTPUT, EXPERT_OUTPUT = Path("outputs/local_evaluation"), Path("outputs/expert_evaluation")
DEFAULT_MEMORY_SHARE = 0.9


def command(  # noqa: PLR0913 (typer: one parameter per option)
    routes: Annotated[Path, typer.Option(help="Route XML file.")],
    overrides: options.Overrides = None,
    checkpoint: options.Checkpoint = None,
    seeds: options.Seeds = None,
    max_models: options.MaxModels = None,
    device: options.Device = None,
    fit_memory: options.FitMemory = False,
    expert: options.Expert = False,
    carl: options.Carl = False,
    plant: options.Plant = False,
    record: Annotated[
        bool, typer.Option("--record/--no-record", help="Whether the expert records a data set in the output folder.")
    ] = True,
    py123d: Annotated[bool, typer.Option("--py123d", help="The expert writes 123D logs.")] = False,
    agent: options.Agent = None,
    agent_config: options.AgentConfig = None,
    bench2drive: Annotated[bool, typer.Option("--bench2drive", help="Rules of Bench2Drive.")] = False,
    fail2drive: Annotated[bool, typer.Option("--fail2drive", help="Rules of Fail2Drive.")] = False,
    profile: Annotated[
        str | None,
        typer.Option(help="Rules by name: leaderboard, leaderboard-2.1, bench2drive-0.0.3, longest6, town13 ..."),
    ] = None,
    route_id: Annotated[
        list[str] | None, typer.Option(help="Drive only the route with this id; may be repeated.")
    ] = None,
    simulator: Annotated[
        str, typer.Option(help="auto (server on the port, else CARLA_ROOT, else embedded), embedded or carla.")
    ] = "auto",
    harness: Annotated[str, typer.Option(help="builtin, or official: CARLA's own leaderboard.")] = "builtin",
    port: Annotated[int, typer.Option(help="Port of the simulator; one is started if none answers.", min=1)] = 2000,
    traffic_manager_port: Annotated[int, typer.Option(help="Port of CARLA's Traffic Manager.", min=1)] = 8000,
    traffic_manager_seed: Annotated[int, typer.Option(help="Seed of traffic, sensors and weather.", min=0)] = 0,
    traffic: options.Traffic = None,
    scenarios: options.Scenarios = True,
    repetitions: options.Repetitions = 1,
    timeout: options.Timeout = 180.0,
    retries: options.Retries = 2,
    memory_limit: options.MemoryLimit = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep finished routes of the output folder.")] = False,
    debug: Annotated[int, typer.Option(help="Above 0: show the agent's output.", min=0)] = 0,
    gpu: Annotated[int, typer.Option(help="GPU of the agent's model and of the simulator.", min=0)] = 0,
    output_dir: Annotated[
        Path | None, typer.Option(help="Folder for results [default: outputs/local_evaluation/<file name>].")
    ] = None,
    video: options.Video = True,
) -> None:
    """Drive routes and score them with the rules of their benchmark.

    Every route runs in processes of its own; broken drives are repeated, results are written after every route.
    Exit codes: 0 every route was driven, 1 something could not be driven, 3 the agent crashed or was not accepted.

    \b
    Examples:
      lead drive --routes data/routes/demo.xml
      lead drive --agent my_agent.py --routes data/benchmark_routes/bench2drive/1711.xml --bench2drive
      lead drive --expert --routes data/routes/demo.xml
      lead drive --checkpoint outputs/checkpoints/tfv6_resnet34 --seeds 0,2 --routes data/routes/demo.xml
      lead drive --routes data/routes/demo.xml produce_demo_video=true custom_weather=ClearSunset
    """
    # Imported here so that --help stays instant.
    from lead.cli.agent_choice import choose_agent, choose_model, choose_profile
    from lead.evaluation.supervisor import DriveSettings
    from lead.evaluation.tasks import make_tasks
    from lead.routes.catalogue import route_stem
    from lead.routes.reader import read_routes, select_routes

    choice = choose_agent(
        checkpoint,
        expert=expert,
        carl=carl,
        plant=plant,
        py123d=py123d,
        agent=agent,
        agent_config=agent_config,
        routes=routes,
    )
    choice = choose_model(choice, seeds=seeds, max_models=max_models, device=device, fit_memory=fit_memory)
    selected = read_routes(routes)
    if route_id:
        selected = select_routes(selected, route_id)
    rules = choose_profile(selected, profile, bench2drive=bench2drive, fail2drive=fail2drive)
    tasks = make_tasks([(routes, selected)], repetitions, traffic_manager_seed)
    stem = route_stem(routes)
    settings = DriveSettings(
        agent=choice.name,
        agent_config=choice.config,
        profile=rules,
        folder=output_dir or (EXPERT_OUTPUT if choice.is_expert else MODEL_OUTPUT / stem),
        traffic=traffic,
        scenarios=scenarios,
        timeout_s=timeout,
        retries=retries,
        memory_bytes=memory_bytes(memory_limit),
        topdown_video=video,
        closed_loop=tuple(overrides or ()),
        debug=debug,
        gpu=gpu if choice.has_model and device is None else None,
        single=len(tasks) == 1,
        name=stem,
    )
    if record and choice.name == "expert":
        settings = _recorded(settings, tasks)
    server = _server_choice(simulator, rules, port, traffic_manager_seed, gpu, timeout)
    if _is_official(harness):
        raise typer.Exit(_drive_officially(routes, settings, server, traffic_manager_port, repetitions, resume=resume))
    run_drive(Drive(tasks, settings, server, traffic_manager_port, resume))


def _is_official(harness: str) -> bool:
    if harness not in ("builtin", "official"):
        raise typer.BadParameter(f"{harness!r} is neither builtin nor official", param_hint="--harness")
    return harness == "official"


def _recorded(settings: DriveSettings, tasks: list[RouteTask]) -> DriveSettings:
    """Let the expert record what it drives; the weather is then drawn with the seed."""
    from lead.config.expert import resolve_expert
    from lead.expert.collection.folders import RecordingFolders

    resolve_expert()  # Wrong settings must be reported before anything starts.
    folders = RecordingFolders(settings.folder, tasks)
    return replace(settings, agent="expert_recorder", recording=folders.fresh)


def _server_choice(
    simulator: str, rules: BenchmarkProfile, port: int, seed: int, gpu: int, timeout_s: float
) -> SimulatorChoice:
    """Return the simulator that was asked for; Fail2Drive has a CARLA of its own, and assets of its own."""
    from lead.evaluation.simulators import SimulatorChoice, simulator_kind

    is_fail2drive = rules.name == "fail2drive"
    return SimulatorChoice(
        simulator_kind(simulator),
        port,
        seed,
        gpu,
        "CARLA_F2D" if is_fail2drive else "CARLA_ROOT",
        timeout_s=timeout_s,
        fail2drive_assets=is_fail2drive,
    )


def _drive_officially(
    routes: Path,
    settings: DriveSettings,
    simulator: SimulatorChoice,
    traffic_manager_port: int,
    repetitions: int,
    *,
    resume: bool,
) -> int:
    """Drive under CARLA's own leaderboard and return the exit code."""
    from lead.evaluation.locks import folder_lock
    from lead.evaluation.simulators import open_simulator
    from lead.integrations.leaderboard.harness import OfficialRun, run_official
    from lead.integrations.leaderboard.installation import DEFAULT_ROOT, Installation
    from lead.routes.reader import read_routes
    from lead.scoring.endpoint import FILE_NAME

    signal.signal(signal.SIGTERM, exit_on_signal)
    names = {"bench2drive": "bench2drive", "fail2drive": "fail2drive"}
    benchmark = names.get(settings.profile.name, "leaderboard")
    installation = Installation.find(DEFAULT_ROOT, benchmark)
    towns = list(dict.fromkeys(route.town for route in read_routes(routes)))
    with folder_lock(settings.folder):
        host = open_simulator(replace(simulator, carla_version=installation.carla_version), towns)
        try:
            host.prepare(towns[0])
            code = run_official(
                OfficialRun(
                    routes=routes,
                    agent=settings.agent,
                    out_dir=settings.folder,
                    agent_config=settings.agent_config,
                    port=host.port,
                    traffic_manager_port=traffic_manager_port,
                    traffic_manager_seed=simulator.seed,
                    repetitions=repetitions,
                    timeout_s=settings.timeout_s,
                    debug=settings.debug,
                    resume=resume,
                    benchmark=benchmark,
                    closed_loop=settings.closed_loop,
                    gpu=settings.gpu,
                )
            )
            typer.echo(f"results  {settings.folder / FILE_NAME}")
            return code
        finally:
            host.close()


@dataclass(frozen=True)
class Drive:
    """An evaluation with one worker.

    Attributes:
        tasks: Everything to drive.
        settings: How.
        simulator: The user's choice of the simulator.
        traffic_manager_port: Port of the Traffic Manager.
        resume: Continue the results in the folder.
    """

    tasks: list[RouteTask]
    settings: DriveSettings
    simulator: SimulatorChoice
    traffic_manager_port: int
    resume: bool = field(default=False)


def run_drive(drive: Drive) -> None:
    """Drive with a progress bar, print the scores and leave with a truthful code.

    Raises:
        typer.Exit: With code 1 if a route could not be driven, 3 if the agent failed.
        LeadError: If the evaluation cannot go on.
    """
    from lead.agents.registry import check_agent
    from lead.cli.drive_display import DriveProgress, print_records
    from lead.config.closed_loop import resolve_closed_loop
    from lead.config.resolve import as_json
    from lead.evaluation.locks import folder_lock
    from lead.evaluation.manifest import manifest
    from lead.evaluation.pool import run_tasks
    from lead.evaluation.result_store import ResultStore
    from lead.evaluation.simulators import open_simulator
    from lead.evaluation.supervisor import towns_of
    from lead.routes.weather import preset
    from lead.simulator.launch import require_free_port

    signal.signal(signal.SIGTERM, exit_on_signal)
    settings, tasks = drive.settings, drive.tasks
    check_agent(settings.agent)
    closed_loop = resolve_closed_loop(settings.closed_loop)
    if closed_loop.custom_weather is not None:
        preset(closed_loop.custom_weather)  # An unknown name must be reported before anything starts.
    require_free_port(drive.traffic_manager_port, "Traffic Manager port")
    store = ResultStore(settings.folder, settings.profile, tasks)
    progress = DriveProgress()
    try:
        with folder_lock(settings.folder):
            host = open_simulator(drive.simulator, towns_of(tasks))
            store.open(resume=drive.resume)
            store.write_manifest(manifest(tasks, settings, as_json(closed_loop), {"kind": host.name}))
            unfinished = [task for task in tasks if not store.is_done(task)]
            with progress:
                port = drive.traffic_manager_port
                run_tasks(unfinished, [lambda: host], [settings], store, progress, traffic_manager_port=port)
    finally:
        records = store.ordered_records()
        if records:
            title = settings.profile.title
            print_records(records, len(tasks), settings.folder, title, progress.ticks_per_s)
            sys.stdout.flush()
    code = exit_code(store)
    if code:
        raise typer.Exit(code)


def exit_code(store: ResultStore) -> int:
    """Return what the process should end with: the worst thing that happened to any route."""
    from lead.scoring.records import AGENT_CRASHED, AGENT_SETUP_FAILED, SENSORS_INVALID

    if not store.is_complete:
        return EXIT_INFRASTRUCTURE
    failures = (AGENT_CRASHED, AGENT_SETUP_FAILED, SENSORS_INVALID)
    return EXIT_AGENT if any(record.status.endswith(failures) for record in store.ordered_records()) else 0


def memory_bytes(limit_gib: float | None) -> int:
    """Return the memory limit of an episode process in bytes; the default is a share of what the machine has."""
    if limit_gib is not None:
        return int(limit_gib * 2**30)
    from lead.evaluation.memory import total_memory_bytes

    return int(DEFAULT_MEMORY_SHARE * total_memory_bytes())


def exit_on_signal(number: int, frame: FrameType | None) -> None:
    """Leave through all ``finally`` blocks, so that nothing keeps running."""
    sys.exit(EXIT_TERMINATED)
