"""Navigation commands of route points, decided as CARLA's own route planner decides them.

Models are trained with these commands, so the rules are kept with their odd sides: a leg that starts inside a
junction says "follow the lane" there, and a turn is judged by the headings at the ends of the lanes involved.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from lead.routes.route_graph import RouteEdge, RouteGraph

STRAIGHT_LIMIT_RAD = math.radians(35.0)


class RoadOption(IntEnum):
    """Navigation command of a route point, numbered as in CARLA's ``agents`` package."""

    VOID = -1
    LEFT = 1
    RIGHT = 2
    STRAIGHT = 3
    LANEFOLLOW = 4
    CHANGELANELEFT = 5
    CHANGELANERIGHT = 6


LANE_CHANGES = (RoadOption.CHANGELANELEFT, RoadOption.CHANGELANERIGHT)


class TurnCommands:
    """Decides the command of one edge after the other; remembers the turn until its junction is left."""

    def __init__(self, graph: RouteGraph) -> None:
        """Start a route on a graph."""
        self._graph = graph
        self._previous = RoadOption.VOID
        self._junction_end: int | None = None

    def command(self, nodes: list[int], index: int) -> RoadOption:
        """Return the command of the edge from ``nodes[index]`` to the next node.

        Args:
            nodes: Nodes of one leg.
            index: Number of the edge; call for every edge in turn.
        """
        edge = self._graph.edge(nodes[index], nodes[index + 1])
        if index == 0:
            self._previous = _plain(edge)
        elif self._is_same_junction(nodes[index - 1], edge):
            return self._previous
        else:
            self._junction_end = None
            before = self._graph.edge(nodes[index - 1], nodes[index])
            enters = before.side == 0 and not before.is_junction and edge.is_junction
            self._previous = self._turn(nodes, index, before, edge) if enters else _plain(edge)
        return self._previous

    def _is_same_junction(self, previous_node: int, edge: RouteEdge) -> bool:
        known = self._previous is not RoadOption.VOID and self._junction_end is not None
        return known and self._junction_end != previous_node and edge.is_junction

    def _turn(self, nodes: list[int], index: int, before: RouteEdge, edge: RouteEdge) -> RoadOption:
        """Compare the heading before a junction with that behind it, and with the other ways through it."""
        last = edge
        for start, end in zip(nodes[index:], nodes[index + 1 :], strict=False):
            candidate = self._graph.edge(start, end)
            if not candidate.is_junction:
                break
            last = candidate
        self._junction_end = last.end
        heading_in, heading_out = before.exit_heading, last.exit_heading
        if heading_in is None or heading_out is None:
            return _plain(edge)
        cosine = float(heading_in @ heading_out) / float(np.linalg.norm(heading_in) * np.linalg.norm(heading_out))
        if math.acos(min(max(cosine, -1.0), 1.0)) < STRAIGHT_LIMIT_RAD:
            return RoadOption.STRAIGHT
        turn = _cross(heading_in, heading_out)
        others = [
            _cross(heading_in, _chord(other))
            for other in self._graph.lane_edges_from(nodes[index])
            if other.end != nodes[index + 1]
        ] or [0.0]
        if turn < min(others):
            return RoadOption.LEFT
        if turn > max(others):
            return RoadOption.RIGHT
        return RoadOption.LEFT if turn < 0.0 else RoadOption.RIGHT


def _plain(edge: RouteEdge) -> RoadOption:
    if edge.side == 0:
        return RoadOption.LANEFOLLOW
    return RoadOption.CHANGELANELEFT if edge.side < 0 else RoadOption.CHANGELANERIGHT


def _cross(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the vertical part of the cross product, positive for a turn to the right."""
    return float(first[0] * second[1] - first[1] * second[0])


def _chord(edge: RouteEdge) -> NDArray[np.float64]:
    """Return the (3,) unit vector from entry to exit."""
    start, end = edge.entry.transform.location, edge.exit.transform.location
    chord = np.array([end.x - start.x, end.y - start.y, end.z - start.z], dtype=np.float64)
    chord /= np.linalg.norm(chord) + np.finfo(np.float64).eps
    return chord
