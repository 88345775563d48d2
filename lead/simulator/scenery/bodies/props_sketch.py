"""A sketch pad for props: shapes placed in shares of a prop's box, so that one maker serves boxes of any size.

Shares run from -1 to 1 along x (length) and y (width) and from 0 to 1 along z (height); thicknesses of bars are metres.
The looks here leave the object class open, `props.prop_body` gives it to the finished mesh.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from lead.simulator.scenery.faces import face_uv
from lead.simulator.scenery.materials import LampChannel, Material
from lead.simulator.scenery.mesh import Look, Mesh, MeshBuilder, Points

Span = tuple[float, float]
Point = tuple[float, float, float]

ORANGE = Look((238, 92, 22), Material.PLASTIC)
WHITE = Look((238, 238, 234), Material.PLASTIC)
RED = Look((196, 30, 32), Material.PLASTIC)
YELLOW = Look((236, 190, 40), Material.PLASTIC)
GREEN = Look((52, 104, 62), Material.PLASTIC)
BLUE = Look((38, 82, 148), Material.PLASTIC)
GREY = Look((118, 120, 122), Material.PLASTIC)
BLACK = Look((28, 28, 30), Material.PLASTIC)
RUBBER = Look((30, 30, 31), Material.RUBBER)
METAL = Look((158, 160, 162), Material.METAL)
IRON = Look((62, 64, 66), Material.METAL)
CHROME = Look((190, 192, 196), Material.CHROME)
GLASS = Look((96, 112, 118), Material.GLASS)
WOOD = Look((146, 108, 70), Material.WOOD)
DARK_WOOD = Look((98, 70, 48), Material.WOOD)
STONE = Look((168, 162, 150), Material.CONCRETE)
CLAY = Look((172, 92, 62), Material.PLAIN)
SOIL = Look((92, 74, 56), Material.SOIL)
CARDBOARD = Look((178, 138, 92), Material.PLAIN)
WATER = Look((84, 120, 132), Material.WATER)
AMBER = Look((255, 156, 24), Material.LAMP, channel=int(LampChannel.SPECIAL_1))
BARK = Look((92, 74, 60), Material.BARK)
LEAVES = Look((84, 108, 54), Material.FOLIAGE)

_WAYS = {"+x": (1.0, 0.0), "-x": (-1.0, 0.0), "+y": (0.0, 1.0), "-y": (0.0, -1.0)}


class Sketch:
    """A mesh under construction inside a box.

    Attributes:
        x: Half the length of the box in metres.
        y: Half its width.
        z: Its height.
        builder: What has been drawn so far, in metres.
    """

    def __init__(self, size: tuple[float, float, float]) -> None:
        self.x, self.y, self.z = size[0] / 2, size[1] / 2, size[2]
        self.builder = MeshBuilder()

    def build(self) -> Mesh:
        """The mesh so far, without the triangles that have shrunk to a line at the poles of balls."""
        mesh = self.builder.build()
        corners = mesh.vertices[mesh.triangles].astype(np.float64)
        areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        keep = areas > 1e-9 * max(self.x, self.y, self.z) ** 2
        per_triangle = ("triangles", "color", "material", "label", "channel", "object_id")
        return Mesh(**{name: array[keep] if name in per_triangle else array for name, array in vars(mesh).items()})

    def at(self, point: Point) -> Points:
        """Metres of a place given in shares."""
        return np.array(point, np.float64) * (self.x, self.y, self.z)

    def box(self, x: Span, y: Span, z: Span, look: Look, *, top: Span = (1.0, 1.0)) -> None:
        """An upright box from its spans; `top` scales the upper face."""
        low, high = self.at((x[0], y[0], z[0])), self.at((x[1], y[1], z[1]))
        self.builder.box(0.5 * (low + high), 0.5 * (high - low), look, top=top)

    def stripes(self, axis: int, spans: tuple[Span, Span, Span], looks: Sequence[Look], count: int) -> None:
        """A box cut along an axis (0, 1 or 2) into `count` equal pieces, whose looks take turns."""
        for index, (low, high) in enumerate(pairwise(np.linspace(*spans[axis], count + 1).tolist())):
            piece = list(spans)
            piece[axis] = (low, high)
            self.box(piece[0], piece[1], piece[2], looks[index % len(looks)])

    def bar(
        self, start: Point, end: Point, radius: float, look: Look, *, tip: float | None = None, sides: int = 6
    ) -> None:
        """A round bar of a radius in metres, `tip` at its end; wires of four sides have open ends."""
        first, last = self.at(start), self.at(end)
        self.builder.cylinder(first, last, radius, look, end_radius=tip, sides=sides, caps=sides > 4)

    def posts(self, xs: Sequence[float], ys: Sequence[float], z: Span, radius: float, look: Look) -> None:
        """An upright bar at each crossing of `xs` and `ys`."""
        for x in xs:
            for y in ys:
                self.bar((x, y, z[0]), (x, y, z[1]), radius, look)

    def wheels(self, xs: Sequence[float], ys: Sequence[float], radius: float, width: float) -> None:
        """Wheels standing on the ground, rolling along x; `radius` and `width` in metres."""
        height, half = radius / self.z, 0.5 * width / self.y
        for x in xs:
            for y in ys:
                self.bar((x, y - half, height), (x, y + half, height), radius, RUBBER, sides=10)
                self.bar((x, y - 1.1 * half, height), (x, y + 1.1 * half, height), 0.5 * radius, METAL, sides=8)

    def ball(self, center: Point, radii: Point, look: Look, *, sides: int = 10, rings: int = 6) -> None:
        """A ball stretched with the box."""
        self.builder.ellipsoid(self.at(center), self.at(radii), look, sides=sides, rings=rings)

    def lump(self, center: Point, radii: Point, look: Look, seed: int, *, rough: float = 0.14) -> None:
        """A crumpled ball, flattened where it would reach below the ground: foliage, bags, heaps."""
        rng = np.random.default_rng(seed)
        pad = MeshBuilder()
        sides, rings = 9, 6
        pad.ellipsoid([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], look, sides=sides, rings=rings)
        ball = pad.build()
        lumps = 1.0 + rough * rng.uniform(-1.5, 1.0, len(ball.vertices))
        lumps[:sides], lumps[-sides:] = 1.0, 1.0
        normals = ball.normals + 2.0 * rough * rng.standard_normal(ball.normals.shape)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        vertices = ball.vertices * lumps[:, None] * self.at(radii) + self.at(center)
        vertices[:, 2] = np.maximum(vertices[:, 2], 0.0)
        self.builder.triangles(vertices, ball.triangles, look, normals=normals)

    def lathe(
        self,
        profile: Sequence[tuple[float, float]],
        looks: Look | Sequence[Look],
        *,
        center: tuple[float, float] = (0.0, 0.0),
        radius: float | None = None,
        sides: int = 14,
    ) -> None:
        """A turned shape.

        Args:
            profile: (share of the radius, share of the height), upwards outside and downwards inside.
            looks: One for all, or one for each piece of the profile in turn.
            center: Of the axis, in shares.
            radius: Metres for a share of 1; None stretches the shape with the box.
            sides: Corners of its plan.
        """
        wide = np.array((self.x, self.y) if radius is None else (radius, radius))
        angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)
        ring = np.column_stack([np.cos(angle), np.sin(angle)])
        middle = self.at((*center, 0.0))[:2]
        here = np.arange(sides)
        after = (here + 1) % sides
        lower = np.stack([here, after, after + sides], axis=1)
        upper = np.stack([here, after + sides, here + sides], axis=1)
        for index, ((r0, z0), (r1, z1)) in enumerate(pairwise(profile)):
            rise, grow = (z1 - z0) * self.z, (r1 - r0) * float(wide.mean())
            normals = np.column_stack([ring / wide * wide.mean() * rise, np.full(sides, -grow)])
            normals /= np.linalg.norm(normals, axis=1, keepdims=True)
            circles = [
                np.column_stack([r * ring * wide + middle, np.full(sides, z * self.z)]) for r, z in ((r0, z0), (r1, z1))
            ]
            look = looks if isinstance(looks, Look) else looks[index % len(looks)]
            self.builder.triangles(
                np.concatenate(circles),
                np.concatenate([lower, upper]),
                look,
                normals=np.concatenate([normals, normals]),
            )

    def extrude(self, outline: Sequence[tuple[float, float]], span: Span, look: Look, *, along: str = "y") -> None:
        """A convex outline extruded level: (x, z) `along` y, or (y, z) `along` x."""
        count = len(outline)
        ends = [[(a, way, b) if along == "y" else (way, a, b) for a, b in outline] for way in span]
        points = np.array(ends[0] + ends[1]) * (self.x, self.y, self.z)
        faces = [[first, first + i, first + i + 1] for first in (0, count) for i in range(1, count - 1)]
        for i in range(count):
            j = (i + 1) % count
            faces += [[i, j, j + count], [i, j + count, i + count]]
        self.builder.triangles(points, faces, look)

    def panel(self, corners: Sequence[Point], look: Look) -> None:
        """A thin plate with three or four corners in order round it."""
        points = np.array(corners) * (self.x, self.y, self.z)
        self.builder.quad(points if len(points) == 4 else points[[0, 1, 2, 2]], look)

    def plate(self, name: str, center: Point, half: Span, way: str, *, repeat: int = 1) -> None:
        """A printed face, upright and readable from the side it looks to.

        Args:
            name: Of the face.
            center: Of the plate, in shares.
            half: Half its breadth and half its height, in shares.
            way: Where it looks: +x, -x, +y or -y.
            repeat: Prints side by side.
        """
        left, top, right, bottom = face_uv(name)
        nx, ny = _WAYS[way]
        reader_right = np.array([ny, -nx, 0.0])
        for low, high in pairwise(np.linspace(-half[0], half[0], repeat + 1).tolist()):
            corners = [
                (np.array(center) + a * reader_right + [0.0, 0.0, b]) * (self.x, self.y, self.z)
                for a, b in ((low, -half[1]), (high, -half[1]), (high, half[1]), (low, half[1]))
            ]
            texture = [[left, bottom], [right, bottom], [right, top], [left, top]]
            self.builder.quad(corners, Look((255, 255, 255), Material.FACE), uv=texture, normal=[nx, ny, 0.0])


Maker = Callable[[Sketch], None]


def quarter_turned(maker: Maker) -> Maker:
    """The same prop turned by a quarter, its x towards y, for boxes that lie the other way."""

    def make(sketch: Sketch) -> None:
        inner = Sketch((2 * sketch.y, 2 * sketch.x, sketch.z))
        maker(inner)
        turn = np.eye(4)
        turn[:2, :2] = [[0.0, -1.0], [1.0, 0.0]]
        sketch.builder.mesh(inner.build(), turn)

    return make
