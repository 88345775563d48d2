"""Routes as XML text, and files that are written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import quoteattr

from lead.files import write_whole
from lead.routes.model import DEFAULT_WEATHER, Route, ScenarioConfig
from lead.routes.sampler.errors import SamplerError


def routes_xml(routes: Iterable[Route], comment: str = "") -> str:
    """Return the text of a route file.

    Args:
        routes: Routes in the order of the file.
        comment: Words at the top.
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    if comment:
        lines.append(f"<!-- {comment.replace('--', '- -')} -->")
    lines.append("<routes>")
    for route in routes:
        lines += _route(route)
    return "\n".join([*lines, "</routes>", ""])


def check_free(paths: Iterable[Path], force: bool) -> None:
    """Check that files may be written.

    Raises:
        SamplerError: If one is there, and may not be replaced.
    """
    there = [path for path in paths if path.exists()]
    if there and not force:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise SamplerError(f"{there[0]} exists{more}; --force replaces files")


def write_routes(path: Path, text: str) -> None:
    """Write a file, with its folder; an interrupted run leaves no half of it.

    Raises:
        SamplerError: If the file cannot be written.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise SamplerError(f"cannot write {path} ({error.strerror})") from error


def _route(route: Route) -> list[str]:
    lines = [f"  <route id={quoteattr(route.id)} town={quoteattr(route.town)}>", "    <weathers>"]
    for frame in route.weather:
        values = {name: number for name, number in frame.values.items() if number != DEFAULT_WEATHER[name]}
        attributes = "".join(f' {name}="{number:g}"' for name, number in values.items())
        lines.append(f'      <weather route_percentage="{frame.percentage:g}"{attributes}/>')
    lines += ["    </weathers>", "    <waypoints>"]
    lines += [f'      <position x="{x:.1f}" y="{y:.1f}" z="{z:.1f}"/>' for x, y, z in route.keypoints.tolist()]
    lines.append("    </waypoints>")
    if route.scenarios:
        lines += [
            "    <scenarios>",
            *(line for each in route.scenarios for line in _scenario(each)),
            "    </scenarios>",
        ]
    else:
        lines.append("    <scenarios/>")
    return [*lines, "  </route>"]


def _scenario(scenario: ScenarioConfig) -> list[str]:
    point = scenario.trigger
    place = f'x="{point.x:.1f}" y="{point.y:.1f}" z="{point.z:.1f}" yaw="{point.yaw_deg:.1f}"'
    lines = [
        f"      <scenario name={quoteattr(scenario.name)} type={quoteattr(scenario.type)}>",
        f"        <trigger_point {place}/>",
    ]
    for name, attributes in scenario.parameters.items():
        text = "".join(f" {key}={quoteattr(word)}" for key, word in attributes.items())
        lines.append(f"        <{name}{text}/>")
    return [*lines, "      </scenario>"]
