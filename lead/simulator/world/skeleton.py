"""Bones of walkers and vehicles, as far as clients can ask for them or pose them.

Bodies are boxes to the simulation; the joints exist only when somebody asks. Every walker has the same skeleton with
CARLA's joint names, scaled to its height. It stands, or strides with the way it has walked, and a client may blend its
own pose into that. Joint frames are aligned with the actor's axes (x forward, y right, z up) when the body is at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from lead.geometry.frames import euler_deg_from_matrix, pose_matrices
from lead.simulator.world.actors import Actor
from lead.simulator.world.contacts import DOOR_OPEN_DEG
from lead.simulator.world.walkers import WalkerCrowd

Array = NDArray[np.float64]

_TALL_M = 1.8
"""Height of the body that the table below describes."""
_TRUNK = (
    ("crl_root", "", (0.0, 0.0, 0.0)),
    ("crl_hips__C", "crl_root", (0.0, 0.0, 0.98)),
    ("crl_spine__C", "crl_hips__C", (0.0, 0.0, 0.12)),
    ("crl_spine01__C", "crl_spine__C", (0.0, 0.0, 0.18)),
    ("crl_neck__C", "crl_spine01__C", (0.0, 0.0, 0.24)),
    ("crl_Head__C", "crl_neck__C", (0.01, 0.0, 0.10)),
)
_LIMBS = (
    ("crl_eye", "crl_Head__C", (0.09, 0.03, 0.06)),
    ("crl_shoulder", "crl_spine01__C", (0.0, 0.04, 0.18)),
    ("crl_arm", "crl_shoulder", (0.0, 0.14, 0.0)),
    ("crl_foreArm", "crl_arm", (0.0, 0.02, -0.28)),
    ("crl_hand", "crl_foreArm", (0.02, 0.0, -0.25)),
    ("crl_thigh", "crl_hips__C", (0.0, 0.09, -0.04)),
    ("crl_leg", "crl_thigh", (0.0, 0.0, -0.43)),
    ("crl_foot", "crl_leg", (0.0, 0.0, -0.43)),
    ("crl_toe", "crl_foot", (0.14, 0.0, -0.06)),
    ("crl_toeEnd", "crl_toe", (0.06, 0.0, 0.0)),
)
"""Right side; the left is its mirror image."""
_FINGERS = {"Thumb": 0.04, "Index": 0.03, "Middle": 0.01, "Ring": -0.01, "Pinky": -0.03}
"""Offset of a finger's first joint along x, metres."""
_KNUCKLES = (("", -0.08), ("01", -0.03), ("02", -0.02), ("End", -0.02))

STRIDE_PER_HEIGHT = 1.5 / _TALL_M
"""Length of a stride (two steps) in heights of the body."""
_STRIDE_SPEED_MPS = 1.4
_THIGH_SWING_DEG = 28.0
_KNEE_BEND_DEG = 45.0
_ARM_SWING_DEG = 20.0
_MAX_STRIDE = 1.4

_DOORS = ("Door_Front_Left", "Door_Front_Right", "Door_Rear_Left", "Door_Rear_Right")
_FOUR_WHEELS = ("Wheel_Front_Left", "Wheel_Front_Right", "Wheel_Rear_Left", "Wheel_Rear_Right")
_TWO_WHEELS = ("Wheel_Front", "Wheel_Rear")


@dataclass(frozen=True, eq=False)
class BonePoses:
    """Joints of one actor at one moment.

    Attributes:
        names: One per joint, parents before children.
        relative: float64 (n, 4, 4), in the frame of the parent joint.
        component: float64 (n, 4, 4), in the actor's frame; for walkers its origin is on the ground between the feet.
        world: float64 (n, 4, 4).
    """

    names: tuple[str, ...]
    relative: Array
    component: Array
    world: Array


def split_poses(matrices: Array) -> tuple[Array, Array]:
    """Locations (n, 3) in metres and rotations (n, 3) as pitch, yaw, roll in degrees of poses (n, 4, 4)."""
    return matrices[:, :3, 3], euler_deg_from_matrix(matrices)


