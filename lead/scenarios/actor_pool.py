"""Spawning, finding and destroying the actors of scenarios and background traffic.

Actors spawned in this tick are not in the simulator's snapshot yet, so their place is remembered here until they are.
Destroying is collected and done once per tick: a request of its own per actor would cost more than the scenarios.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import carla
import numpy as np

from lead.scenarios.errors import ScenarioError

FALLBACKS: Mapping[str, str] = {
    "car": "vehicle.tesla.model3",
    "van": "vehicle.volkswagen.t2",
    "bus": "vehicle.volkswagen.t2",
    "truck": "vehicle.carlamotors.carlacola",
    "motorbike": "vehicle.kawasaki.ninja",
    "motorcycle": "vehicle.kawasaki.ninja",
    "bicycle": "vehicle.diamondback.century",
    "pedestrian": "walker.pedestrian.0001",
}
"""What is taken if no blueprint of a category passes a filter."""
HERO = "hero"

AttributeValue = str | int | float | bool


@dataclass(frozen=True)
class ActorModel:
    """Which blueprints may be taken.

    Attributes:
        pattern: Pattern of ids, such as ``vehicle.*``.
        attributes: Attributes that must exist and have these values.
        category: Key of :data:`FALLBACKS`, used if nothing matches; empty for none.
        role: Role name of the actor.
        color: Colour; None draws one of those recommended.
    """

    pattern: str
    attributes: Mapping[str, AttributeValue] | None = None
    category: str = ""
    role: str = "scenario"
    color: str | None = None


PLAIN_CAR: Mapping[str, AttributeValue] = {"base_type": "car", "special_type": "", "has_lights": True}
"""Cars with working lights that are neither police nor taxi."""


class ActorPool:
    """All actors of one episode's scenarios."""

    def __init__(
        self,
        client: carla.Client,
        world: carla.World,
        rng: np.random.RandomState,
        traffic_manager_port: Callable[[], int],
    ) -> None:
        """Take the world.

        Args:
            client: The client, for batches.
            world: The world.
            rng: Source of every choice, shared with the scenarios.
            traffic_manager_port: Where Traffic Manager vehicles belong; asked for with the first of them.
        """
        self._client = client
        self._world = world
        self._rng = rng
        self._port = traffic_manager_port
        self._library = world.get_blueprint_library()
        self._choices: dict[tuple[str, tuple[tuple[str, AttributeValue], ...]], list[carla.ActorBlueprint]] = {}
        self._alive: dict[int, carla.Actor] = {}
        self._fresh: dict[int, carla.Transform] = {}
        self._doomed: list[int] = []

    def offers(self, pattern: str) -> bool:
        """Tell whether the simulator has a blueprint of an id or pattern."""
        return bool(self._matching(ActorModel(pattern)))

    def models(self, pattern: str) -> list[carla.ActorBlueprint]:
        """Return all blueprints of a pattern, for choices that no :class:`ActorModel` describes."""
        return list(self._matching(ActorModel(pattern)))

    def blueprint(self, model: ActorModel) -> carla.ActorBlueprint:
        """Draw a blueprint: one draw for the blueprint, one for its colour.

        Raises:
            ScenarioError: If nothing matches and the category has no fallback.
        """
        found = self._matching(model)
        if found:
            blueprint = self._rng.choice(np.array(found, dtype=object))
        elif model.category:
            blueprint = self._library.find(FALLBACKS[model.category])
        else:
            raise ScenarioError(f"the simulator has no blueprint {model.pattern} with {dict(model.attributes or {})}")
        self._paint(blueprint, model)
        if blueprint.has_attribute("is_invincible"):
            blueprint.set_attribute("is_invincible", "false")
        if blueprint.has_attribute("role_name"):
            blueprint.set_attribute("role_name", model.role)
        return blueprint

    def spawn(
        self, model: ActorModel, pose: carla.Transform, *, autopilot: bool = False, lift_m: float = 0.2
    ) -> carla.Actor | None:
        """Spawn one actor.

        Args:
            model: Which blueprint.
            pose: Where; vehicles and walkers are lifted.
            autopilot: Hand it to the Traffic Manager.
            lift_m: Added to the height of vehicles and walkers so that they do not touch the ground; props stay.

        Returns:
            The actor; None if something stands there.
        """
        blueprint = self.blueprint(model)
        is_prop = str(blueprint.id).startswith("static.")
        place = carla.Location(pose.location.x, pose.location.y, pose.location.z + (0.0 if is_prop else lift_m))
        lifted = carla.Transform(place, pose.rotation)
        actor = self._world.try_spawn_actor(blueprint, lifted)
        if actor is None:
            return None
        self._note(actor, lifted)
        if autopilot:
            actor.set_autopilot(True, self._port())
        return actor

    def spawn_batch(
        self, model: ActorModel, poses: Sequence[carla.Transform], *, autopilot: bool = False, lift_m: float = 0.2
    ) -> list[carla.Actor | None]:
        """Spawn several actors of one model with one request; the list has None where something stands."""
        commands, lifted = [], []
        for pose in poses:
            blueprint = self.blueprint(model)
            place = carla.Location(pose.location.x, pose.location.y, pose.location.z + lift_m)
            lifted.append(carla.Transform(place, pose.rotation))
            command = carla.command.SpawnActor(blueprint, lifted[-1])
            if autopilot:
                command = command.then(carla.command.SetAutopilot(carla.command.FutureActor, True, self._port()))
            commands.append(command)
        if not commands:
            return []
        responses = self._client.apply_batch_sync(commands, False)
        ids = [0 if response.error else int(response.actor_id) for response in responses]
        found = {int(actor.id): actor for actor in self._world.get_actors([number for number in ids if number])}
        actors = [found.get(number) for number in ids]
        for actor, pose in zip(actors, lifted, strict=True):
            if actor is not None:
                self._note(actor, pose)
        return actors

    def spawn_attached(self, type_id: str, parent: carla.Actor) -> carla.Actor:
        """Spawn a sensor in the middle of an actor, which may have been spawned in this tick.

        Raises:
            RuntimeError: If there is no such sensor, or the parent is gone.
        """
        actor = self._world.spawn_actor(self._library.find(type_id), carla.Transform(), attach_to=parent)
        self._note(actor, self.transform(parent))
        return actor

    def destroy(self, actor: carla.Actor) -> None:
        """Destroy an actor at the end of this tick; from now on it counts as gone. Safe to call twice."""
        number = int(actor.id)
        if self._alive.pop(number, None) is not None:
            self._fresh.pop(number, None)
            self._doomed.append(number)

    @property
    def actors(self) -> list[carla.Actor]:
        """All actors that exist, in the order in which they were spawned."""
        return list(self._alive.values())

    @property
    def vehicles(self) -> list[carla.Vehicle]:
        """The vehicles that exist, in the order in which they were spawned."""
        return [actor for actor in self._alive.values() if isinstance(actor, carla.Vehicle)]

    def is_alive(self, actor: carla.Actor) -> bool:
        """Tell whether one of the pool's actors still exists."""
        return int(actor.id) in self._alive

    def is_new(self, actor: carla.Actor) -> bool:
        """Tell whether an actor was spawned or placed in this tick: the client does not know its state yet."""
        return int(actor.id) in self._fresh

    def location(self, actor: carla.Actor) -> carla.Location:
        """Return an actor's location, also if it was spawned in this tick."""
        fresh = self._fresh.get(int(actor.id))
        return fresh.location if fresh is not None else actor.get_location()

    def transform(self, actor: carla.Actor) -> carla.Transform:
        """Return an actor's pose, also if it was spawned in this tick."""
        fresh = self._fresh.get(int(actor.id))
        return fresh if fresh is not None else actor.get_transform()

    def place(self, actor: carla.Actor, pose: carla.Transform) -> None:
        """Teleport an actor; its new pose is what :meth:`transform` says from now on."""
        actor.set_transform(pose)
        self._fresh[int(actor.id)] = pose

    def begin_tick(self) -> None:
        """Take note that the world was stepped: every actor is in the snapshot now, or is gone."""
        self._fresh.clear()
        for number in [number for number, actor in self._alive.items() if not actor.is_alive]:
            del self._alive[number]

    def end_tick(self) -> None:
        """Destroy what was given up."""
        if self._doomed:
            self._client.apply_batch_sync([carla.command.DestroyActor(number) for number in self._doomed], False)
            self._doomed.clear()

    def close(self) -> None:
        """Destroy everything."""
        for actor in list(self._alive.values()):
            self.destroy(actor)
        self.end_tick()

    def _note(self, actor: carla.Actor, pose: carla.Transform) -> None:
        self._alive[int(actor.id)] = actor
        self._fresh[int(actor.id)] = pose

    def _matching(self, model: ActorModel) -> list[carla.ActorBlueprint]:
        wanted = tuple(sorted((model.attributes or {}).items()))
        key = (model.pattern, wanted)
        if key not in self._choices:
            found = self._library.filter(model.pattern)
            self._choices[key] = [each for each in found if all(_has(each, name, value) for name, value in wanted)]
        return self._choices[key]

    def _paint(self, blueprint: carla.ActorBlueprint, model: ActorModel) -> None:
        if not blueprint.has_attribute("color"):
            return
        color = model.color
        if color is None and model.role != HERO:
            color = str(self._rng.choice(blueprint.get_attribute("color").recommended_values))
        if color is not None:
            blueprint.set_attribute("color", color)


def _has(blueprint: carla.ActorBlueprint, name: str, value: AttributeValue) -> bool:
    """Compare an attribute in the type of the wanted value."""
    if not blueprint.has_attribute(name):
        return False
    attribute = blueprint.get_attribute(name)
    if isinstance(value, bool):
        return bool(attribute.as_bool() == value)
    if isinstance(value, int):
        return bool(attribute.as_int() == value)
    if isinstance(value, float):
        return bool(attribute.as_float() == value)
    return bool(attribute.as_str() == value)
