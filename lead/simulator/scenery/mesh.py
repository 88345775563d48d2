"""Triangle meshes with everything a sensor can ask of a surface, and a builder of simple shapes.

Meshes are plain numpy, independent of any rendering back end, so that scenery can be generated, cached and tested
without one. Colours are display colours (sRGB-like, 0 to 255); back ends decode them to linear reflectance by
squaring. Winding does not matter: surfaces are seen from both sides, the normals are for shading.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.simulator.scenery.materials import Label, Material

Points = NDArray[np.float64]
Color = tuple[int, int, int]

_BOX_SIGNS = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)], dtype=np.float64)
_BOX_QUADS = np.array(
    [[4, 5, 7, 6], [0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1]], dtype=np.int64
)
"""Corners of the top, back, front, left, right and bottom faces."""
_BOX_ALONG_Y = np.isin(np.arange(6), (1, 2))[:, None]
_BOX_LEVEL = np.isin(np.arange(6), (0, 5))[:, None]
_BOX_FACES = np.array([[4 * k + i for i in face] for k in range(6) for face in ((0, 1, 2), (0, 2, 3))], np.int64)
_BOX_NORMALS = np.repeat(np.sign(_BOX_SIGNS[_BOX_QUADS].sum(axis=1)), 4, axis=0)
_UNIT_UV = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles in a frame of their own (an actor's, or a tile's).

    Attributes:
        vertices: float32 (n, 3), metres.
        normals: float32 (n, 3), unit shading normals; flat faces have vertices of their own.
        uv: float32 (n, 2), what they mean depends on the material.
        triangles: int32 (m, 3), vertex indices.
        color: uint8 (m, 3), display colour of each triangle.
        material: uint8 (m,), `Material`.
        label: uint8 (m,), `Label`.
        channel: uint8 (m,), `LampChannel` of LAMP triangles, 0 elsewhere.
        object_id: int32 (m,), number of the level object that the triangle belongs to, 0 for none.
    """

    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    uv: NDArray[np.float32]
    triangles: NDArray[np.int32]
    color: NDArray[np.uint8]
    material: NDArray[np.uint8]
    label: NDArray[np.uint8]
    channel: NDArray[np.uint8]
    object_id: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.triangles)

    @property
    def nbytes(self) -> int:
        """Size of all arrays in bytes."""
        return sum(array.nbytes for array in vars(self).values())


