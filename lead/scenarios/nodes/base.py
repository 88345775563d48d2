"""Base of all nodes, and the composites of scenarios with their usual names.

A node lives inside the tick: it looks at the stage, acts, and says whether it is done. Time is simulated time.
"""

from __future__ import annotations

from collections.abc import Sequence

from py_trees.behaviour import Behaviour
from py_trees.common import ParallelPolicy, Status
from py_trees.composites import Parallel
from py_trees.composites import Sequence as SequenceNode

from lead.scenarios.stage import Stage


class Node(Behaviour):
    """A behaviour that knows the stage.

    Subclasses override :meth:`update`, and ``initialise`` for what happens once when the node begins; ``terminate``
    gets the new status when it ends, also when another branch ends it.
    """

    def __init__(self, stage: Stage, name: str = "") -> None:
        """Take the stage."""
        super().__init__(name or type(self).__name__)
        self.stage = stage

    def initialise(self) -> None:
        """Begin."""

    def update(self) -> Status:
        """Act in this tick and tell whether the node goes on."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def terminate(self, new_status: Status) -> None:
        """End; the status is INVALID if the node was cut off."""


class Do(Node):
    """Calls a function once and is done."""

    def __init__(self, stage: Stage, action: object, name: str = "") -> None:
        """Take a function without arguments."""
        super().__init__(stage, name)
        if not callable(action):
            raise TypeError(f"{action!r} is no function")
        self._action = action

    def update(self) -> Status:
        """Call it."""
        self._action()
        return Status.SUCCESS


class Forever(Node):
    """Never ends by itself."""

    def update(self) -> Status:
        """Go on."""
        return Status.RUNNING


def in_order(name: str, children: Sequence[Behaviour]) -> SequenceNode:
    """One after the other; done when the last is."""
    return SequenceNode(name, memory=True, children=list(children))


def until_one(name: str, children: Sequence[Behaviour]) -> Parallel:
    """All at once; done, and the others cut off, as soon as one is done."""
    return Parallel(name, policy=ParallelPolicy.SuccessOnOne(), children=list(children))


def until_all(name: str, children: Sequence[Behaviour]) -> Parallel:
    """All at once; done when every one is."""
    return Parallel(name, policy=ParallelPolicy.SuccessOnAll(synchronise=True), children=list(children))
