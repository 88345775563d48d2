"""Small OpenDRIVE texts written by hand."""

from __future__ import annotations

LANES = """
<lanes><laneSection s="0">
  <left>
    <lane id="2" type="sidewalk"><width sOffset="0" a="2" b="0" c="0" d="0"/></lane>
    <lane id="1" type="driving"><link>{left_link}</link><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>
  </left>
  <center><lane id="0" type="none"/></center>
  <right>
    <lane id="-1" type="driving"><link>{right_link}</link><width sOffset="0" a="3" b="0.01" c="0" d="0"/></lane>
    <lane id="-2" type="shoulder"><width sOffset="0" a="1" b="0" c="0" d="0"/></lane>
  </right>
</laneSection></lanes>
"""


def road(
    road_id: int,
    length: float,
    geometry: str,
    *,
    junction: int = -1,
    links: str = "",
    elevation: str = "",
    extra: str = "",
    left_link: str = "",
    right_link: str = "",
) -> str:
    """A road with a driving lane on each side, a sidewalk on the left and a shoulder on the right."""
    lanes = LANES.format(left_link=left_link, right_link=right_link)
    return (
        f'<road name="r{road_id}" length="{length}" id="{road_id}" junction="{junction}"><link>{links}</link>'
        f"<planView>{geometry}</planView><elevationProfile>{elevation}</elevationProfile>{lanes}{extra}</road>"
    )


def geometry(s: float, x: float, y: float, heading: float, length: float, shape: str) -> str:
    """One piece of a reference line."""
    return f'<geometry s="{s}" x="{x}" y="{y}" hdg="{heading}" length="{length}">{shape}</geometry>'


def straight(length: float, x: float = 0.0, y: float = 0.0, heading: float = 0.0) -> str:
    """A straight reference line."""
    return geometry(0.0, x, y, heading, length, "<line/>")


def signal(signal_id: str, kind: str, s: float, t: float, *, inner: str = "", attributes: str = "") -> str:
    """A signal that faces traffic of the right lanes."""
    return (
        f'<signal id="{signal_id}" type="{kind}" s="{s}" t="{t}" zOffset="0" hOffset="0" orientation="-" '
        f'dynamic="yes" country="" subtype="-1" value="-1" {attributes}>{inner}</signal>'
    )


def reference(signal_id: str, s: float, lane: int) -> str:
    """A reference to a signal from another road."""
    return (
        f'<signalReference id="{signal_id}" s="{s}" t="0" orientation="-">'
        f'<validity fromLane="{lane}" toLane="{lane}"/></signalReference>'
    )


def opendrive(body: str, geo_reference: str = "") -> str:
    """A whole file."""
    header = f"<geoReference><![CDATA[{geo_reference}]]></geoReference>" if geo_reference else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OpenDRIVE><header revMajor="1" revMinor="4" name="" version="1">'
        f"{header}</header>{body}</OpenDRIVE>"
    )


def junction_town(extra_signals: str = "", controllers: str = "", junction_controllers: str = "") -> str:
    """Road 1 leads straight into junction 100 (road 2), road 3 leads out; all along x.

    Light L stands at the junction's entry and is referenced by the connecting road for lane -1.
    """
    entry = signal("L", "1000001", 1.0, -6.0, inner='<validity fromLane="0" toLane="0"/>')
    roads = [
        road(1, 60.0, straight(60.0), links='<successor elementType="junction" elementId="100"/>'),
        road(
            2,
            20.0,
            straight(20.0, x=60.0),
            junction=100,
            links='<predecessor elementType="road" elementId="1" contactPoint="end"/>'
            '<successor elementType="road" elementId="3" contactPoint="start"/>',
            extra=f"<signals>{entry}{reference('L', 0.5, -1)}{extra_signals}</signals>",
            right_link='<predecessor id="-1"/><successor id="-1"/>',
            left_link='<predecessor id="1"/><successor id="1"/>',
        ),
        road(3, 60.0, straight(60.0, x=80.0), links='<predecessor elementType="junction" elementId="100"/>'),
    ]
    connection = '<connection id="0" incomingRoad="1" connectingRoad="2" contactPoint="start">'
    junction = (
        f'<junction id="100" name="">{connection}<laneLink from="-1" to="-1"/></connection>'
        f"{junction_controllers}</junction>"
    )
    return opendrive("".join(roads) + controllers + junction)
