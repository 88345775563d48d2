"""Reading of OpenDRIVE XML into flat arrays and small records.

The reader keeps exactly what the simulator needs (reference lines, lanes, signals, controllers, solid
objects) and nothing else: a large CARLA town has 90 MB of XML, so no element is visited twice and no tree
outlives `parse`. Numbers stay in OpenDRIVE's own frame (right-handed, y left) here; `lane_geometry` converts
to CARLA's frame.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from lead.errors import LeadError
from lead.maps.layout import ROAD_MARK_DTYPE, LaneType, MarkColor, MarkKind

DEFAULT_LATITUDE_DEG = 42.0
DEFAULT_LONGITUDE_DEG = 2.0
# Kinds of objects that nothing in a compiled map is made of; large towns have more than 20,000 of the first
# two.
_IGNORED_OBJECT_TYPES = frozenset({"parking", "parkingSpace"})
_LANE_TYPES = {
    "none": LaneType.NONE,
    "driving": LaneType.DRIVING,
    "shoulder": LaneType.SHOULDER,
    "sidewalk": LaneType.SIDEWALK,
    "parking": LaneType.PARKING,
    "biking": LaneType.BIKING,
    "median": LaneType.MEDIAN,
    "border": LaneType.BORDER,
}
_MARK_KINDS = {
    "solid": MarkKind.SOLID,
    "broken": MarkKind.BROKEN,
    "solid solid": MarkKind.SOLID_SOLID,
    "solid broken": MarkKind.SOLID_BROKEN,
    "broken solid": MarkKind.BROKEN_SOLID,
    "broken broken": MarkKind.BROKEN_BROKEN,
    "curb": MarkKind.CURB,
}
_MARK_COLORS = {color.name.lower(): color for color in MarkColor} | {"standard": MarkColor.WHITE}
_MARK_WIDTH_M = 0.12
_Element: TypeAlias = Any  # lxml elements; typing each attribute access would hide the code


class OpenDriveError(LeadError):
    """The text is not an OpenDRIVE road network that can be compiled; the message is one sentence."""


class GeometryKind(IntEnum):
    """Shape of one piece of a reference line."""

    CURVATURE = 0  # line, arc and spiral: params are curvature at start and end, 1/m
    POLYNOMIAL = 1  # poly3 and paramPoly3: params are u(p), v(p) coefficients and the range of p


@dataclass(frozen=True)
class CubicTable:
    """Piecewise cubic functions of s, several owners in one table sorted by owner, then s.

    Attributes:
        owner: int64 [n], index of the road or lane that a record belongs to.
        s: float64 [n], station at which a record starts, m.
        abcd: float64 [n, 4], coefficients in powers of (s - start).
    """

    owner: NDArray[np.int64]
    s: NDArray[np.float64]
    abcd: NDArray[np.float64]


@dataclass(frozen=True)
class RoadLink:
    """What a road is joined to at one of its ends; `at_start` tells which end of the other road."""

    is_junction: bool
    element_id: int
    at_start: bool


@dataclass(frozen=True)
class Validity:
    """Inclusive range of lane ids."""

    first: int
    last: int


@dataclass(frozen=True)
class SignalPlace:
    """A signal's own station or a reference to it: where, and for which lanes, it is valid."""

    signal_id: str
    road: int
    s: float
    orientation: str
    validities: tuple[Validity, ...]


@dataclass(frozen=True)
class SignalElement:
    """A physical signal. Positions are relative to the reference line of `place.road`."""

    place: SignalPlace
    name: str
    kind: str
    subtype: str
    value: float
    t: float
    z_offset: float
    h_offset_rad: float
    pitch_rad: float
    roll_rad: float
    height: float


@dataclass(frozen=True)
class RoadObject:
    """An object beside or on a road.

    Attributes:
        corners: float64 [k, 4], u, v, z, height in the object's frame, or s, t, z, height if
            `corners_on_road`.
        repeats: float64 [m, 8], s, length, distance, t at start and end, width, height and z offset at start.
    """

    object_id: str
    name: str
    kind: str
    road: int
    s: float
    t: float
    z_offset: float
    heading_rad: float
    orientation: str
    length: float
    width: float
    height: float
    corners: NDArray[np.float64]
    corners_on_road: bool
    repeats: NDArray[np.float64]


