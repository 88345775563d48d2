"""Bodies of people: lofted limbs, torso, head, hair and clothes round the joints of a walker's skeleton.

Positions follow `lead.simulator.world.skeleton`: x forward, y right, z up. Sizes in the tables below are metres of a
person 1.80 m tall, scaled to the actual height. Riders of two-wheelers are built from the same parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lead.simulator.scenery.bodies.lofts import Array, limb, loft, ring, unit
from lead.simulator.scenery.materials import Label, Material
from lead.simulator.scenery.mesh import Color, Look, Mesh, MeshBuilder
from lead.simulator.world.blueprints import VERSIONS, BlueprintLibrary
from lead.simulator.world.skeleton import STRIDE_PER_HEIGHT, WALKER_BONES, walking_pose

Joints = Mapping[str, Array]
Build = Literal["male", "female", "child"]
Headgear = Literal["none", "hat", "helmet", "full_face"]

_TALL_M = 1.8
_SOLE_M = 0.08
"""Height of the ankle above the sole."""
_HEAD_M = 0.236
_TOE_SLOPE = np.arctan2(0.06, 0.14)
"""How far the line from ankle to toe joint points down when the sole is level, radians."""
_WALKING_MPS = 1.4

_CHAINS = (
    "crl_root crl_hips__C crl_spine__C crl_spine01__C crl_neck__C crl_Head__C crl_eye__{0}",
    "crl_spine01__C crl_shoulder__{0} crl_arm__{0} crl_foreArm__{0} crl_hand__{0}",
    "crl_hips__C crl_thigh__{0} crl_leg__{0} crl_foot__{0} crl_toe__{0}",
)
_PARENTS = {
    joint: parent
    for side in "LR"
    for chain in (names.format(side).split() for names in _CHAINS)
    for parent, joint in pairwise(chain)
}
"""Joints that carry the body and the joints that they hang on; parents first."""
_INDEX = {name: number for number, name in enumerate(WALKER_BONES)}

_TORSO: dict[Build, tuple[tuple[float, float, float], ...]] = {
    "male": ((-0.06, 0.150, 0.115), (0.12, 0.145, 0.108), (0.30, 0.172, 0.122), (0.44, 0.180, 0.105)),
    "female": ((-0.06, 0.165, 0.118), (0.12, 0.122, 0.092), (0.30, 0.150, 0.122), (0.44, 0.158, 0.092)),
    "child": ((-0.06, 0.148, 0.118), (0.12, 0.145, 0.118), (0.30, 0.155, 0.118), (0.44, 0.160, 0.100)),
}
"""From hips to shoulders: height above the hip joint, half width, half depth."""
_HEAD = ((0, 0.034, 0.04, 0.04), (0.16, 0.058, 0.078, 0.018), (0.48, 0.073, 0.096, 0.006), (0.72, 0.076, 0.098, 0),
         (0.86, 0.056, 0.068, -0.008))  # fmt: skip
"""From chin to crown: share of `_HEAD_M`, half width, half depth, middle from the neck's axis forward."""
_HAIR = ((0.38, 0.068, 0.062, -0.045), (0.66, 0.084, 0.09, -0.026), (0.84, 0.076, 0.094, -0.01), (1, 0, 0, -0.01))
_LONG_HAIR = ((-0.25, 0.08, 0.03, -0.085), (0.15, 0.088, 0.055, -0.06), *_HAIR[1:])
_HAT = ((0.7, 0.115, 0.145, 0.01), (0.74, 0.086, 0.108, 0), (0.9, 0.078, 0.096, 0), (1, 0, 0, 0))
_HELMET = ((0.4, 0.088, 0.086, -0.034), (0.6, 0.1, 0.122, -0.004), (0.84, 0.082, 0.104, 0), (1, 0, 0, 0))
_FULL_FACE = ((-0.06, 0.08, 0.104, 0.016), (0.24, 0.104, 0.134, 0.012), *_HELMET[1:])
_VISOR = ((0.3, 0.096, 0.08, 0.064), (0.62, 0.09, 0.074, 0.06))
_SHOE = ((-0.07, 0.026, 0.034), (-0.02, 0.042, 0.062), (0.06, 0.044, 0.054), (0.14, 0.048, 0.034), (0.20, 0.030, 0.020))
"""From heel to tip: forward from the ankle, half width, half height."""

