"""Nodes that talk to others than actors: to the background traffic, and to the criteria of the episode."""

from __future__ import annotations

from py_trees.common import Status

from lead.scenarios.messages import TrafficMessage
from lead.scenarios.nodes.base import Node
from lead.scenarios.stage import Stage


class Post(Node):
    """Sends a message to the background traffic, and is done."""

    def __init__(self, stage: Stage, message: TrafficMessage, name: str = "") -> None:
        """Take the message."""
        super().__init__(stage, name or type(message).__name__)
        self._message = message

    def update(self) -> Status:
        """Send it."""
        self.stage.post(self._message)
        return Status.SUCCESS


class SwitchWrongDirection(Node):
    """Judges driving on the opposite lane, or no longer, and is done."""

    def __init__(self, stage: Stage, on: bool, name: str = "") -> None:
        """Take whether it is judged."""
        super().__init__(stage, name)
        self._on = on

    def update(self) -> Status:
        """Switch."""
        self.stage.criteria.check_wrong_direction = self._on
        return Status.SUCCESS
