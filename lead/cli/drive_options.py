"""Options that `lead drive` and `lead benchmark` share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_TRAFFIC = 20
"""Vehicles on routes that are neither of a benchmark nor have scenarios, unless another number is given."""

Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Closed-loop settings (docs/configuration.md).")
]
Checkpoint = Annotated[Path | None, typer.Option(help="Folder with the model of the agent.")]
Seeds = Annotated[
    str | None,
    typer.Option(help="Members of the checkpoint's ensemble, such as 0,2 [default: all].", show_default=False),
]
MaxModels = Annotated[int | None, typer.Option(help="Use at most so many members, lowest seeds first.", min=1)]
Device = Annotated[
    str | None, typer.Option(help="Where the model runs: cpu, cuda:0, or several as cuda:0,cuda:1 [default: the best].")
]
FitMemory = Annotated[
    bool, typer.Option("--fit-memory", help="Use fewer members if the GPU has too little memory for all.")
]
Expert = Annotated[bool, typer.Option("--expert", help="Drive the rule-based expert.")]
Carl = Annotated[bool, typer.Option("--carl", "--carl-agent", help="The checkpoint is a CaRL agent.")]
Plant = Annotated[bool, typer.Option("--plant", help="The checkpoint is a PlanT agent.")]
Agent = Annotated[
    str | None, typer.Option(help="Agent by name, or a file with get_entry_point() [default: autopilot].")
]
AgentConfig = Annotated[str | None, typer.Option(help="Text handed to the agent's setup().")]
Traffic = Annotated[
    int | None,
    typer.Option(
        help="Number of plain Traffic Manager vehicles [default: the leaderboard's traffic around the ego on routes "
        f"of a benchmark and with scenarios, else {DEFAULT_TRAFFIC}].",
        min=0,
        show_default=False,
    ),
]
Scenarios = Annotated[bool, typer.Option("--scenarios/--no-scenarios", help="Play the scenarios of the routes.")]
Repetitions = Annotated[int, typer.Option(help="How often every route is driven, each with a seed.", min=1)]
Timeout = Annotated[float, typer.Option(help="Longest wait for the simulator and for the agent, seconds.", min=1.0)]
Retries = Annotated[int, typer.Option(help="How often a broken drive is repeated per route.", min=0)]
MemoryLimit = Annotated[
    float | None,
    typer.Option(help="Memory an agent's process may use, GiB; 0: no limit [default: 90 % of the machine's share]."),
]
Video = Annotated[bool, typer.Option("--video/--no-video", help="Write a top-down video per route.")]