_SKINS: tuple[Color, ...] = ((236, 196, 168), (222, 176, 144), (198, 146, 112), (152, 104, 74), (104, 70, 50))
_FIRST_DARK = 3
_HAIRS: tuple[Color, ...] = ((34, 28, 26), (62, 44, 34), (104, 74, 48), (176, 138, 84), (112, 52, 34))
_GREY_HAIR: Color = (138, 134, 130)
_TOPS: tuple[Color, ...] = (
    (214, 214, 210), (36, 40, 48), (52, 76, 118), (146, 44, 42), (74, 98, 72), (196, 162, 84), (60, 118, 128),
)  # fmt: skip
_BOTTOMS: tuple[Color, ...] = ((44, 56, 86), (34, 34, 38), (84, 84, 88), (122, 104, 80), (66, 82, 114), (64, 56, 50))
_SHOES: tuple[Color, ...] = ((28, 26, 26), (72, 50, 36), (206, 206, 204), (86, 90, 96))


@dataclass(frozen=True)
class Outfit:
    """How a person looks; colours are display colours, 0 to 255.

    Attributes:
        skin: Of face, hands and what clothes leave bare.
        hair: Of the hair.
        top: Of shirt or jacket, and of a hat.
        bottom: Of trousers or skirt.
        shoes: Of the shoes, and of bag and helmet.
        build: Proportions of the body.
        skirt: A skirt to the knees instead of trousers.
        long_sleeves: Sleeves to the wrists instead of the elbows.
        long_hair: Hair to the shoulders.
        headgear: What is worn on the head.
        bag: A bag on the back.
        top_material: CLOTH, which the instance's tint multiplies, or PLAIN where the tint is that of a machine.
    """

    skin: Color
    hair: Color
    top: Color
    bottom: Color
    shoes: Color
    build: Build = "male"
    skirt: bool = False
    long_sleeves: bool = True
    long_hair: bool = False
    headgear: Headgear = "none"
    bag: bool = False
    top_material: Material = Material.CLOTH


@cache
def _library() -> BlueprintLibrary:
    return BlueprintLibrary(VERSIONS[-1])


@cache
def outfit_of(blueprint_id: str) -> Outfit:
    """What the people of a blueprint wear: always the same, in every process.

    Args:
        blueprint_id: E.g. ``walker.pedestrian.0001``; gender and age are the catalogue's, unknown ids get any.
    """
    dice = hashlib.blake2b(blueprint_id.encode(), digest_size=16).digest()
    blueprint = _library().by_id.get(blueprint_id)
    known = {attribute.id: attribute.default for attribute in blueprint.attributes} if blueprint else {}
    female = known.get("gender", "female" if dice[0] % 2 else "male") == "female"
    dark_skin, child = dice[1] % len(_SKINS) >= _FIRST_DARK, known.get("age") == "child"
    hairs = (_HAIRS[:2] if dark_skin else _HAIRS) + (() if child else (_GREY_HAIR,))
    return Outfit(
        skin=_SKINS[dice[1] % len(_SKINS)],
        hair=hairs[dice[2] % len(hairs)],
        top=_TOPS[dice[3] % len(_TOPS)],
        bottom=_BOTTOMS[dice[4] % len(_BOTTOMS)],
        shoes=_SHOES[dice[5] % len(_SHOES)],
        build="child" if child else "female" if female else "male",
        skirt=female and dice[6] % 3 == 0,
        long_sleeves=dice[7] % 3 > 0,
        long_hair=female and dice[8] % 4 > 0,
        headgear="hat" if dice[9] % 6 == 0 else "none",
        bag=dice[10] % 4 == 0,
    )


@lru_cache(maxsize=256)
def walker_poses(outfit: Outfit, extent: tuple[float, float, float], phases: int) -> tuple[Mesh, ...]:
    """A walking person, for renderers that show the nearest of a few shapes.

    Args:
        outfit: What the person looks like.
        extent: Half sizes of the walker's box, metres; the height counts.
        phases: Number of shapes per stride.

    Returns:
        `phases` + 1 meshes in the walker's frame (see :func:`walker_body`): number i < `phases` after i / `phases` of
        a stride of `STRIDE_PER_HEIGHT` heights, the last one standing.
    """
    height = 2.0 * extent[2]
    moments = [(STRIDE_PER_HEIGHT * height * index / phases, _WALKING_MPS) for index in range(phases)] + [(0.0, 0.0)]
    return tuple(walker_body(_joint_positions(height, *moment), outfit, extent) for moment in moments)


