"""``lead benchmark``: drive a whole benchmark with several workers; safe to stop and start again at any time."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lead.cli import drive_options as options
from lead.errors import LeadError

if TYPE_CHECKING:
    from lead.evaluation.simulators import SimulatorChoice, SimulatorHost
    from lead.evaluation.supervisor import DriveSettings
    from lead.evaluation.tasks import RouteTask
    from lead.routes.model import Route
    from lead.scoring.profiles import BenchmarkProfile

OUTPUT = Path("outputs/evaluation")


class SuiteError(LeadError):
    """A suite cannot be driven as asked; the text says why."""


def command(  # noqa: PLR0913 (typer: one parameter per option)
    name: Annotated[str, typer.Argument(help="bench2drive, longest6, town13, fail2drive, with -VERSION if wanted.")],
    overrides: options.Overrides = None,
    checkpoint: options.Checkpoint = None,
    seeds: options.Seeds = None,
    max_models: options.MaxModels = None,
    device: options.Device = None,
    fit_memory: options.FitMemory = False,
    expert: options.Expert = False,
    carl: options.Carl = False,
    plant: options.Plant = False,
    agent: options.Agent = None,
    agent_config: options.AgentConfig = None,
    routes: Annotated[
        Path | None, typer.Option(help="Route file or folder of route files [default: the downloaded public routes].")
    ] = None,
    workers: Annotated[int, typer.Option(help="Number of routes driven at the same time.", min=1)] = 1,
    gpus: Annotated[str | None, typer.Option(help="GPUs given to the workers in turn, such as 0,1.")] = None,
    simulator: Annotated[str, typer.Option(help="auto (CARLA_ROOT, else embedded), embedded or carla.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the first repetition.", min=0)] = 0,
    repetitions: options.Repetitions = 1,
    traffic: options.Traffic = None,
    scenarios: options.Scenarios = True,
    timeout: options.Timeout = 180.0,
    retries: options.Retries = 2,
    memory_limit: options.MemoryLimit = None,
    output_dir: Annotated[
        Path | None, typer.Option(help="Folder for results [default: outputs/evaluation/<agent>/<name>_<seed>].")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Put finished results aside and start anew.")] = False,
    video: options.Video = False,
) -> None:
    """Drive all routes of a benchmark; finished routes of the output folder are not driven again.

    Every worker has its own simulator, ports and agent process. Score the folder with `lead score`.
    Exit codes: 0 every route was driven, 1 something could not be driven, 3 the agent crashed or was not accepted.

    \b
    Examples:
      lead benchmark bench2drive --agent my_agent.py --workers 4 --gpus 0,1
      lead benchmark longest6 --checkpoint outputs/checkpoints/tfv6_resnet34 --workers 2
    """
    # Imported here so that --help stays instant.
    from lead.cli.agent_choice import choose_agent, choose_model
    from lead.cli.drive import memory_bytes
    from lead.evaluation.supervisor import DriveSettings
    from lead.scoring.profiles import profile

    rules = profile(name)
    choice = choose_agent(
        checkpoint,
        expert=expert,
        carl=carl,
        plant=plant,
        py123d=False,
        agent=agent,
        agent_config=agent_config,
        routes=routes or Path(rules.name),
    )
    tasks = suite_tasks(rules, routes, seed, repetitions)
    choice = choose_model(choice, seeds=seeds, max_models=max_models, device=device, fit_memory=fit_memory)
    folder = output_dir or OUTPUT / choice.label / f"{rules.name}_{seed}"
    limit = memory_bytes(memory_limit)
    settings = [
        DriveSettings(
            agent=choice.name,
            agent_config=choice.config,
            profile=rules,
            folder=folder,
            traffic=traffic,
            scenarios=scenarios,
            timeout_s=timeout,
            retries=retries,
            memory_bytes=limit if memory_limit is not None else limit // workers,
            topdown_video=video,
            closed_loop=tuple(overrides or ()),
            gpu=gpu if choice.has_model and (device is None or gpus is not None) else None,
        )
        for gpu in worker_gpus(gpus, workers)
    ]
    _run(tasks, settings, simulator, worker_gpus(gpus, workers), seed, resume=not restart)


def suite_tasks(rules: BenchmarkProfile, routes: Path | None, seed: int, repetitions: int) -> list[RouteTask]:
    """List the tasks of a suite.

    Args:
        rules: The benchmark.
        routes: A route file, a folder of route files, or None for the downloaded public routes.
        seed: Seed of the first repetition.
        repetitions: How often every route is driven.

    Raises:
        SuiteError: If there are no routes, or two files claim the same name.
        RouteError: If public routes are missing; says how to download them.
    """
    from lead.cli.agent_choice import choose_profile
    from lead.evaluation.tasks import make_tasks
    from lead.routes.catalogue import fail2drive_traffic_seed
    from lead.routes.reader import read_routes

    files = _route_files(rules, routes)
    found: list[tuple[Path, list[Route]]] = [(path, read_routes(path)) for path in files]
    choose_profile([route for _, own in found for route in own], rules.key)
    seeds = None
    if rules.name == "fail2drive":
        if any(len(own) != 1 for _, own in found):
            raise SuiteError("Fail2Drive needs one route per file: the seed of a pair follows from the file's name")
        seeds = [fail2drive_traffic_seed(path.stem, seed) for path in files]
    tasks = make_tasks(found, repetitions, seed, seeds)
    for key, count in Counter(task.key for task in tasks).items():
        if count > 1:
            raise SuiteError(f"{count} routes have the name {key}; results would overwrite each other")
    return tasks


def _route_files(rules: BenchmarkProfile, routes: Path | None) -> list[Path]:
    from lead.routes.catalogue import benchmark_route_files

    if routes is None:
        if rules.route_count is None:
            raise SuiteError(f"{rules.title} has no public routes here; give a file or folder with --routes")
        return benchmark_route_files(rules.name, Path.cwd())
    if not routes.is_dir():
        return [routes]
    files = sorted(routes.rglob("*.xml"))
    if not files:
        raise SuiteError(f"there are no route files in {routes}")
    return files


def worker_gpus(text: str | None, workers: int) -> list[int]:
    """Deal GPUs out to workers in turn.

    Raises:
        SuiteError: If the text is not a list of numbers.
        GpuError: If there is no such GPU.
    """
    from lead.simulator.gpus import visible_gpu

    try:
        numbers = [int(word) for word in text.split(",")] if text is not None else [0]
    except ValueError:
        raise SuiteError(f"--gpus takes numbers with commas, such as 0,1, not {text!r}") from None
    if any(number < 0 for number in numbers):
        raise SuiteError(f"--gpus takes numbers from 0, not {text!r}")
    for number in numbers:
        visible_gpu(number)  # One that is not there must be reported before anything starts.
    return [numbers[index % len(numbers)] for index in range(workers)]


def _run(
    tasks: list[RouteTask],
    settings: Sequence[DriveSettings],
    simulator: str,
    gpus: Sequence[int],
    seed: int,
    *,
    resume: bool,
) -> None:
    """Drive the suite with a live table and leave with a truthful code."""
    from lead.agents.registry import check_agent
    from lead.cli.drive import exit_code, exit_on_signal
    from lead.cli.suite_display import SuiteTable
    from lead.config.closed_loop import resolve_closed_loop
    from lead.config.resolve import as_json
    from lead.evaluation.locks import folder_lock
    from lead.evaluation.manifest import manifest
    from lead.evaluation.pool import run_tasks
    from lead.evaluation.result_store import ResultStore
    from lead.evaluation.simulators import SimulatorChoice, simulator_kind
    from lead.routes.weather import preset
    from lead.simulator.launch import free_port

    signal.signal(signal.SIGTERM, exit_on_signal)
    first = settings[0]
    check_agent(first.agent)
    closed_loop = resolve_closed_loop(first.closed_loop)
    if closed_loop.custom_weather is not None:
        preset(closed_loop.custom_weather)  # An unknown name must be reported before anything starts.
    kind = simulator_kind(simulator)
    is_fail2drive = first.profile.name == "fail2drive"
    root = "CARLA_F2D" if is_fail2drive else "CARLA_ROOT"
    choices = [
        SimulatorChoice(kind, free_port(3), seed, gpu, root, timeout_s=first.timeout_s, fail2drive_assets=is_fail2drive)
        for gpu in gpus
    ]
    store = ResultStore(first.folder, first.profile, tasks)
    with folder_lock(first.folder):
        store.open(resume=resume)
        content = manifest(tasks, first, as_json(closed_loop), {"kind": kind.value, "workers": len(settings)})
        store.write_manifest(content)
        unfinished = [task for task in tasks if not store.is_done(task)]
        table = SuiteTable(store, len(tasks), len(unfinished), len(settings))
        with table:
            run_tasks(unfinished, [simulator_opener(choice, tasks) for choice in choices], settings, store, table)
        table.print_summary(first.folder)
    sys.stdout.flush()
    code = exit_code(store)
    if code:
        raise typer.Exit(code)


def simulator_opener(choice: SimulatorChoice, tasks: Sequence[RouteTask]) -> Callable[[], SimulatorHost]:
    """Return what opens the simulator of a worker."""
    from lead.evaluation.simulators import open_simulator
    from lead.evaluation.supervisor import towns_of

    return lambda: open_simulator(choice, towns_of(tasks))
