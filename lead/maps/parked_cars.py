"""The meshes of parked cars that CARLA ships: their asset paths and sizes.

Clients spawn them as ``static.prop.mesh``. A real CARLA has the assets; the embedded simulator takes box and body from
here, and results that list obstacles take the box from here as well, since CARLA's own box of such an actor is empty.
"""

from __future__ import annotations

from dataclasses import dataclass

MESH_BLUEPRINT = "static.prop.mesh"
_FOLDER = "/Game/Carla/Static/Car/4Wheeled/ParkedVehicles"


@dataclass(frozen=True, slots=True)
class ParkedCar:
    """One mesh of a parked car.

    Attributes:
        name: Name without decoration.
        mesh_path: Value of the attribute ``mesh_path``.
        half_extent: Half length, width and height of the unscaled mesh, metres. It stands on its origin.
    """

    name: str
    mesh_path: str
    half_extent: tuple[float, float, float]


def _car(name: str, asset: str, half_extent: tuple[float, float, float], folder: str = "") -> ParkedCar:
    return ParkedCar(name, f"{_FOLDER}/{folder or name}/{asset}.{asset}", half_extent)


PARKED_CARS: tuple[ParkedCar, ...] = (
    _car("TeslaM3", "SM_TeslaM3_parked", (2.39589, 1.08173, 0.74383)),
    _car("Mini2021", "SM_Mini2021_parked", (2.27635, 1.09264, 0.88358)),
    _car("NissanPatrol2021", "SM_NissanPatrol2021_parked", (2.78291, 1.21757, 1.02257)),
    _car("Lincoln", "SM_LincolnParked", (2.44619, 1.11530, 0.76062)),
    _car("FordCrown", "SM_FordCrown_parked", (2.68284, 0.97323, 0.78748)),
    _car("MercedesCCC", "SM_MercedesCCC_Parked", (2.33682, 1.00115, 0.72598)),
    _car("Charger", "SM_ChargerParked", (2.50391, 1.04854, 0.76736)),
    _car("VolkswagenT2_2021", "SM_VolkswagenT2_2021_Parked", (2.22109, 0.93888, 0.99360), "VolkswagenT2"),
)
"""The row is the car's number in `lead.maps.parking.SLOT_DTYPE`."""

_BY_ASSET = {car.mesh_path.rpartition(".")[2].lower(): car for car in PARKED_CARS}


def parked_car_of(mesh_path: str) -> ParkedCar | None:
    """The parked car that a mesh path names, None for any other mesh.

    CARLA moved its assets between versions, so the asset's name decides and the folder does not.
    """
    return _BY_ASSET.get(mesh_path.rpartition("/")[2].rpartition(".")[2].lower())