def _joint_positions(height: float, way: float, speed: float) -> Array:
    """Joints (n, 3) of a walker as :func:`walker_body` takes them; those that carry no flesh stay 0."""
    relative = walking_pose(height, way, speed)
    poses = np.tile(np.eye(4), (len(WALKER_BONES), 1, 1))
    for name, parent in _PARENTS.items():
        poses[_INDEX[name]] = poses[_INDEX[parent]] @ relative[_INDEX[name]]
    return np.asarray(poses[:, :3, 3])


def walker_body(bones: Array, outfit: Outfit, extent: tuple[float, float, float]) -> Mesh:
    """A person in any pose.

    Args:
        bones: float64 (n, 3), metres: positions of the joints `WALKER_BONES` in the frame of `BonePoses.component`, x
            forward, y right, z up from the ground between the feet (``bones.component[:, :3, 3]``).
        outfit: What the person looks like.
        extent: Half sizes of the walker's box, metres.

    Returns:
        A mesh with label PEDESTRIANS in the walker's frame: origin in the middle of the box, soles at -extent z. A
        standing person is 2 extent z tall; arms and strides reach out of the sides of the box.
    """
    builder = MeshBuilder()
    scale = 2.0 * extent[2] / _TALL_M
    # A bent knee may put an ankle too low: the person rises until both soles are above the ground.
    sunk = _SOLE_M * scale - bones[[_INDEX["crl_foot__L"], _INDEX["crl_foot__R"]], 2].min()
    shift = np.array([0.0, 0.0, max(float(sunk), 0.0) - extent[2]])
    joints = {name: bones[_INDEX[name]] + shift for name in _PARENTS}
    add_person(builder, joints, scale, outfit, Label.PEDESTRIANS, floor=-extent[2])
    return builder.build()


def add_person(
    builder: MeshBuilder, joints: Joints, scale: float, outfit: Outfit, label: Label, floor: float = -np.inf
) -> None:
    """Flesh and clothes round joints.

    Args:
        builder: Gets the triangles.
        joints: Positions (3,) in metres of hips, spine, neck, head, eyes, arms, hands, thighs, legs, feet and toes by
            the names of `WALKER_BONES`; x forward, y right, z up.
        scale: Height of the person / 1.80 m.
        outfit: What it looks like.
        label: Of all triangles.
        floor: Height of the ground in metres, below which no foot tilts.
    """
    hips = joints["crl_hips__C"]
    up = unit(joints["crl_neck__C"] - hips)
    right = joints["crl_thigh__R"] - joints["crl_thigh__L"]
    right = unit(right - up * (right @ up))
    body = _Body(builder, joints, scale, outfit, label, right, up, np.cross(right, up))
    _trunk(body)
    for side in "LR":
        _leg(body, side, floor)
        _arm(body, side)
    _head(body)
    wide, deep = _TORSO[outfit.build][0][1:]
    if outfit.skirt:
        left_knee, right_knee = joints["crl_leg__L"], joints["crl_leg__R"]
        step = abs(float((right_knee - left_knee) @ body.forward)) / (2.0 * scale)
        waist = [body.ring(hips + z * scale * up, size * wide, size * deep) for z, size in ((0.05, 1.0), (-0.08, 1.18))]
        hem = body.ring(0.5 * (left_knee + right_knee) + 0.04 * scale * up, 1.4 * wide, 1.25 * deep + step)
        loft(builder, [*waist, hem], body.look(outfit.bottom))
    if outfit.bag:
        middle = joints["crl_spine01__C"] - 0.16 * scale * body.forward
        bag = [body.ring(middle + height * scale * up, 0.14, 0.08) for height in (-0.14, 0.13)]
        loft(builder, bag, body.look(outfit.shoes))


@dataclass(frozen=True, eq=False)
class _Body:
    """What the parts of a body have in common; `right`, `up` and `forward` are the trunk's axes."""

    builder: MeshBuilder
    joints: Joints
    scale: float
    outfit: Outfit
    label: Label
    right: Array
    up: Array
    forward: Array

    def look(self, color: Color, material: Material = Material.PLAIN) -> Look:
        return Look(color, material, self.label)

    def ring(self, middle: Array, wide: float, deep: float) -> Array:
        """A level section of the trunk with these half axes before scaling."""
        return ring(middle, wide * self.scale * self.right, deep * self.scale * self.forward, 8)

    def limb(self, path: Sequence[Array], radii: ArrayLike, look: Look) -> None:
        limb(self.builder, path, self.scale * np.asarray(radii), look, self.right)


