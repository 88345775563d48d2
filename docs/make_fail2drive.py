"""The sheet of Fail2Drive's animals and plates in the embedded simulator, `docs/images/fail2drive-assets.jpg`.

python docs/make_fail2drive.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bodies_sheet import Pose, Studio, actor_of, captioned, short
from gallery_support import Image, save, sheet

from lead.geometry.frames import rotation_matrices
from lead.simulator.scenery.bodies.catalogue import GAIT_PHASES, prop_mesh, walker_mesh
from lead.simulator.scenery.mesh import Mesh, transformed
from lead.simulator.world.blueprints import VERSIONS, Blueprint, BlueprintLibrary

SIZE_PX = (220, 172)
COLUMNS = 6
SIDE_YAW_DEG, PLATE_YAW_DEG = 62.0, -72.0
"""Animals are seen from the side; plates, which face who drives towards them, from a little aside."""
OUT = Path(__file__).parent / "images"


def added(library: BlueprintLibrary, category: str) -> list[Blueprint]:
    """Blueprints of a category that the stock library does not have."""
    stock = BlueprintLibrary(library.version).by_id
    return [each for each in library.by_id.values() if each.category == category and each.id not in stock]


def stood_up(mesh: Mesh) -> Mesh:
    """A plate as its scenarios hang it up."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrices(0.0, 0.0, 90.0)
    return transformed(mesh, matrix)


def pictures(studio: Studio, library: BlueprintLibrary) -> list[Image]:
    """All of them, animals first."""
    images = []
    for number, blueprint in enumerate(added(library, "walker")):
        mesh = walker_mesh(actor_of(blueprint), 2 if number % 2 else GAIT_PHASES)
        images.append(captioned(studio.picture(mesh, SIZE_PX, Pose(SIDE_YAW_DEG)), f"animal {short(blueprint)}"))
    for blueprint in added(library, "prop"):
        mesh = stood_up(prop_mesh(actor_of(blueprint)))
        images.append(captioned(studio.picture(mesh, SIZE_PX, Pose(PLATE_YAW_DEG, pitch_deg=-4.0)), short(blueprint)))
    return images


def main() -> None:
    """Make the sheet."""
    studio = Studio()
    library = BlueprintLibrary(VERSIONS[-1], fail2drive_assets=True)
    save("fail2drive-assets", sheet(pictures(studio, library), COLUMNS), OUT)
    studio.close()


if __name__ == "__main__":
    main()
