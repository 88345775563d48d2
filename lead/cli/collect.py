"""``lead collect``: the expert drives many routes and records them; safe to stop and start again at any time."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lead.cli import drive_options as options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lead.evaluation.supervisor import DriveSettings
    from lead.evaluation.tasks import RouteTask
    from lead.expert.collection.folders import RecordingFolders

OUTPUT = Path("data/carla_leaderboard2")
AGENT = "expert_recorder"


def command(  # noqa: PLR0913 (typer: one parameter per option)
    routes: Annotated[Path, typer.Argument(help="Route file, or folder that is searched for route files.")],
    overrides: options.Overrides = None,
    out: Annotated[Path, typer.Option(help="Root of the data set; routes are written to <out>/data.")] = OUTPUT,
    workers: Annotated[int, typer.Option(help="Number of routes driven at the same time.", min=1)] = 1,
    gpus: Annotated[str | None, typer.Option(help="GPUs given to the workers in turn, such as 0,1.")] = None,
    per_class: Annotated[int, typer.Option(help="Routes per scenario class; 0 takes all.", min=0)] = 40,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Scenario class or folder to leave out; may be repeated.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="Begin no further route once there are so many frames to learn from.", min=1)
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Begin no further route after so long.", min=0.0)] = None,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="End a drive once it must not be learnt from, such as by a collision.")
    ] = False,
    repetitions: options.Repetitions = 1,
    first_repetition: Annotated[int, typer.Option(help="Number of the first repetition.", min=0)] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the order in which routes are driven.", min=0)] = 42,
    simulator: Annotated[str, typer.Option(help="auto (CARLA_ROOT, else embedded), embedded or carla.")] = "auto",
    traffic: options.Traffic = None,
    timeout: options.Timeout = 180.0,
    retries: options.Retries = 2,
    memory_limit: options.MemoryLimit = None,
    video: options.Video = False,
) -> None:
    """Collect a data set in the published format with the expert.

    Routes, weathers and perturbations are drawn with seeds: the same call drives the same again. Routes that are
    complete are not driven again; what an interrupted call left of a route is replaced. What is recorded is set by
    LEAD_EXPERT_CONFIG. Exit codes: 0 every route that was begun has a result, 1 something could not be driven.

    \b
    Examples:
      lead collect data/routes/suites/train.xml --workers 2 --out data/my_dataset
      lead collect data/routes/suites/train.xml --workers 16 --frames 20000 --out data/my_dataset
      LEAD_EXPERT_CONFIG="target_dataset=2" lead collect data/data_routes --per-class 10 --out data/six_cameras
    """
    # Imported here so that --help stays instant.
    from lead.cli.benchmark import worker_gpus
    from lead.cli.drive import memory_bytes
    from lead.config.expert import resolve_expert
    from lead.evaluation.supervisor import DriveSettings
    from lead.expert.collection.folders import RESULTS, RecordingFolders
    from lead.expert.collection.plan import Selection, plan_collection
    from lead.scoring.profiles import profile

    expert = resolve_expert()  # Wrong settings must be reported before anything starts.
    if expert.novice:
        from lead.agents.sensor_agent_model import check_model
        from lead.config.model_choice import ModelChoice

        check_model(ModelChoice.from_text(expert.novice))
    selection = Selection(per_class, frozenset(exclude or ()), repetitions, first_repetition, seed)
    tasks = plan_collection(routes, selection)
    folders = RecordingFolders(out, tasks)
    limit = memory_bytes(memory_limit)
    dealt = worker_gpus(gpus, workers)
    settings = [
        DriveSettings(
            agent=AGENT,
            agent_config="",
            profile=profile("leaderboard"),
            folder=out / RESULTS,
            traffic=traffic,
            timeout_s=timeout,
            retries=retries,
            memory_bytes=limit if memory_limit is not None else limit // workers,
            topdown_video=video,
            closed_loop=tuple(overrides or ()),
            recording=folders.of,
            gives_up=give_up,
        )
        for _ in dealt
    ]
    _run(tasks, settings, folders, simulator, dealt, Limit(frames, minutes))


@dataclass(frozen=True)
class Limit:
    """How much is enough; None for no limit.

    Attributes:
        frames: Frames to learn from, with those of earlier runs.
        minutes: Time that this run takes, without the end of the routes under way.
    """

    frames: int | None
    minutes: float | None

    def is_reached(self, frames: int, elapsed_s: float) -> bool:
        """Say whether a collection has enough."""
        has_frames = self.frames is not None and frames >= self.frames
        return has_frames or (self.minutes is not None and elapsed_s >= 60.0 * self.minutes)


def _run(
    tasks: list[RouteTask],
    settings: Sequence[DriveSettings],
    folders: RecordingFolders,
    simulator: str,
    gpus: Sequence[int],
    limit: Limit,
) -> None:
    """Collect with a live table and leave with a truthful code."""
    from lead.cli.benchmark import simulator_opener
    from lead.cli.collect_display import CollectTable
    from lead.cli.drive import EXIT_INFRASTRUCTURE, exit_on_signal
    from lead.evaluation.locks import folder_lock
    from lead.evaluation.pool import run_tasks
    from lead.evaluation.result_store import ResultStore
    from lead.evaluation.simulators import SimulatorChoice, simulator_kind
    from lead.expert.collection.progress import CollectionProgress
    from lead.simulator.launch import free_port

    signal.signal(signal.SIGTERM, exit_on_signal)
    first = settings[0]
    kind = simulator_kind(simulator)
    choices = [SimulatorChoice(kind, free_port(3), 0, gpu, "CARLA_ROOT", timeout_s=first.timeout_s) for gpu in gpus]
    store = ResultStore(first.folder, first.profile, tasks)
    with folder_lock(first.folder):
        store.open(resume=True)
        waiting = [task for task in tasks if not folders.is_complete(task)]
        progress = CollectionProgress(len(tasks), len(tasks) - len(waiting))
        for task in tasks:
            if folders.is_complete(task) and folders.rejection(task) is None:
                progress.add_earlier(folders.of(task))
        table = CollectTable(store, folders, progress, len(waiting), len(settings))
        began_s = time.monotonic()

        def is_enough() -> bool:
            return limit.is_reached(progress.accepted_frames, time.monotonic() - began_s)

        openers = [simulator_opener(choice, tasks) for choice in choices]
        with table:
            report = run_tasks(waiting, openers, settings, store, table, is_enough=is_enough)
    missing = sum(not folders.is_complete(task) for task in tasks)
    typer.echo(
        f"{len(tasks) - missing} of {len(tasks)} routes are complete, {progress.frames} frames in this run;"
        f" {progress.accepted_frames} frames to learn from"
    )
    typer.echo(f"data     {folders.root}")
    typer.echo(f"inspect  lead dataset info {folders.root}")
    sys.stdout.flush()
    begun_in_vain = [one for one in report.results if not folders.is_complete(one.task)]
    if report.infrastructure_failures or begun_in_vain:
        raise typer.Exit(EXIT_INFRASTRUCTURE)