def _trunk(body: _Body) -> None:
    """Hips, chest, shoulders and neck, bent along the spine."""
    scale, outfit = body.scale, body.outfit
    spine = np.array([body.joints[f"crl_{name}__C"] for name in ("hips", "spine", "spine01", "neck")])

    def section(height: float, wide: float, deep: float) -> Array:
        middle = np.array([np.interp(height, [0.0, 0.12, 0.30, 0.54], spine[:, axis]) for axis in range(3)])
        return body.ring(middle + min(height, 0.0) * scale * body.up, wide, deep)

    torso = _TORSO[outfit.build]
    wide, deep = torso[0][1:]
    seat = ((-0.13, 0.55 * wide, 0.7 * deep), (-0.07, wide, deep), (0.02, 0.84 * wide, 0.84 * deep))
    loft(body.builder, [section(*row) for row in seat], body.look(outfit.bottom))
    chest = [section(torso[0][0] - 0.02, 1.1 * wide, 1.06 * deep)]
    chest += [section(height, 1.04 * wide, 1.04 * deep) for height, wide, deep in torso[1:]]
    chest += [section(0.50, 0.78 * torso[-1][1], 0.074), section(0.535, 0.060, 0.056)]
    loft(body.builder, chest, body.look(outfit.top, outfit.top_material))
    throat = [spine[-1] - 0.02 * scale * body.up, body.joints["crl_Head__C"] + 0.04 * scale * body.up]
    body.limb(throat, (0.054, 0.052), body.look(outfit.skin, Material.SKIN))


def _leg(body: _Body, side: str, floor: float) -> None:
    """Thigh, shin and shoe."""
    scale, outfit, right = body.scale, body.outfit, body.right
    hip, knee, ankle, toe = (body.joints[f"crl_{name}__{side}"] for name in ("thigh", "leg", "foot", "toe"))
    look = body.look(outfit.skin, Material.SKIN) if outfit.skirt else body.look(outfit.bottom)
    calf = knee + 0.35 * (ankle - knee)
    body.limb([hip, hip + 0.35 * (knee - hip), knee, calf, ankle], (0.074, 0.078, 0.058, 0.056, 0.042), look)
    ahead = unit(toe - ankle)
    across = unit(right - ahead * (right @ ahead))
    ahead = np.cos(_TOE_SLOPE) * ahead + np.sin(_TOE_SLOPE) * np.cross(ahead, across)
    ahead = _levelled(ahead, (ankle[2] - floor) / scale)
    upward = np.cross(ahead, across)
    rings = []
    for x, wide, high in _SHOE:
        # A hexagon with a vertex on either side stands on its lower edge.
        middle = ankle + scale * (x * ahead + (np.sin(np.pi / 3) * high - _SOLE_M) * upward)
        rings.append(ring(middle, wide * scale * across, high * scale * upward, 6))
    loft(body.builder, rings, body.look(outfit.shoes))


def _levelled(ahead: Array, ankle: float) -> Array:
    """Direction (3,) of a foot, tilted less where heel or tip would sink; `ankle` = its height in body sizes."""
    level = float(np.hypot(ahead[0], ahead[1]))
    if level < 0.2:
        return ahead
    sines = ahead[2] * np.linspace(1.0, 0.0, 21)
    lowest = ankle - _SOLE_M * np.sqrt(1.0 - sines**2) + np.minimum(_SHOE[0][0] * sines, _SHOE[-1][0] * sines)
    sine = sines[np.argmax(lowest >= min(lowest[-1], 0.0))]
    return np.array([*(ahead[:2] * np.sqrt(1.0 - sine**2) / level), sine])


def _arm(body: _Body, side: str) -> None:
    """Shoulder to finger tips."""
    scale, outfit = body.scale, body.outfit
    shoulder, elbow, wrist = (body.joints[f"crl_{name}__{side}"] for name in ("arm", "foreArm", "hand"))
    girth = 0.88 if outfit.build == "female" else 1.0
    sleeve, skin = body.look(outfit.top, outfit.top_material), body.look(outfit.skin, Material.SKIN)
    inward = (1.0 if side == "L" else -1.0) * body.right
    inner = shoulder + scale * (0.07 * inward + 0.035 * body.up)
    round_off = shoulder + scale * (0.025 * inward + 0.012 * body.up)
    body.limb([inner, round_off, shoulder, elbow], np.array([0.0, 0.046, 0.054, 0.046]) * girth, sleeve)
    body.limb([elbow, wrist], np.array([0.045, 0.032]) * girth, sleeve if outfit.long_sleeves else skin)
    way = scale * unit(wrist - elbow)
    fingers = [wrist + reach * way for reach in (-0.01, 0.06, 0.13, 0.16)]
    body.limb(fingers, np.array([0.03, 0.04, 0.028, 0.0]) * girth, skin)


