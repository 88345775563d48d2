"""Which public benchmark a route belongs to, and where the files of a benchmark lie.

A route driven under another benchmark's rules gets a score that nobody can compare, so the runner asks here before
it starts. Routes are recognised by content, not by file name or id: ``catalogue.json`` holds fingerprints of all
public routes, written by :mod:`lead.routes.make_catalogue`; the routes themselves are not part of this project.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from lead.maps.towns import canonical_name
from lead.routes.model import Route, RouteError

CATALOGUE_PATH = Path(__file__).with_name("catalogue.json")
PUBLISHED_ROOT = PurePosixPath("data/benchmark_routes")
"""Folder of all benchmarks in a project."""
FOLDERS: Mapping[str, tuple[str, ...]] = {
    "bench2drive": ("bench2drive",),
    "longest6": ("longest6",),
    "town13": ("Town13",),
    "fail2drive": ("fail2drive", "fail2drive_split"),
}
"""Folders below :data:`PUBLISHED_ROOT` in which a benchmark's files may lie; downloads land in the first."""
SEED_STEP = 10_000
_FAIL2DRIVE_STEM = re.compile(r"(Base|Generalization)_[A-Za-z]+_(\d{4})")


@dataclass(frozen=True)
class Benchmark:
    """What is known about the public files of a benchmark.

    Attributes:
        name: As in the scoring profiles.
        fingerprints: Fingerprint by file stem, one route per file.
        contents: Digest of the content by path below :data:`PUBLISHED_ROOT`; includes files with all routes in one.
        more_fingerprints: Of routes that occur in the combined file only.
    """

    name: str
    fingerprints: Mapping[str, str]
    contents: Mapping[str, str]
    more_fingerprints: tuple[str, ...]

    @property
    def folder(self) -> PurePosixPath:
        """Published folder of the single-route files, from the project's root."""
        return PUBLISHED_ROOT / FOLDERS[self.name][0]


def route_fingerprint(route: Route) -> str:
    """Return a short hash of what makes a route the same route.

    Town, key points and the types and triggers of the scenarios count, rounded to 0.1 m and 0.1 degrees. Id, weather,
    scenario parameters and the layout of the file do not, so both members of some Fail2Drive pairs share one.

    Returns:
        16 hexadecimal digits.
    """
    triggers = [
        [scenario.type, *map(_tenths, (point.x, point.y, point.z)), _tenths(point.yaw_deg % 360.0) % 3600]
        for scenario in route.scenarios
        for point in (scenario.trigger,)
    ]
    keypoints = [[_tenths(value) for value in point] for point in route.keypoints.tolist()]
    return _digest([canonical_name(route.town), keypoints, sorted(triggers)])[:16]


def content_digest(routes: Iterable[Route]) -> str:
    """Return a hash of everything that is read from a file, independent of the layout of its XML.

    Returns:
        SHA-256 as 64 hexadecimal digits.
    """
    return _digest([_content(route) for route in routes])


def benchmarks() -> tuple[str, ...]:
    """Return the names of the public benchmarks, the same as those of the scoring profiles."""
    return tuple(FOLDERS)


@cache
def benchmark(name: str) -> Benchmark:
    """Look up a benchmark.

    Raises:
        RouteError: If there is no such benchmark; names the nearest.
    """
    if name not in FOLDERS:
        close = difflib.get_close_matches(name.lower(), FOLDERS, n=1, cutoff=0.0)[0]
        raise RouteError(f"there is no benchmark {name!r} with public routes; the nearest is {close!r}")
    data: dict[str, Any] = json.loads(CATALOGUE_PATH.read_text(encoding="utf-8"))[name]
    folder = FOLDERS[name][0]
    contents = {f"{folder}/{stem}.xml": content for stem, (_, content) in data["routes"].items()}
    return Benchmark(
        name=name,
        fingerprints={stem: fingerprint for stem, (fingerprint, _) in data["routes"].items()},
        contents={**contents, **data["combined"]},
        more_fingerprints=tuple(data["more_fingerprints"]),
    )


