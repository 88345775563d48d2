"""Which agent and which rules the published flags mean."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lead.config.model_choice import ModelChoice, parse_seeds
from lead.errors import LeadError
from lead.routes.catalogue import benchmark_of, foreign_benchmark
from lead.routes.model import Route
from lead.scoring.profiles import BenchmarkProfile, profile

LOG = logging.getLogger(__name__)

DEFAULT_AGENT = "autopilot"
SENSOR_AGENT = "transfuser"


class ChoiceError(LeadError):
    """Flags contradict each other; the text says which and why."""


@dataclass(frozen=True)
class AgentChoice:
    """The agent that was asked for.

    Attributes:
        name: Name or file of the agent.
        config: Text handed to its ``setup``.
        is_expert: The rule-based expert, which sees everything.
        has_model: It loads a model from a checkpoint folder.
    """

    name: str
    config: str
    is_expert: bool = False
    has_model: bool = False

    @property
    def label(self) -> str:
        """Name for folders of results: that of the agent, or of the checkpoint with its chosen members."""
        if not self.has_model:
            return Path(self.name.rpartition(":")[2]).stem
        model = ModelChoice.from_text(self.config)
        words = [Path(model.checkpoint).name]
        words += ["seeds", *map(str, model.seeds)] if model.seeds is not None else []
        words += ["max", str(model.max_models)] if model.max_models is not None else []
        return "_".join(words)


def choose_agent(
    checkpoint: Path | None,
    *,
    expert: bool,
    carl: bool,
    plant: bool,
    py123d: bool,
    agent: str | None,
    agent_config: str | None,
    routes: Path,
) -> AgentChoice:
    """Translate the flags into an agent.

    Raises:
        ChoiceError: If they contradict each other or a checkpoint is missing.
    """
    given = [
        flag
        for flag, is_given in (
            ("--checkpoint", checkpoint is not None and not (carl or plant)),
            ("--expert", expert),
            ("--carl", carl),
            ("--plant", plant),
            ("--agent", agent is not None),
        )
        if is_given
    ]
    if len(given) > 1:
        raise ChoiceError(f"{' and '.join(given)} exclude each other: give one agent")
    for flag, is_given in (("--carl", carl), ("--plant", plant)):
        if is_given and checkpoint is None:
            raise ChoiceError(f"{flag} needs --checkpoint with the folder of its model")
    if py123d and not expert:
        LOG.warning("--py123d has no effect without --expert")
    if checkpoint is not None:
        if not checkpoint.is_dir():
            raise ChoiceError(f"the checkpoint folder {checkpoint} does not exist")
        name = "carl" if carl else "plant" if plant else SENSOR_AGENT
        return AgentChoice(name, str(checkpoint), has_model=True)
    if expert:
        return AgentChoice("expert_py123d" if py123d else "expert", str(routes), is_expert=True)
    return AgentChoice(agent or DEFAULT_AGENT, agent_config or "")


def choose_model(
    choice: AgentChoice, *, seeds: str | None, max_models: int | None, device: str | None, fit_memory: bool
) -> AgentChoice:
    """Add the choice of members and devices to that of the agent, and find out whether the model can drive.

    Raises:
        ChoiceError: If the flags are given to an agent that has no ensemble.
        LeadError: If the checkpoint, a seed or the device cannot be used.
    """
    if choice.name != SENSOR_AGENT:
        flags = {"--seeds": seeds, "--max-models": max_models, "--device": device, "--fit-memory": fit_memory or None}
        given = [flag for flag, value in flags.items() if value is not None]
        if given:
            raise ChoiceError(f"{' and '.join(given)} only make sense for a TransFuser checkpoint (--checkpoint DIR)")
        return choice
    from lead.agents.sensor_agent_model import check_model

    model = ModelChoice(
        choice.config, parse_seeds(seeds) if seeds is not None else None, max_models, device, fit_memory
    )
    check_model(model)
    return replace(choice, config=model.to_text())


def choose_profile(
    routes: Sequence[Route], wanted: str | None, *, bench2drive: bool = False, fail2drive: bool = False
) -> BenchmarkProfile:
    """Find the rules: those asked for, else those of the public benchmark that the routes belong to.

    Args:
        routes: Routes to drive.
        wanted: Name or key of a profile, None if not given.
        bench2drive: The flag of this name.
        fail2drive: The flag of this name.

    Raises:
        ChoiceError: If flags contradict each other, or routes of one benchmark would be driven under another's rules.
        ProfileError: If the profile is unknown.
    """
    given = [name for name, flag in (("bench2drive", bench2drive), ("fail2drive", fail2drive)) if flag]
    given += [wanted] if wanted is not None else []
    if len({profile(name).name for name in given}) > 1:
        raise ChoiceError(f"the rules of {' and '.join(given)} exclude each other: give one benchmark")
    if given:
        rules = profile(wanted if wanted is not None else given[0])
    else:
        owners = {benchmark_of(route) for route in routes} - {None}
        rules = profile(owners.pop() or "leaderboard") if len(owners) == 1 else profile("leaderboard")
    foreign = foreign_benchmark(routes, rules.name)
    if foreign is not None:
        raise ChoiceError(
            f"the file holds routes of {profile(foreign).title}, which must be driven under its own rules, not those "
            f"of {rules.title}: scores would not be comparable; use --profile {foreign}"
        )
    return rules
