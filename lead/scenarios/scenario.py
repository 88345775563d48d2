"""The base of all scenario classes and the registry by which route files find them."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from typing import TypeVar

import carla
from py_trees.behaviour import Behaviour

from lead.routes.model import ScenarioConfig
from lead.routes.scenario_parameters import ScenarioParameters, read_parameters
from lead.scenarios.active import ActiveScenario
from lead.scenarios.actor_pool import ActorModel
from lead.scenarios.errors import ScenarioError
from lead.scenarios.stage import Stage


class Scenario(abc.ABC):
    """One scenario of a route.

    It is built when the ego comes near (:meth:`build`: actors are spawned, usually out of sight), and its behaviour
    runs from the moment at which the ego passes the trigger until the tree is done.

    Attributes:
        stage: What all scenarios share.
        config: The scenario as written in the file.
        parameters: Its parameters, cast, with defaults.
        trigger: Pose of the trigger.
        trigger_waypoint: Lane at the trigger.
        actors: Everything the scenario spawned; destroyed when it ends.
        claimed: Places that must be free of parked vehicles.
        record: Privileged view of the scenario.
        is_shown: Experts see the record; some of Fail2Drive's scenarios leave them in the dark.
    """

    is_shown: bool = True

    def __init__(self, stage: Stage, config: ScenarioConfig, number: int) -> None:
        """Take the scenario's place; nothing is spawned before :meth:`build`.

        Args:
            stage: What all scenarios share.
            config: The scenario as written in the file.
            number: Number of the scenario in the episode.
        """
        point = config.trigger
        self.stage = stage
        self.config = config
        self.parameters: ScenarioParameters = read_parameters(config)
        self.trigger = carla.Transform(carla.Location(point.x, point.y, point.z), carla.Rotation(yaw=point.yaw_deg))
        self.trigger_waypoint: carla.Waypoint = stage.map.get_waypoint(self.trigger.location)
        self.actors: list[carla.Actor] = []
        self.claimed: list[carla.Location] = []
        self.record = ActiveScenario(config.type, number, self.trigger)

    @abc.abstractmethod
    def build(self) -> None:
        """Find the places and spawn the actors; messages to the traffic that must be early are posted here.

        Raises:
            ScenarioError: If the place does not fit; the scenario is then left out with a warning.
        """

    @abc.abstractmethod
    def behaviour(self) -> Behaviour:
        """Return the tree that runs after the trigger; it is asked for once, after :meth:`build`."""

    def waiting(self) -> Behaviour | None:
        """Return what runs from the building until the trigger cuts it off; None, as usual, for nothing."""
        return None

    def spawn(self, model: ActorModel, pose: carla.Transform, *, lift_m: float = 0.2) -> carla.Actor:
        """Spawn an actor of this scenario.

        Raises:
            ScenarioError: If something stands there.
        """
        actor = self.stage.pool.spawn(model, pose, lift_m=lift_m)
        if actor is None:
            place = pose.location
            raise ScenarioError(
                f"{self.config.name}: {model.pattern} cannot be spawned at ({place.x:.1f}, {place.y:.1f}, "
                f"{place.z:.1f}): something stands there"
            )
        self.actors.append(actor)
        return actor

    def destroy_actors(self) -> None:
        """Destroy what the scenario spawned."""
        for actor in self.actors:
            self.stage.pool.destroy(actor)

    def close(self) -> None:
        """Leave nothing behind; called once, when the tree is done or the episode ends before."""
        self.destroy_actors()
        self.stage.active.remove(self.record)


ScenarioClass = TypeVar("ScenarioClass", bound=type[Scenario])
_CLASSES: dict[str, type[Scenario]] = {}


def scenario_class(*names: str) -> Callable[[ScenarioClass], ScenarioClass]:
    """Register a class under the names that route files use."""

    def register(cls: ScenarioClass) -> ScenarioClass:
        for name in names:
            if name in _CLASSES:
                raise ValueError(f"two classes claim the scenario {name}")
            _CLASSES[name] = cls
        return cls

    return register


def registered() -> Iterator[tuple[str, type[Scenario]]]:
    """Yield all registered names and classes."""
    yield from sorted(_CLASSES.items())


def class_of(name: str) -> type[Scenario]:
    """Return the class of a scenario.

    Raises:
        ScenarioError: If there is none of that name.
    """
    if name not in _CLASSES:
        raise ScenarioError(f"there is no scenario class {name}")
    return _CLASSES[name]