def _rows() -> list[tuple[str, str, tuple[float, float, float]]]:
    rows = list(_TRUNK)
    for side, sign in (("L", -1.0), ("R", 1.0)):
        for name, parent, (x, y, z) in _LIMBS:
            above = parent if parent.endswith("__C") else f"{parent}__{side}"
            rows.append((f"{name}__{side}", above, (x, sign * y, z)))
        for finger, first_x in _FINGERS.items():
            above, x = f"crl_hand__{side}", first_x
            for knuckle, z in _KNUCKLES:
                name = f"crl_hand{finger}{knuckle}__{side}"
                rows.append((name, above, (x, 0.0, z)))
                above, x = name, 0.0
    return rows


_ROWS = _rows()
WALKER_BONES = tuple(name for name, _, _ in _ROWS)
"""Names of a walker's joints, parents before children."""
_INDEX = {name: index for index, name in enumerate(WALKER_BONES)}
_PARENTS = [_INDEX.get(parent, -1) for _, parent, _ in _ROWS]
_OFFSETS = np.array([offset for _, _, offset in _ROWS])
_HIPS = _INDEX["crl_hips__C"]
_LEG_M = -(_OFFSETS[_INDEX["crl_leg__L"], 2] + _OFFSETS[_INDEX["crl_foot__L"], 2])


def _chain(relative: Array, parents: Sequence[int]) -> Array:
    """Poses in the frame of the first joint's parent from poses in the parents' frames."""
    poses = np.empty_like(relative)
    for index, parent in enumerate(parents):
        poses[index] = relative[index] if parent < 0 else poses[parent] @ relative[index]
    return poses


def walking_pose(height_m: float, way_m: float, speed_mps: float) -> Array:
    """Relative poses of all joints of a walker.

    Args:
        height_m: Height of the body.
        way_m: Way walked so far; one stride takes two steps.
        speed_mps: Speed; 0 stands, more swings further.

    Returns:
        float64 (n, 4, 4), one per name in :data:`WALKER_BONES`.
    """
    scale = height_m / _TALL_M
    phase = 2.0 * np.pi * way_m / (STRIDE_PER_HEIGHT * height_m)
    reach = min(speed_mps / _STRIDE_SPEED_MPS, _MAX_STRIDE)
    location, rotation_deg = _OFFSETS * scale, np.zeros_like(_OFFSETS)
    for side, swing in (("L", np.sin(phase)), ("R", -np.sin(phase))):
        forward = np.cos(phase) if side == "L" else -np.cos(phase)
        rotation_deg[_INDEX[f"crl_thigh__{side}"], 0] = reach * _THIGH_SWING_DEG * swing
        rotation_deg[_INDEX[f"crl_leg__{side}"], 0] = -reach * _KNEE_BEND_DEG * max(forward, 0.0)
        rotation_deg[_INDEX[f"crl_arm__{side}"], 0] = -reach * _ARM_SWING_DEG * swing
    # The straighter leg carries the body: legs apart, the hips come down.
    drop = 1.0 - np.cos(np.radians(reach * _THIGH_SWING_DEG * np.sin(phase)))
    location[_HIPS, 2] -= drop * _LEG_M * scale
    return pose_matrices(location, rotation_deg)


@dataclass
class _ClientPose:
    relative: Array
    weight: float = 0.0