@dataclass(frozen=True)
class Controller:
    """A controller with the ids of its signals, in file order, each once."""

    controller_id: int
    sequence: int
    signal_ids: tuple[str, ...]


@dataclass(frozen=True)
class RoadNetwork:
    """Roads, sections and lanes as flat arrays. Indices are positions in these arrays, not OpenDRIVE ids.

    Lanes of a section are ordered: right side from the centre outwards, then left side from the centre
    outwards; the centre lane is left out. `lane_rank` is the number of lanes between a lane and the centre.
    """

    road_id: NDArray[np.int64]
    road_length: NDArray[np.float64]
    road_junction: NDArray[np.int64]
    predecessors: list[RoadLink | None]
    successors: list[RoadLink | None]
    geometry_road: NDArray[np.int64]
    geometry: NDArray[np.float64]  # [n, 5] s, x, y, heading, length
    geometry_kind: NDArray[np.uint8]
    geometry_params: NDArray[np.float64]  # [n, 9]
    elevation: CubicTable
    lane_offset: CubicTable
    section_road: NDArray[np.int64]
    section_start: NDArray[np.float64]
    section_end: NDArray[np.float64]
    section_first_lane: NDArray[np.int64]  # [sections + 1]
    lane_section: NDArray[np.int64]
    lane_id: NDArray[np.int64]
    lane_type: NDArray[np.uint8]
    lane_rank: NDArray[np.int64]
    lane_predecessor: NDArray[np.int64]  # lane id in the linked section, 0: none
    lane_successor: NDArray[np.int64]
    lane_width: CubicTable


@dataclass(frozen=True)
class OpenDrive:
    """The parts of one OpenDRIVE file that a compiled map is made of."""

    latitude_deg: float
    longitude_deg: float
    network: RoadNetwork
    road_marks: NDArray[np.void]  # ROAD_MARK_DTYPE
    signals: list[SignalElement]
    references: list[SignalPlace]
    objects: list[RoadObject]
    controllers: list[Controller]
    junction_controllers: list[tuple[int, int]]  # junction id, controller id


def parse(opendrive: str) -> OpenDrive:
    """Reads an OpenDRIVE text.

    Args:
        opendrive: XML text of a file of revision 1.x.

    Returns:
        The road network, signals, objects and controllers.

    Raises:
        OpenDriveError: The text is not XML, not OpenDRIVE, or has no drivable road network.
    """
    collecting = gc.isenabled()
    gc.disable()  # millions of small objects and no cycles: collections would take a third of the time
    try:
        return _read(opendrive)
    except etree.XMLSyntaxError as error:
        raise OpenDriveError(f"The map is not well-formed XML: {error}.") from error
    except (TypeError, ValueError) as error:
        raise OpenDriveError(f"The map has a missing or malformed attribute: {error}.") from error
    finally:
        if collecting:
            gc.enable()


def _read(opendrive: str) -> OpenDrive:
    # A declared encoding would contradict the str; bytes with a forced encoding accept both.
    parser = etree.XMLParser(encoding="utf-8", huge_tree=True, resolve_entities=False, no_network=True)
    root: _Element = etree.fromstring(opendrive.encode("utf-8"), parser)
    if root.tag != "OpenDRIVE":
        raise OpenDriveError(f"The map is not OpenDRIVE: its root element is <{root.tag}>.")
    reader = _Reader()
    for index, road in enumerate(root.iterchildren("road")):
        reader.read_road(index, road)
    latitude, longitude = _geo_reference(root)
    return OpenDrive(
        latitude_deg=latitude,
        longitude_deg=longitude,
        network=reader.network(),
        road_marks=reader.marks(),
        signals=reader.signals,
        references=reader.references,
        objects=reader.objects,
        controllers=[_controller(element) for element in root.iterchildren("controller")],
        junction_controllers=[
            (int(junction.get("id")), int(controller.get("id")))
            for junction in root.iterchildren("junction")
            for controller in junction.iterchildren("controller")
        ],
    )