def _head(body: _Body) -> None:
    """Head with hair and what is worn on it; its top is that of the person."""
    scale, outfit = body.scale, body.outfit
    base, left, right = (body.joints[f"crl_{name}"] for name in ("Head__C", "eye__L", "eye__R"))
    side = unit(right - left)
    gaze = 0.5 * (left + right) - base
    gaze = unit(gaze - side * (gaze @ side))
    slope = np.arctan2(0.06, 0.09)  # At rest the eyes are 0.09 m before and 0.06 m above the joint.
    forward = np.cos(slope) * gaze - np.sin(slope) * np.cross(gaze, side)
    up = np.cross(forward, side)
    size = scale * (1.18 if outfit.build == "child" else 1.0)
    crown = base + 0.18 * scale * up

    def shell(rows: Sequence[tuple[float, float, float, float]], color: Color, material: Material) -> None:
        rings = []
        for share, wide, deep, ahead in rows:
            middle = crown + size * ((share - 1.0) * _HEAD_M * up + ahead * forward)
            rings.append(ring(middle, size * wide * side, size * deep * forward, 8))
        loft(body.builder, rings, body.look(color, material))

    if outfit.headgear != "full_face":
        shell(_HEAD, outfit.skin, Material.SKIN)
        _face(body, (crown, size * side, size * up, size * forward))
    if outfit.headgear in ("none", "hat"):
        hair = _LONG_HAIR if outfit.long_hair else _HAIR
        shell(hair if outfit.headgear == "none" else hair[:-1], outfit.hair, Material.PLAIN)
    if outfit.headgear == "hat":
        shell(_HAT, outfit.top, outfit.top_material)
    elif outfit.headgear != "none":
        shell(_HELMET if outfit.headgear == "helmet" else _FULL_FACE, outfit.shoes, Material.PLASTIC)
    if outfit.headgear == "full_face":
        shell(_VISOR, (22, 24, 28), Material.GLASS)


def _face(body: _Body, frame: tuple[Array, Array, Array, Array]) -> None:
    """Eyes, brows, nose and mouth, so that one sees where somebody looks; frame: crown, and axes of a head's size."""
    crown, side, up, forward = frame

    def at(across: float, down: float, ahead: float) -> Array:
        return np.asarray(crown + across * side - down * up + ahead * forward)

    def plate(spans: tuple[float, float, float, float], ahead: float, color: Color) -> None:
        left, right, top, foot = spans
        tilt = 0.54 * np.array([left, right])
        corners = [at(left, top, ahead - abs(tilt[0])), at(right, top, ahead - abs(tilt[1]))]
        corners += [at(right, foot, ahead - abs(tilt[1])), at(left, foot, ahead - abs(tilt[0]))]
        body.builder.quad(corners, body.look(color), normal=forward)

    for way in (-1.0, 1.0):
        inner, outer = sorted((way * 0.018, way * 0.042))
        plate((inner, outer, 0.108, 0.122), 0.106, (238, 236, 230))
        pupil = sorted((way * 0.024, way * 0.036))
        plate((pupil[0], pupil[1], 0.107, 0.122), 0.1085, (34, 28, 26))
        plate((inner, outer, 0.096, 0.102), 0.107, body.outfit.hair)
    plate((-0.024, 0.024, 0.182, 0.190), 0.101, _lips(body.outfit.skin))
    bridge, tip = at(0.0, 0.112, 0.100), at(0.0, 0.155, 0.126)
    wings = [at(way * 0.016, 0.160, 0.098) for way in (-1.0, 1.0)]
    points, faces = [bridge, tip, *wings], [[0, 1, 2], [0, 1, 3], [1, 2, 3]]
    body.builder.triangles(points, faces, body.look(body.outfit.skin, Material.SKIN))


def _lips(skin: Color) -> Color:
    return skin[0] * 3 // 4, skin[1] // 2, skin[2] // 2