def benchmark_of(route: Route) -> str | None:
    """Return the name of the public benchmark that a route belongs to, None for any other route."""
    return _owners().get(route_fingerprint(route))


def foreign_benchmark(routes: Iterable[Route], profile_name: str) -> str | None:
    """Find a benchmark whose routes are about to be driven under another benchmark's rules.

    Args:
        routes: Routes of an evaluation.
        profile_name: Name of the scoring profile, without version.

    Returns:
        The first such benchmark; None if every route is the profile's own or belongs to no public benchmark.
    """
    owners = (benchmark_of(route) for route in routes)
    return next((owner for owner in owners if owner is not None and owner != profile_name), None)


def benchmark_route_files(name: str, root: Path) -> list[Path]:
    """List the route files of a benchmark.

    Args:
        name: Benchmark, such as "bench2drive".
        root: The project's folder, which contains ``data/benchmark_routes``.

    Returns:
        One file per route, sorted by id.

    Raises:
        RouteError: If the benchmark is unknown or files are missing; says how to download them.
    """
    stems = sorted(benchmark(name).fingerprints, key=_stem_order)
    folders = [root / PUBLISHED_ROOT / folder for folder in FOLDERS[name]]
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    files = [folder / f"{stem}.xml" for stem in stems]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise RouteError(
            f"{len(missing)} of the {len(files)} {name} routes are missing in {folder} (such as {missing[0]}); "
            f"run `lead routes download {name}`"
        )
    return files


def route_stem(path: Path) -> str:
    """Return the id of a benchmark route: the whole stem of its file.

    The public runner cuts it at the first underscore, which gives all routes of a Fail2Drive split the same id.
    """
    return path.stem


def fail2drive_split(stem: str) -> str:
    """Return "Base" or "Generalization".

    Raises:
        RouteError: If the stem is not of the form ``Base_Animals_0075``.
    """
    return _fail2drive_parts(stem)[0]


def fail2drive_traffic_seed(stem: str, seed: int) -> int:
    """Return the traffic seed of a Fail2Drive route, the same for both members of a pair.

    Args:
        stem: Stem of the route file, such as ``Generalization_Animals_1075``.
        seed: Seed of the repetition; the benchmark uses 1, 2 and 3.

    Returns:
        (id mod 1000) + 10000 times the seed.

    Raises:
        RouteError: If the stem is not of that form.
    """
    return int(_fail2drive_parts(stem)[1]) % 1000 + SEED_STEP * seed


def _fail2drive_parts(stem: str) -> tuple[str, str]:
    match = _FAIL2DRIVE_STEM.fullmatch(stem)
    if match is None:
        raise RouteError(f"{stem!r} is not the name of a Fail2Drive route, such as Base_Animals_0075")
    return match.group(1), match.group(2)


@cache
def _owners() -> Mapping[str, str]:
    """Benchmark by fingerprint."""
    return {
        fingerprint: name
        for name in FOLDERS
        for fingerprint in (*benchmark(name).fingerprints.values(), *benchmark(name).more_fingerprints)
    }


def _stem_order(stem: str) -> tuple[int, str]:
    return (int(stem) if stem.isdecimal() else 0, stem)


def _tenths(value: float) -> int:
    return round(value * 10.0)


def _content(route: Route) -> list[Any]:
    scenarios = [
        [
            item.name,
            item.type,
            [item.trigger.x, item.trigger.y, item.trigger.z, item.trigger.yaw_deg],
            {name: dict(attributes) for name, attributes in item.parameters.items()},
            [dict(attributes) for attributes in item.other_actors],
        ]
        for item in route.scenarios
    ]
    weather = [[frame.percentage, dict(frame.values)] for frame in route.weather]
    return [route.id, route.town, route.keypoints.tolist(), weather, scenarios]


def _digest(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
