"""What surfaces are made of and which object class they belong to: the vocabulary of every mesh.

The renderer knows nothing of towns or vehicles; it sees triangles with a material (how they look), a label (the
class that ground-truth sensors report) and, for lamps, the switch that lights them.
"""

from __future__ import annotations

from enum import IntEnum


class Material(IntEnum):
    """How a triangle looks; values are stored in meshes and read by the shading kernels."""

    PLAIN = 0  # matte, albedo as it is
    ASPHALT = 1
    PAVING = 2  # slabs with joints, 0.6 m; sidewalks
    GRASS = 3
    SOIL = 4  # bare ground, gravel, dirt tracks
    FACADE = 5  # windows in a wall; uv = metres along the wall and above its foot
    FOLIAGE = 6
    BARK = 7
    PAINT = 8  # vehicle paint; albedo is multiplied by the instance's tint
    GLASS = 9
    MARKING = 10  # road paint
    METAL = 11  # galvanised steel: poles, rails
    ROOF = 12
    WATER = 13
    LAMP = 14  # switched light; `channel` is its bit in the instance's state
    EMISSIVE = 15  # always lit
    FACE = 16  # printed plate; uv = coordinates in the atlas of faces, 0 to 1
    RUBBER = 17
    CLOTH = 18  # albedo is multiplied by the instance's tint
    SKIN = 19
    CONCRETE = 20  # bridges, walls, barriers, kerbs
    BRICK = 21  # uv in metres
    CHROME = 22
    WOOD = 23
    PLASTIC = 24  # cones, bins: slightly glossy, untinted


class Label(IntEnum):
    """CARLA's 29 object classes (`CityObjectLabel`) as ground-truth sensors report them, 0.9.14 and later."""

    NONE = 0
    ROADS = 1
    SIDEWALKS = 2
    BUILDINGS = 3
    WALLS = 4
    FENCES = 5
    POLES = 6
    TRAFFIC_LIGHT = 7
    TRAFFIC_SIGNS = 8
    VEGETATION = 9
    TERRAIN = 10
    SKY = 11
    PEDESTRIANS = 12
    RIDER = 13
    CAR = 14
    TRUCK = 15
    BUS = 16
    TRAIN = 17
    MOTORCYCLE = 18
    BICYCLE = 19
    STATIC = 20
    DYNAMIC = 21
    OTHER = 22
    WATER = 23
    ROAD_LINES = 24
    GROUND = 25
    BRIDGE = 26
    RAIL_TRACK = 27
    GUARD_RAIL = 28


class LampChannel(IntEnum):
    """Bit of an instance's state that lights a LAMP triangle.

    For vehicles the bits are those of CARLA's `VehicleLightState`; traffic light heads and level tiles have their own.
    """

    POSITION = 0
    LOW_BEAM = 1
    HIGH_BEAM = 2
    BRAKE = 3
    RIGHT_BLINKER = 4
    LEFT_BLINKER = 5
    REVERSE = 6
    FOG = 7
    INTERIOR = 8
    SPECIAL_1 = 9
    SPECIAL_2 = 10
    SIGNAL_RED = 16
    SIGNAL_YELLOW = 17
    SIGNAL_GREEN = 18
    STREET = 24