def _geo_reference(root: _Element) -> tuple[float, float]:
    """Latitude and longitude of the origin; like the client, only +lat_0 and +lon_0 are read."""
    text = root.findtext("header/geoReference") or ""
    values = []
    for key, default in (("lat_0", DEFAULT_LATITUDE_DEG), ("lon_0", DEFAULT_LONGITUDE_DEG)):
        match = re.search(rf"\+{key}=([-+0-9.eE]+)", text)
        try:
            values.append(float(match.group(1)) if match else default)
        except ValueError:
            values.append(default)
    return values[0], values[1]


def _controller(element: _Element) -> Controller:
    signal_ids = dict.fromkeys(control.get("signalId", "") for control in element.iterchildren("control"))
    return Controller(int(element.get("id")), int(_number(element, "sequence")), tuple(signal_ids))


def _number(element: _Element, key: str, default: float = 0.0) -> float:
    text = element.get(key)
    return float(text) if text else default


def _cubic(element: _Element) -> tuple[float, float, float, float]:
    return (
        _number(element, "a"),
        _number(element, "b"),
        _number(element, "c"),
        _number(element, "d"),
    )


def _children(element: _Element, parent: str, tag: str) -> Iterator[_Element]:
    """Grandchildren of an element: <parent><tag/>... ."""
    for holder in element.iterchildren(parent):
        yield from holder.iterchildren(tag)


def _link(road: _Element, tag: str) -> RoadLink | None:
    for link in _children(road, "link", tag):
        return RoadLink(
            link.get("elementType") == "junction",
            int(link.get("elementId")),
            link.get("contactPoint") == "start",
        )
    return None


def _validities(element: _Element) -> tuple[Validity, ...]:
    return tuple(
        Validity(int(item.get("fromLane")), int(item.get("toLane"))) for item in element.iterchildren("validity")
    )


class _CubicRows:
    """Collects the records of one `CubicTable`."""

    def __init__(self) -> None:
        self.owner: list[int] = []
        self.rows: list[tuple[float, float, float, float, float]] = []

    def add(self, owner: int, s: float, element: _Element) -> None:
        self.owner.append(owner)
        self.rows.append((s, *_cubic(element)))

    def table(self) -> CubicTable:
        rows = np.array(self.rows, dtype=np.float64).reshape(-1, 5)
        owner = np.array(self.owner, dtype=np.int64)
        order = np.lexsort((rows[:, 0], owner))
        return CubicTable(owner[order], rows[order, 0], rows[order, 1:])