@dataclass(frozen=True)
class Look:
    """Appearance shared by the triangles of one shape."""

    color: Color = (128, 128, 128)
    material: Material = Material.PLAIN
    label: Label = Label.STATIC
    channel: int = 0


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh with the triangles of several, in order; an empty mesh for none."""
    if not meshes:
        return MeshBuilder().build()
    firsts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    joined = {name: np.concatenate([getattr(mesh, name) for mesh in meshes]) for name in vars(meshes[0])}
    joined["triangles"] = np.concatenate(
        [mesh.triangles + np.int32(first) for mesh, first in zip(meshes, firsts, strict=True)]
    )
    return Mesh(**joined)


def transformed(mesh: Mesh, matrix: Points, object_id: int | None = None) -> Mesh:
    """A moved copy.

    Args:
        mesh: Any mesh.
        matrix: float64 (4, 4), may scale, also unevenly.
        object_id: Number for all its triangles; None keeps theirs.
    """
    linear = matrix[:3, :3]
    normals = mesh.normals @ np.linalg.inv(linear)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    fields = dict(vars(mesh))
    fields["vertices"] = (mesh.vertices @ linear.T + matrix[:3, 3]).astype(np.float32)
    fields["normals"] = normals.astype(np.float32)
    if object_id is not None:
        fields["object_id"] = np.full(len(mesh), object_id, np.int32)
    return Mesh(**fields)


def split_by_place(mesh: Mesh, parts: int) -> list[Mesh]:
    """A mesh in pieces: its extent from above is cut into `parts` by `parts` cells, each takes the triangles in it."""
    if not len(mesh):
        return []
    middle = mesh.vertices[mesh.triangles, :2].mean(axis=1)
    low, high = middle.min(axis=0), middle.max(axis=0)
    cell = np.minimum((middle - low) / np.maximum(high - low, 1e-6) * parts, parts - 1).astype(np.int64)
    number = cell[:, 0] * parts + cell[:, 1]
    pieces = []
    for one in np.unique(number):
        chosen = number == one
        used, corners = np.unique(mesh.triangles[chosen], return_inverse=True)
        per_triangle = ("color", "material", "label", "channel", "object_id")
        fields = {name: getattr(mesh, name)[chosen] for name in per_triangle}
        fields |= {name: getattr(mesh, name)[used] for name in ("vertices", "normals", "uv")}
        fields["triangles"] = corners.reshape(-1, 3).astype(np.int32)
        pieces.append(Mesh(**fields))
    return pieces


class MeshBuilder:
    """Collects shapes into a :class:`Mesh`; every method appends and returns nothing.

    Attributes:
        object_id: Number given to the triangles of the shapes that follow.
    """

    def __init__(self) -> None:
        self.object_id = 0
        self._count = 0
        self._vertices: list[Points] = [np.zeros((0, 3))]
        self._normals: list[Points] = [np.zeros((0, 3))]
        self._uv: list[Points] = [np.zeros((0, 2))]
        self._triangles: list[NDArray[np.int64]] = [np.zeros((0, 3), np.int64)]
        self._attributes: list[NDArray[np.uint8]] = [np.zeros((0, 6), np.uint8)]
        self._object_ids: list[NDArray[np.int32]] = [np.zeros(0, np.int32)]

    def build(self) -> Mesh:
        """The mesh of everything added so far."""
        attributes = np.concatenate(self._attributes)
        return Mesh(
            vertices=np.concatenate(self._vertices).astype(np.float32),
            normals=np.concatenate(self._normals).astype(np.float32),
            uv=np.concatenate(self._uv).astype(np.float32),
            triangles=np.concatenate(self._triangles).astype(np.int32),
            color=np.ascontiguousarray(attributes[:, :3]),
            material=np.ascontiguousarray(attributes[:, 3]),
            label=np.ascontiguousarray(attributes[:, 4]),
            channel=np.ascontiguousarray(attributes[:, 5]),
            object_id=np.concatenate(self._object_ids),
        )

    def triangles(
        self,
        vertices: ArrayLike,
        faces: ArrayLike,
        look: Look,
        *,
        normals: ArrayLike | None = None,
        uv: ArrayLike | None = None,
        color: ArrayLike | None = None,
        object_id: ArrayLike | None = None,
    ) -> None:
        """Any triangles.

        Args:
            vertices: (n, 3) metres.
            faces: (m, 3) vertex indices.
            look: Appearance.
            normals: (n, 3) for smooth shading; None gives every triangle its own vertices and flat normal, turned
                away from the shape's centre.
            uv: (n, 2); None means 0.
            color: (m, 3) colours per triangle instead of the look's.
            object_id: (m,) numbers per triangle instead of the builder's.
        """
        points = np.asarray(vertices, np.float64).reshape(-1, 3)
        corners = np.asarray(faces, np.int64).reshape(-1, 3)
        texture = np.zeros((len(points), 2)) if uv is None else np.asarray(uv, np.float64).reshape(-1, 2)
        if normals is None:
            middle = points.mean(axis=0) if len(points) else np.zeros(3)
            points, texture = points[corners].reshape(-1, 3), texture[corners].reshape(-1, 2)
            corners = np.arange(len(points)).reshape(-1, 3)
            shading = np.repeat(_flat_normals(points, corners, middle), 3, axis=0)
        else:
            shading = np.asarray(normals, np.float64).reshape(-1, 3)
        count = len(corners)
        rows = np.empty((count, 6), np.uint8)
        rows[:, :3] = look.color if color is None else np.asarray(color)
        rows[:, 3:] = look.material, look.label, look.channel
        self._vertices.append(points)
        self._normals.append(shading)
        self._uv.append(texture)
        self._triangles.append(corners + self._count)
        self._attributes.append(rows)
        ids = self.object_id if object_id is None else np.asarray(object_id)
        self._object_ids.append(np.broadcast_to(ids, (count,)).astype(np.int32))
        self._count += len(points)

    def mesh(self, mesh: Mesh, matrix: Points | None = None) -> None:
        """Another mesh, moved by a float64 (4, 4) matrix; its triangles get this builder's object id."""
        moved = mesh if matrix is None else transformed(mesh, matrix)
        self._vertices.append(moved.vertices.astype(np.float64))
        self._normals.append(moved.normals.astype(np.float64))
        self._uv.append(moved.uv.astype(np.float64))
        self._triangles.append(moved.triangles.astype(np.int64) + self._count)
        self._attributes.append(np.column_stack([moved.color, moved.material, moved.label, moved.channel]))
        self._object_ids.append(np.full(len(moved), self.object_id, np.int32))
        self._count += len(moved.vertices)

    def quad(
        self, corners: ArrayLike, look: Look, *, uv: ArrayLike | None = None, normal: ArrayLike | None = None
    ) -> None:
        """A flat quadrilateral (4, 3), corners in order round it; uv defaults to the unit square."""
        points = np.asarray(corners, np.float64)
        if normal is None:
            normal = np.cross(points[2] - points[0], points[3] - points[1])
        way = np.asarray(normal, np.float64)
        self.triangles(
            points,
            [[0, 1, 2], [0, 2, 3]],
            look,
            normals=np.broadcast_to(way / max(float(np.linalg.norm(way)), 1e-12), (4, 3)),
            uv=_UNIT_UV if uv is None else uv,
        )

    def strip(
        self,
        left: ArrayLike,
        right: ArrayLike,
        look: Look,
        *,
        normals: ArrayLike | None = None,
        keep: NDArray[np.bool_] | None = None,
    ) -> None:
        """A ribbon between two polylines of equal length; uv = metres along it and 0 (left) to 1 (right).

        Args:
            left: (n, 3) metres.
            right: (n, 3) metres.
            look: Appearance.
            normals: (n, 3), the same for both sides; None means straight up.
            keep: bool (n - 1,), pieces to draw; None draws all.
        """
        first, second = np.asarray(left, np.float64), np.asarray(right, np.float64)
        count = len(first)
        way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(0.5 * (first + second), axis=0), axis=1))])
        piece = np.arange(count - 1) if keep is None else np.flatnonzero(keep)
        faces = np.concatenate(
            [
                np.stack([piece, piece + 1, piece + 1 + count], axis=1),
                np.stack([piece, piece + 1 + count, piece + count], axis=1),
            ]
        )
        up = np.broadcast_to([0.0, 0.0, 1.0], (count, 3)) if normals is None else np.asarray(normals, np.float64)
        self.triangles(
            np.concatenate([first, second]),
            faces,
            look,
            normals=np.concatenate([up, up]),
            uv=np.concatenate([np.column_stack([way, np.zeros(count)]), np.column_stack([way, np.ones(count)])]),
        )

    def box(
        self,
        center: ArrayLike,
        half: ArrayLike,
        look: Look,
        *,
        yaw: float = 0.0,
        top: tuple[float, float] = (1.0, 1.0),
        bottom: bool = True,
    ) -> None:
        """An upright box; `top` scales its upper face (1, 1: none), `bottom` draws the lower one.

        uv of the sides = metres along the side and above the foot.
        """
        size = np.asarray(half, np.float64)
        points = _BOX_SIGNS * size
        points[4:, :2] *= top
        cos, sin = math.cos(yaw), math.sin(yaw)
        turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
        turned = points @ turn + np.asarray(center, np.float64)
        count = 6 if bottom else 5
        quads = _BOX_QUADS[:count]
        corners = turned[quads].reshape(-1, 3)
        local = points[quads]
        along = np.where(_BOX_ALONG_Y[:count], local[..., 1], local[..., 0])
        upward = np.where(_BOX_LEVEL[:count], local[..., 1], local[..., 2] + size[2])
        if top == (1.0, 1.0):
            normals = _BOX_NORMALS[: 4 * count] @ turn
        else:
            upper = (4 * np.arange(count))[:, None] + np.array([[0, 1, 2]])
            normals = np.repeat(_flat_normals(corners, upper, turned.mean(axis=0)), 4, axis=0)
        uv = np.stack([along, upward], axis=-1).reshape(-1, 2)
        self.triangles(corners, _BOX_FACES[: 2 * count], look, normals=normals, uv=uv)

    def cylinder(
        self,
        start: ArrayLike,
        end: ArrayLike,
        radius: float,
        look: Look,
        *,
        end_radius: float | None = None,
        sides: int = 8,
        caps: bool = True,
    ) -> None:
        """A round bar from one point to another; `end_radius` makes it a cone or a taper."""
        foot, tip = np.asarray(start, np.float64), np.asarray(end, np.float64)
        radii = radius, radius if end_radius is None else end_radius
        axis = (tip - foot) / max(float(np.linalg.norm(tip - foot)), 1e-12)
        helper = np.array([0.0, 0.0, 1.0]) if abs(axis[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
        across = np.cross(axis, helper)
        across /= np.linalg.norm(across)
        angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)
        ring = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * np.cross(axis, across)
        index, following = np.arange(sides), (np.arange(sides) + 1) % sides
        faces = np.concatenate(
            [
                np.stack([index, following, following + sides], axis=1),
                np.stack([index, following + sides, index + sides], axis=1),
            ]
        )
        body = np.concatenate([foot + ring * radii[0], tip + ring * radii[1]])
        self.triangles(body, faces, look, normals=np.concatenate([ring, ring]))
        for middle, size, way in ((foot, radii[0], -axis), (tip, radii[1], axis)):
            if caps and size > 1e-4:
                fan = np.stack([np.zeros(sides, np.int64), index + 1, following + 1], axis=1)
                rim = np.concatenate([middle[None], middle + ring * size])
                disc = np.concatenate(
                    [np.full((1, 2), 0.5), 0.5 + 0.5 * np.column_stack([np.cos(angle), np.sin(angle)])]
                )
                self.triangles(rim, fan, look, normals=np.broadcast_to(way, rim.shape), uv=disc)

    def ellipsoid(self, center: ArrayLike, radii: ArrayLike, look: Look, *, sides: int = 10, rings: int = 6) -> None:
        """A ball, or one stretched along the axes."""
        polar = np.linspace(0.0, np.pi, rings + 1)[:, None]
        angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)[None]
        unit = np.stack(
            [np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar) + 0.0 * angle], axis=-1
        ).reshape(-1, 3)
        size = np.broadcast_to(np.asarray(radii, np.float64), (3,))
        row, column = (grid.ravel() for grid in np.meshgrid(np.arange(rings), np.arange(sides), indexing="ij"))
        a, b = row * sides + column, row * sides + (column + 1) % sides
        faces = np.concatenate([np.stack([a, b, b + sides], axis=1), np.stack([a, b + sides, a + sides], axis=1)])
        normals = unit / size
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        self.triangles(unit * size + np.asarray(center, np.float64), faces, look, normals=normals)

    def prism(self, outline: ArrayLike, low: float, high: float, look: Look, *, sides: bool = True) -> None:
        """A convex outline (n, 2) extruded from `low` to `high`: roof, and walls with uv in metres."""
        plan = np.asarray(outline, np.float64)
        count = len(plan)
        roof = np.column_stack([plan, np.full(count, high)])
        fan = np.stack([np.zeros(count - 2, np.int64), np.arange(1, count - 1), np.arange(2, count)], axis=1)
        self.triangles(roof, fan, look, normals=np.broadcast_to([0.0, 0.0, 1.0], roof.shape))
        if not sides:
            return
        centre = plan.mean(axis=0)
        way = 0.0
        for start, end in zip(plan, np.roll(plan, -1, axis=0), strict=True):
            length = float(np.hypot(*(end - start)))
            outward = np.array([end[1] - start[1], start[0] - end[0], 0.0]) / max(length, 1e-12)
            outward *= np.sign(outward[:2] @ (0.5 * (start + end) - centre)) or 1.0
            wall = [[*start, low], [*end, low], [*end, high], [*start, high]]
            texture = [[way, 0.0], [way + length, 0.0], [way + length, high - low], [way, high - low]]
            self.quad(wall, look, uv=texture, normal=outward)
            way += length


def _flat_normals(points: Points, faces: NDArray[np.int64], middle: Points) -> Points:
    """Unit normals (m, 3) of triangles, pointing away from `middle`."""
    corners = points[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    inward = ((corners.mean(axis=1) - middle) * normals).sum(axis=1) < 0.0
    normals[inward] *= -1.0
    return np.asarray(normals)
