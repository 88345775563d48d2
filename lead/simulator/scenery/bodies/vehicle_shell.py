"""The shell of a vehicle: lower body with wheel arches, and greenhouse; surfaces that other parts are laid on.

Lamps, seams, grilles and prints are patches that follow these surfaces, so that none floats before a rounded nose or
drowns in it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lead.simulator.scenery.bodies.vehicle_plan import (
    CLEARANCE_M,
    GLASS_COLOR,
    STYLES,
    VehiclePlan,
    dark_of,
    look_of,
    paint_of,
)
from lead.simulator.scenery.materials import Material
from lead.simulator.scenery.mesh import Look, MeshBuilder

Array = NDArray[np.float64]
Surface = Callable[[Array, Array], Array]
"""From two coordinates (n,) to points (n, 3)."""

MIRROR_M = 0.06
"""How far mirrors stand out of the body on either side."""
DOOR_M = 1.15
SPARE_M = 0.16
"""How far a spare wheel stands out behind."""
_FACE_M = 0.02
"""What the ends leave free for plates and lamps that stand out."""
_ROWS = np.array([0.0, 0.10, 0.60, 0.93, 1.0])
_PLAN = (np.array([0.0, 0.78, 0.93, 1.0]), np.array([1.0, 1.0, 0.965, 0.88]))
_BOX_PLAN = (np.array([0.0, 0.9, 0.98, 1.0]), np.array([1.0, 1.0, 0.995, 0.975]))
_END_ROWS = np.array([0.0, 0.10, 0.40, 0.75, 1.0])
_FRONT_SHIFT_M, _REAR_SHIFT_M = np.array([-0.07, -0.02, 0.0, -0.02, -0.06]), np.array([-0.06, 0.0, 0.0, -0.03, -0.05])
_ARCH_POINTS = 9
_BOWED_M, _BOX_BOWED_M = 0.09, 0.03
_LIFT_M = 0.006


class Shell:
    """Measures of a body, and its surfaces.

    Attributes:
        half_length: Of the body without what stands out.
        half: Half the width of the body without mirrors.
        low: Height of the sills.
        top: Height of the roof.
        boxy: Whether it is a van, bus or lorry, whose corners are tight.
    """

    def __init__(self, builder: MeshBuilder, plan: VehiclePlan) -> None:
        self.builder, self.plan, self.style = builder, plan, STYLES[plan.style]
        style = self.style
        spare = SPARE_M if "spare" in style.extras else 0.0
        self.half_length, self.half = 0.5 * (plan.length - spare) - _FACE_M, plan.width / 2 - MIRROR_M
        self.low = max(CLEARANCE_M, 0.45 * plan.wheel_radius)
        self.top = style.roof * plan.height
        self.boxy = style.shoulder > 0.95 and plan.style != "jeep"
        self._deck = np.array(style.deck) * [self.half_length, plan.height]
        self.axles = (-plan.wheelbase / 2, plan.wheelbase / 2)
        self.arch_radius = 1.1 * plan.wheel_radius + 0.015
        # Wheels at the very ends leave no room for rounded corners.
        crowded = self.axles[1] + self.arch_radius > 0.93 * self.half_length
        self.arch_radius -= 0.05 * plan.wheel_radius if crowded else 0.0
        self._widths = _BOX_PLAN if self.boxy or crowded else _PLAN
        self._bowed = _BOX_BOWED_M if self.boxy or crowded else _BOWED_M
        self._sections = np.array([0.95, 0.97, 1.0, 0.5 + 0.5 * style.shoulder + 0.01, style.shoulder])

    def deck(self, x: ArrayLike) -> Array:
        """Height of the lower body's top."""
        return np.asarray(np.interp(np.asarray(x, np.float64), self._deck[:, 0], self._deck[:, 1]))

    def sill(self, x: ArrayLike) -> Array:
        """Height of its lower edge, which rises over the wheels."""
        where = np.asarray(x, np.float64)
        height = np.full(where.shape, self.low)
        for axle in self.axles:
            inside = np.abs(where - axle) <= self.arch_radius + 1e-6
            rise = np.sqrt(np.maximum(self.arch_radius**2 - (where - axle) ** 2, 0.0))
            height = np.where(inside, self.plan.wheel_radius + rise, height)
        return np.asarray(np.minimum(height, self.deck(where) - 0.02))

    def _share(self, x: Array, z: Array) -> Array:
        return np.asarray(np.clip((z - self.low) / (self.deck(x) - self.low), 0.0, 1.0))

    def breadth(self, x: Array, z: Array) -> Array:
        """Half the width of the lower body."""
        around = np.interp(np.abs(x) / self.half_length, *self._widths)
        return np.asarray(self.half * around * np.interp(self._share(x, z), _ROWS, self._sections))

    def _pushed(self, x: Array, z: Array, across: Array) -> Array:
        """x of points near the ends, which are drawn in below, above and at the corners."""
        end = np.clip((np.abs(x) / self.half_length - 0.93) / 0.07, 0.0, 1.0)
        share = self._share(x, z)
        shift = np.where(x > 0.0, *(np.interp(share, _END_ROWS, part) for part in (_FRONT_SHIFT_M, _REAR_SHIFT_M)))
        shift = shift - self._bowed * np.where(x > 0.0, 1.0, 0.7) * across**2
        return np.asarray(x + np.sign(x) * end * shift * (0.5 if self.boxy else 1.0))

    def side(self, way: float) -> Surface:
        """The side of the lower body, -1 left or 1 right, by x and z."""

        def points(x: Array, z: Array) -> Array:
            return np.stack([self._pushed(x, z, np.ones_like(x)), way * self.breadth(x, z), z], axis=-1)

        return points

    def end(self, way: float) -> Surface:
        """The front (1) or the rear (-1) by share of the width from -1 to 1 and z."""

        def points(across: Array, z: Array) -> Array:
            x = np.full(across.shape, way * self.half_length)
            return np.stack([self._pushed(x, z, across), across * self.breadth(x, z), z], axis=-1)

        return points

    def patch(
        self,
        surface: Surface,
        first: tuple[float, float],
        second: tuple[float, float],
        look: Look,
        *,
        lift: float = _LIFT_M,
        columns: int = 1,
        rows: int = 1,
    ) -> None:
        """A piece of a surface between bounds of its coordinates, lifted off it by `lift` metres."""
        a, b = np.meshgrid(np.linspace(*first, columns + 1), np.linspace(*second, rows + 1), indexing="ij")
        grid = surface(a.ravel(), b.ravel()).reshape(columns + 1, rows + 1, 3)
        skin(self.builder, grid, look, lift=lift)

    def top_of(self, way: float) -> float:
        """Height of the lower body's top at its front (1) or rear (-1)."""
        return float(self.deck(way * self.half_length))

    def door_edges(self) -> tuple[float, float, float]:
        """x of the front doors' hinges, of the pillar between the doors, and of the rear doors' rear edges."""
        front, rear = self.style.cabin[3] * self.half_length - 0.1, self.style.cabin[0] * self.half_length
        length = min(0.5 * (front - rear) - 0.02, DOOR_M)
        return front, front - length, front - 2.0 * length

    def wall(self, along: ArrayLike, share: ArrayLike, way: float) -> Array:
        """Points (n, 3) of a side of the greenhouse by shares of its length, from the rear, and of its height."""
        rear_foot, rear_roof, front_roof, front_foot = (part * self.half_length for part in self.style.cabin)
        u, v = np.broadcast_arrays(np.asarray(along, np.float64), np.asarray(share, np.float64))
        foot_x, roof_x = rear_foot + u * (front_foot - rear_foot), rear_roof + u * (front_roof - rear_roof)
        foot_y, roof_y = (way * part * self.cabin_taper(u) for part in self.cabin_widths())
        foot = np.stack([foot_x, foot_y, self.deck(foot_x)], axis=-1)
        roof = np.stack([roof_x, roof_y, 0.0 * u + self.top - self.roof_drop()], axis=-1)
        return np.asarray(foot + v[..., None] * (roof - foot))

    def window(self, x: ArrayLike, share: ArrayLike, way: float) -> Array:
        """The same by x, kept off the pillars at both ends, so that other edges of panes are upright."""
        rear_foot, rear_roof, front_roof, front_foot = (part * self.half_length for part in self.style.cabin)
        v = np.asarray(share, np.float64)
        rear, front = rear_foot + v * (rear_roof - rear_foot), front_foot + v * (front_roof - front_foot)
        margin = np.minimum(0.06 / np.maximum(front - rear, 0.05), 0.4)
        return self.wall(np.clip((np.asarray(x) - rear) / (front - rear), margin, 1.0 - margin), v, way)

    def cabin_widths(self) -> tuple[float, float]:
        """Half widths of the greenhouse at its foot and at the edge of the roof."""
        foot = (self.style.shoulder - 0.015) * self.half
        return foot, min((1.0 - self.style.tumblehome) * 0.97 * self.half, foot)

    def cabin_taper(self, along: Array) -> Array:
        """How much narrower the greenhouse is towards the rear, where the body is; by share of its length."""
        rear = self.style.cabin[0] * self.half_length
        ratio = min(float(np.interp(abs(rear) / self.half_length, *self._widths)) + 0.01, 1.0)
        return np.asarray(ratio + (1.0 - ratio) * np.clip(along, 0.0, 1.0))

    def roof_drop(self) -> float:
        """How much lower the roof's edge is than its middle."""
        return 0.045 if self.boxy else 0.06

    # -- surfaces -------------------------------------------------------------------------------------------------

    def add_lower_body(self) -> None:
        """Sides with arches, deck, ends and floor."""
        plan, low = self.plan, self.low
        stations = [*(0.93 * self.half_length * np.array([-1.0, 1.0])), *self._deck[:, 0]]
        for axle in self.axles:
            arch = axle + self.arch_radius * np.cos(np.linspace(0.0, np.pi, _ARCH_POINTS))
            stations += [*arch, axle - self.arch_radius - 2e-3, axle + self.arch_radius + 2e-3]
        x = np.unique(np.clip(np.round(stations, 5), -self.half_length, self.half_length))
        paint, dark = paint_of(plan), dark_of(plan)
        for way in (-1.0, 1.0):
            height = low + _ROWS * (self.deck(x)[:, None] - low)
            height = np.maximum(height, self.sill(x)[:, None])
            grid = self.side(way)(np.repeat(x, len(_ROWS)), height.ravel()).reshape(len(x), len(_ROWS), 3)
            bare = x <= self.style.chassis * self.half_length
            if bare.any():
                skin(self.builder, grid[: bare.sum()], dark, outward=[0.0, way, 0.0])
                grid = grid[bare.sum() - 1 :]
            skin(self.builder, grid[:, :2], dark, outward=[0.0, way, 0.0])
            skin(self.builder, grid[:, 1:], paint, outward=[0.0, way, 0.0])
            for axle in self.axles:
                self._add_arch(axle, way)
        self._add_deck(paint, dark)
        across = np.array([-1.0, -0.6, 0.0, 0.6, 1.0])
        for way in (-1.0, 1.0):
            z = low + _ROWS * (self.top_of(way) - low)
            grid = self.end(way)(np.tile(across, len(z)), np.repeat(z, len(across)))
            grid = grid.reshape(len(z), len(across), 3)
            skin(self.builder, grid[:2], dark, outward=[way, 0.0, 0.0])
            look = dark if way < 0 and self.style.chassis > -1.0 else paint
            skin(self.builder, grid[1:], look, outward=[way, 0.0, 0.0])
        inner = self.plan.wheelbase / 2 - self.arch_radius
        floor = look_of(plan, (14, 14, 15), Material.PLAIN)
        for start, end, wide in (
            (-0.96 * self.half_length, -inner, 0.5),
            (-inner, inner, 0.93),
            (inner, 0.96 * self.half_length, 0.5),
        ):
            self.builder.box(
                [0.5 * (start + end), 0.0, low + 0.03], [0.5 * (end - start), wide * self.half, 0.02], floor
            )

    def _add_deck(self, paint: Look, dark: Look) -> None:
        """Bonnet, boot lid or load bed: from shoulder to shoulder with a slight crown."""
        inner = 0.93 * self.half_length
        x = np.unique(np.concatenate([self._deck[:, 0], np.linspace(-inner, inner, 3)]))
        z = self.deck(x)
        edge = self.side(1.0)(x, z)
        crown = 0.0 if self.boxy else 0.025
        rows = []
        for share in (-1.0, -0.62, 0.0, 0.62, 1.0):
            row = edge * [1.0, share, 1.0]
            row[:, 0] = self._pushed(x, z, np.full(len(x), share))
            row[:, 2] += crown * (1.0 - share**2) * (np.abs(x) < 0.99 * self.half_length)
            rows.append(row)
        grid = np.stack(rows, axis=1)
        bare = int((x <= self.style.chassis * self.half_length).sum())
        if bare > 1:
            skin(self.builder, grid[:bare], dark, outward=[0.0, 0.0, 1.0])
            grid = grid[bare - 1 :]
        skin(self.builder, grid, paint, outward=[0.0, 0.0, 1.0])

    def _add_arch(self, axle: float, way: float) -> None:
        """The well of a wheel, dark, and on rough cars a plastic edge."""
        angle = np.linspace(0.0, np.pi, _ARCH_POINTS)
        x = axle + self.arch_radius * np.cos(angle)
        z = np.minimum(self.plan.wheel_radius + self.arch_radius * np.sin(angle), self.deck(x) - 0.02)
        x, z = np.concatenate([x[:1], x, x[-1:]]), np.concatenate([[self.low], z, [self.low]])
        outer = self.side(way)(x, z)
        inner = outer.copy()
        inner[:, 1] = way * 0.5 * self.half
        well = look_of(self.plan, (14, 14, 15), Material.PLAIN)
        skin(self.builder, np.stack([outer, inner], axis=0), well)
        bounds = [(x[1], self.low), (x[-2], self.low), (x[-2], z.max()), (x[1], z.max())]
        self.builder.quad([[a, inner[0, 1], b] for a, b in bounds], well, normal=[0.0, way, 0.0])
        if self.style.trim:
            stretch = 1.0 + 0.055 / self.arch_radius
            edge = outer + [0.0, 0.03 * way, 0.0]
            rim = np.column_stack([axle + (x - axle) * stretch, np.zeros(len(x)), z])
            rim[1:-1, 2] = self.plan.wheel_radius + (z[1:-1] - self.plan.wheel_radius) * stretch
            rim[:, 2] = np.minimum(rim[:, 2], self.deck(rim[:, 0]) - 0.01)
            rim[:, 1] = self.side(way)(rim[:, 0], rim[:, 2])[:, 1]
            skin(self.builder, np.stack([outer, edge, rim]), dark_of(self.plan))

    def add_cabin(self) -> None:
        """Roof, pillars and glass."""
        plan, style, builder = self.plan, self.style, self.builder
        rear_roof, front_roof = (share * self.half_length for share in style.cabin[1:3])
        roof_look = paint_of(plan) if style.roof_color is None else look_of(plan, style.roof_color, Material.PLASTIC)
        bulge = 0.4 * self.roof_drop()
        along = np.array([0.0, 0.3, 0.7, 1.0])
        x, narrow = rear_roof + (front_roof - rear_roof) * along, self.cabin_widths()[1] * self.cabin_taper(along)
        rise = np.array([0.0, 1.0, 1.0, 0.0]) * bulge
        rows = []
        for share, z in ((-1.0, 0.0), (-0.72, 0.6), (0.0, 0.6), (0.72, 0.6), (1.0, 0.0)):
            height = self.top - self.roof_drop() + z * self.roof_drop() + rise
            rows.append(np.column_stack([x, share * narrow, height]))
        skin(builder, np.stack(rows, axis=1), roof_look, outward=[0.0, 0.0, 1.0])
        feet = self.wall([0.0, 1.0], 0.0, 1.0)
        for foot, column, way in ((feet[0], 0, -1.0), (feet[1], -1, 1.0)):
            edge = np.array([row[column] for row in rows])
            header = np.column_stack([edge[:, :2], np.full(len(edge), edge[0, 2])])
            skin(builder, np.stack([header, edge]), roof_look, outward=[way, 0.0, 0.5])
            base = np.stack([foot * [1.0, -1.0, 1.0], foot]) - [0.0, 0.0, 0.01]
            skin(builder, np.stack([base, edge[[0, -1]]]), paint_of(plan), outward=[way, 0.0, 0.5])
            self._add_screen(way)
        for way in (-1.0, 1.0):
            wall = self.wall(along[:, None], [[0.0, 1.0]], way)
            wall = np.concatenate([wall, rows[4][:, None] * [1.0, way, 1.0]], axis=1)
            skin(builder, wall, paint_of(plan), outward=[0.0, way, 0.2])
            self._add_side_glass(way)

    def _glass_normal(self, way: float) -> Array:
        a, b, c = self.wall([0.4, 0.6, 0.4], [0.0, 0.0, 1.0], way)
        normal = np.cross(b - a, c - a)
        return np.asarray(normal / np.linalg.norm(normal) * (1.0 if normal[1] * way > 0.0 else -1.0))

    def screen(self, way: float, across: Array, up: Array) -> Array:
        """Points of the windscreen (1) or the rear window's plane (-1) by shares of width (-1 to 1) and height."""
        edge = self.wall(0.0 if way < 0 else 1.0, up, 1.0)
        return np.asarray(edge * np.stack([np.ones_like(across), across, np.ones_like(across)], axis=-1))

    def _add_screen(self, way: float) -> None:
        if way < 0 and not self.style.rear_glass:
            return
        dark, glass = dark_of(self.plan), look_of(self.plan, GLASS_COLOR, Material.GLASS)
        for wide, low, high, look, lift in ((0.95, 0.03, 0.97, dark, 0.008), (0.91, 0.07, 0.93, glass, 0.015)):
            corners = self.screen(way, wide * np.array([-1, 1, 1, -1.0]), np.array([low, low, high, high]))
            normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
            normal = normal / np.linalg.norm(normal) * (1.0 if normal[0] * way > 0.0 else -1.0)
            self.builder.quad(corners + lift * normal, look, normal=normal)

    def panes(self) -> list[tuple[float, float]]:
        """Where side windows begin and end: x of their feet, from the rear."""
        style = self.style
        rear, front = style.cabin[0] * self.half_length, style.cabin[3] * self.half_length
        first, last = (rear + share * (front - rear) for share in style.side_glass)
        if style.panes:
            return list(pairwise(np.linspace(first, last, style.panes + 1).tolist()))
        _, middle, back = self.door_edges()
        edges = [first, *(edge for edge in (back, middle) if first + 0.12 < edge < last - 0.12), last]
        return list(pairwise(edges))

    def _add_side_glass(self, way: float) -> None:
        """Panes in a dark frame."""
        glass, normal = look_of(self.plan, GLASS_COLOR, Material.GLASS), self._glass_normal(way)
        for start, end in self.panes():
            for gap, low, high, look, lift in (
                (0.0, 0.02, 0.95, dark_of(self.plan), 0.009),
                (0.035, 0.07, 0.9, glass, 0.017),
            ):
                x = [start + gap, end - gap, end - gap, start + gap]
                corners = self.window(x, [low, low, high, high], way)
                corners[:, 0] += np.array([1, -1, -1, 1]) * 0.5 * gap
                self.builder.quad(corners + lift * normal, look, normal=normal)


def skin(builder: MeshBuilder, grid: Array, look: Look, *, outward: ArrayLike | None = None, lift: float = 0.0) -> None:
    """A smooth skin over a grid of points (n, m, 3); `outward` (3,) is roughly where its normals shall point.

    Without it they point away from the middle of the vehicle.
    """
    n, m = grid.shape[:2]
    index = np.arange(n * m).reshape(n, m)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    points = grid.reshape(-1, 3)
    first, second, third = points[faces].transpose(1, 0, 2)
    areas = np.cross(second - first, third - first)
    whole = np.linalg.norm(areas, axis=1) > 1e-7
    total = areas.sum(axis=0)
    hint = points.mean(axis=0) * [1.0, 1.0, 0.0] if outward is None else np.asarray(outward, np.float64)
    areas *= np.sign(total @ hint) or 1.0
    normals = np.zeros_like(points)
    np.add.at(normals, faces[whole], areas[whole][:, None, :])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 1e-9, normals / np.maximum(length, 1e-9), [0.0, 0.0, 1.0])
    builder.triangles(points + lift * normals, faces[whole], look, normals=normals)