class _Reader:
    """Gathers all roads of a file into growing lists."""

    def __init__(self) -> None:
        self.signals: list[SignalElement] = []
        self.references: list[SignalPlace] = []
        self.objects: list[RoadObject] = []
        self._roads: list[tuple[int, float, int]] = []
        self._predecessors: list[RoadLink | None] = []
        self._successors: list[RoadLink | None] = []
        self._geometry_road: list[int] = []
        self._geometry: list[tuple[float, ...]] = []
        self._geometry_kind: list[int] = []
        self._geometry_params: list[tuple[float, ...]] = []
        self._elevation = _CubicRows()
        self._lane_offset = _CubicRows()
        self._width = _CubicRows()
        self._sections: list[tuple[int, float, float]] = []
        self._section_first_lane: list[int] = [0]
        self._lanes: list[tuple[int, int, int, int, int, int]] = []
        self._marks: list[tuple[int, int, int, float, float, int, int, float]] = []

    def read_road(self, index: int, road: _Element) -> None:
        length = float(road.get("length"))
        self._roads.append((int(road.get("id")), length, int(road.get("junction") or -1)))
        self._predecessors.append(_link(road, "predecessor"))
        self._successors.append(_link(road, "successor"))
        for geometry in _children(road, "planView", "geometry"):
            self._read_geometry(index, geometry)
        for elevation in _children(road, "elevationProfile", "elevation"):
            self._elevation.add(index, float(elevation.get("s")), elevation)
        for offset in _children(road, "lanes", "laneOffset"):
            self._lane_offset.add(index, float(offset.get("s")), offset)
        sections = list(_children(road, "lanes", "laneSection"))
        starts = [float(section.get("s")) for section in sections]
        for number, (section, start, end) in enumerate(zip(sections, starts, [*starts[1:], length], strict=True)):
            self._read_section(index, section, start, end)
            self._read_marks((int(road.get("id")), number), section, start, end)
        for element in _children(road, "signals", "signal"):
            self.signals.append(self._read_signal(index, element))
        for element in _children(road, "signals", "signalReference"):
            self.references.append(self._read_place(index, element))
        for element in _children(road, "objects", "object"):
            if element.get("type") not in _IGNORED_OBJECT_TYPES:
                self.objects.append(_read_object(index, element))

    def _read_geometry(self, road: int, element: _Element) -> None:
        length = float(element.get("length"))
        shape = next(iter(element.iterchildren(tag=etree.Element)), None)
        kind = GeometryKind.CURVATURE
        if shape is None or shape.tag == "line":
            params: tuple[float, ...] = (0.0, 0.0)
        elif shape.tag == "arc":
            params = (_number(shape, "curvature"),) * 2
        elif shape.tag == "spiral":
            params = (_number(shape, "curvStart"), _number(shape, "curvEnd"))
        elif shape.tag == "poly3":
            kind, params = GeometryKind.POLYNOMIAL, (0.0, 1.0, 0.0, 0.0, *_cubic(shape), length)
        elif shape.tag == "paramPoly3":
            names = [f"{letter}{axis}" for axis in "UV" for letter in "abcd"]
            p_range = length if shape.get("pRange") == "arcLength" else 1.0
            kind, params = GeometryKind.POLYNOMIAL, (*(_number(shape, name) for name in names), p_range)
        else:
            raise OpenDriveError(f"The map uses the unknown reference line shape <{shape.tag}>.")
        if length <= 0.0:
            return
        self._geometry_road.append(road)
        self._geometry.append((*(float(element.get(key)) for key in ("s", "x", "y", "hdg")), length))
        self._geometry_kind.append(kind)
        self._geometry_params.append((*params, *(0.0,) * (9 - len(params))))

    def _read_section(self, road: int, section: _Element, start: float, end: float) -> None:
        index = len(self._sections)
        self._sections.append((road, start, max(start, end)))
        for side in ("right", "left"):
            lanes = [lane for lane in _children(section, side, "lane") if int(lane.get("id")) != 0]
            lanes.sort(key=lambda lane: abs(int(lane.get("id"))))
            for rank, lane in enumerate(lanes):
                lane_index = len(self._lanes)
                for width in lane.iterchildren("width"):
                    self._width.add(lane_index, start + float(width.get("sOffset")), width)
                links = [
                    next((int(item.get("id")) for item in _children(lane, "link", tag)), 0)
                    for tag in ("predecessor", "successor")
                ]
                lane_type = _LANE_TYPES.get(lane.get("type"), LaneType.OTHER)
                self._lanes.append((index, int(lane.get("id")), int(lane_type), rank, links[0], links[1]))
        self._section_first_lane.append(len(self._lanes))

    def _read_marks(self, place: tuple[int, int], section: _Element, start: float, end: float) -> None:
        for lane in section.iterfind("*/lane"):
            rows = [
                (start + _number(mark, "sOffset"), _MARK_KINDS.get(mark.get("type", ""), 0), mark)
                for mark in lane.iterchildren("roadMark")
            ]
            firsts = [row[0] for row in rows]
            for (first, kind, mark), last in zip(rows, [*firsts, end][1:], strict=True):
                if kind and last > first:
                    color = _MARK_COLORS.get(mark.get("color", ""), MarkColor.WHITE)
                    width = _number(mark, "width") or _MARK_WIDTH_M
                    self._marks.append((*place, int(lane.get("id")), first, last, kind, int(color), width))

    def marks(self) -> NDArray[np.void]:
        """ROAD_MARK_DTYPE [n], sorted by road, section and lane."""
        marks = np.array(self._marks, dtype=ROAD_MARK_DTYPE)
        return marks[np.lexsort((marks["start_s"], marks["lane_id"], marks["section"], marks["road_id"]))]

    def _read_place(self, road: int, element: _Element) -> SignalPlace:
        return SignalPlace(
            element.get("id", ""),
            road,
            float(element.get("s")),
            element.get("orientation", "none"),
            _validities(element),
        )

    def _read_signal(self, road: int, element: _Element) -> SignalElement:
        return SignalElement(
            place=self._read_place(road, element),
            name=element.get("name", ""),
            kind=element.get("type", ""),
            subtype=element.get("subtype", ""),
            value=_number(element, "value"),
            t=_number(element, "t"),
            z_offset=_number(element, "zOffset"),
            h_offset_rad=_number(element, "hOffset"),
            pitch_rad=_number(element, "pitch"),
            roll_rad=_number(element, "roll"),
            height=_number(element, "height"),
        )

    def network(self) -> RoadNetwork:
        if not self._roads or not self._geometry or not self._lanes:
            raise OpenDriveError("The map has no roads with geometry and lanes.")
        roads = np.array(self._roads, dtype=np.float64)
        sections = np.array(self._sections, dtype=np.float64)
        lanes = np.array(self._lanes, dtype=np.int64)
        return RoadNetwork(
            road_id=roads[:, 0].astype(np.int64),
            road_length=roads[:, 1],
            road_junction=roads[:, 2].astype(np.int64),
            predecessors=self._predecessors,
            successors=self._successors,
            geometry_road=np.array(self._geometry_road, dtype=np.int64),
            geometry=np.array(self._geometry, dtype=np.float64),
            geometry_kind=np.array(self._geometry_kind, dtype=np.uint8),
            geometry_params=np.array(self._geometry_params, dtype=np.float64),
            elevation=self._elevation.table(),
            lane_offset=self._lane_offset.table(),
            section_road=sections[:, 0].astype(np.int64),
            section_start=sections[:, 1],
            section_end=sections[:, 2],
            section_first_lane=np.array(self._section_first_lane, dtype=np.int64),
            lane_section=lanes[:, 0],
            lane_id=lanes[:, 1],
            lane_type=lanes[:, 2].astype(np.uint8),
            lane_rank=lanes[:, 3],
            lane_predecessor=lanes[:, 4],
            lane_successor=lanes[:, 5],
            lane_width=self._width.table(),
        )