class WalkerPoses:
    """What clients made of the walkers' joints.

    Args:
        crowd: The walkers.
    """

    def __init__(self, crowd: WalkerCrowd) -> None:
        self._crowd = crowd
        self._client: dict[int, _ClientPose] = {}

    def bones(self, actor: Actor) -> BonePoses:
        """Joints of a walker as they are shown: animation and client's pose, blended."""
        relative = self._animation(actor)
        client = self._client.get(actor.id)
        if client is not None and client.weight > 0.0:
            relative = _blend(relative, client.relative, client.weight)
        record = self._crowd.table.records[actor.row]
        component = _chain(relative, _PARENTS)
        feet = pose_matrices(np.array([0.0, 0.0, -actor.extent[2]]), np.zeros(3))
        world = pose_matrices(record["location"], record["rotation_deg"]) @ feet @ component
        return BonePoses(WALKER_BONES, relative, component, world)

    def _animation(self, actor: Actor) -> Array:
        velocity = self._crowd.table.records["velocity"][actor.row]
        way = float(self._crowd.column("way")[actor.row])
        return walking_pose(2.0 * actor.extent[2], way, float(np.hypot(velocity[0], velocity[1])))

    def take_animation(self, actor: Actor) -> None:
        """Make the animation of this moment the client's pose."""
        self._pose_of(actor).relative = self._animation(actor)

    def set_bones(self, actor: Actor, poses: dict[str, tuple[Array, Array]]) -> None:
        """Change joints of the client's pose, which starts as the animation of this moment.

        Args:
            actor: A walker.
            poses: Location (3,) metres and rotation (3,) degrees in the parent joint's frame, by joint name;
                unknown names are ignored.
        """
        relative = self._pose_of(actor).relative
        for name, (location, rotation_deg) in poses.items():
            if name in _INDEX:
                relative[_INDEX[name]] = pose_matrices(location, rotation_deg)

    def blend(self, actor: Actor, weight: float) -> None:
        """Show the client's pose with this weight, 0 to 1."""
        self._pose_of(actor).weight = weight

    def _pose_of(self, actor: Actor) -> _ClientPose:
        if actor.id not in self._client:
            self._client[actor.id] = _ClientPose(self._animation(actor))
        return self._client[actor.id]

    def forget(self, actor: Actor) -> None:
        """Drop the client's pose of an actor that is going; unknown ones are fine."""
        self._client.pop(actor.id, None)


def _blend(first: Array, second: Array, weight: float) -> Array:
    """Poses between two sets, joint by joint: straight lines and shortest turns."""
    blended = first.copy()
    blended[:, :3, 3] += weight * (second[:, :3, 3] - first[:, :3, 3])
    for index in np.flatnonzero(np.abs(second[:, :3, :3] - first[:, :3, :3]).max(axis=(1, 2)) > 1e-9):
        ends = Rotation.from_matrix(np.stack([first[index, :3, :3], second[index, :3, :3]]))
        blended[index, :3, :3] = Slerp([0.0, 1.0], ends)(weight).as_matrix()
    return np.asarray(blended)


def vehicle_bones(actor: Actor, wheel_yaw_deg: Sequence[float]) -> BonePoses:
    """Base, wheels and doors of a vehicle.

    Args:
        actor: A vehicle.
        wheel_yaw_deg: Steering angle of each wheel: front left, front right, rear left, rear right.
    """
    assert actor.vehicle is not None and actor.table is not None
    half_base, side = 0.5 * actor.vehicle.wheelbase_m, 0.85 * actor.extent[1]
    radius, two = actor.vehicle.wheel_radius_m, actor.vehicle.number_of_wheels == len(_TWO_WHEELS)
    names = ["Vehicle_Base", *(_TWO_WHEELS if two else _FOUR_WHEELS)]
    rows = [(0.0, 0.0, 0.0, 0.0)]
    for index in (0, 2) if two else range(4):
        y = 0.0 if two else side * (-1.0 if index % 2 == 0 else 1.0)
        rows.append((half_base if index < 2 else -half_base, y, radius, wheel_yaw_deg[index]))
    for index, name in enumerate(_DOORS if actor.vehicle.has_dynamic_doors else ()):
        sign = -1.0 if index % 2 == 0 else 1.0
        open_deg = -sign * DOOR_OPEN_DEG if actor.open_doors >> index & 1 else 0.0
        hinge = 0.25 * actor.extent[0] * (1.0 if index < 2 else -1.0)
        names.append(name)
        rows.append((hinge, sign * actor.extent[1], actor.extent[2], open_deg))
    table = np.array(rows)
    relative = pose_matrices(table[:, :3], table[:, 3:] * np.array([0.0, 1.0, 0.0]))
    record = actor.table.records[actor.row]
    world = pose_matrices(record["location"], record["rotation_deg"]) @ relative
    return BonePoses(tuple(names), relative, relative, world)
