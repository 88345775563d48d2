"""Background traffic: the cars around the ego that appear, move and make room for scenarios."""

from __future__ import annotations

from typing import Protocol

from lead.scenarios.stage import Stage


class BackgroundTraffic(Protocol):
    """Traffic of one episode."""

    def tick(self) -> None:
        """Read the messages of scenarios and step; called once per tick before the scenarios."""

    def close(self) -> None:
        """Let go of everything that is not in the pool of actors."""


def make_traffic(stage: Stage) -> BackgroundTraffic | None:
    """Make the leaderboard's traffic, a bubble that moves with the ego."""
    from lead.scenarios.traffic.bubble import TrafficBubble

    return TrafficBubble(stage)