def _read_object(road: int, element: _Element) -> RoadObject:
    outlines = [*element.iterchildren("outline"), *_children(element, "outlines", "outline")]
    corners: list[tuple[float, ...]] = []
    on_road = False
    for corner in outlines[0].iterchildren(tag=etree.Element) if outlines else ():
        on_road = corner.tag == "cornerRoad"
        keys = ("s", "t", "dz") if on_road else ("u", "v", "z")
        corners.append((*(_number(corner, key) for key in keys), _number(corner, "height")))
    repeat_keys = ("s", "length", "distance", "tStart", "tEnd", "widthStart", "heightStart", "zOffsetStart")
    repeats = [[_number(item, key) for key in repeat_keys] for item in element.iterchildren("repeat")]
    return RoadObject(
        object_id=element.get("id", ""),
        name=element.get("name") or "",
        kind=element.get("type") or "",
        road=road,
        s=_number(element, "s"),
        t=_number(element, "t"),
        z_offset=_number(element, "zOffset"),
        heading_rad=_number(element, "hdg"),
        orientation=element.get("orientation", "none"),
        length=_number(element, "length"),
        width=_number(element, "width"),
        height=_number(element, "height"),
        corners=np.array(corners, dtype=np.float64).reshape(-1, 4),
        corners_on_road=on_road,
        repeats=np.array(repeats, dtype=np.float64).reshape(-1, 8),
    )
