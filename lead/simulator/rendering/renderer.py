"""What sensors see of a world: ties the back end to the tiles of the town and to the actors of the tick.

The world owns one renderer. It costs nothing until the first sensor looks: the back end (with its libraries and
compiled kernels) is made then, or a little earlier in the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lead.simulator.rendering.backend import Backend, Frame
from lead.simulator.rendering.composer import SceneComposer
from lead.simulator.rendering.environment import environment_from_weather
from lead.simulator.rendering.options import RenderOptions
from lead.simulator.rendering.scene import Instances, RayBundle, RayHits, View
from lead.simulator.rendering.select import choose_backend
from lead.simulator.rendering.tiles import VIEW_RADIUS_M, TileField
from lead.simulator.scenery.faces import build_atlas

if TYPE_CHECKING:
    from lead.simulator.world.world import World

_PLACE_M = 16.0


class Renderer:
    """Renders the views and casts the rays of one world.

    Args:
        options: Back end and quality.
    """

    def __init__(self, options: RenderOptions) -> None:
        self._antialias_wanted = options.antialias
        self.backend: Backend = choose_backend(options.backend, options.threads)
        self.backend.set_atlas(build_atlas())
        self._composer = SceneComposer(self.backend.add_prototype)
        self._tiles: TileField | None = None
        self._episode = -1
        self.instances = Instances()
        """What was last composed; the rows that ground truth and ray hits refer to."""

    @property
    def antialias(self) -> bool:
        """Whether edges in colour images are smoothed."""
        return self.backend.name == "cuda" if self._antialias_wanted is None else self._antialias_wanted

    def prepare(self, world: World, near_xy: NDArray[np.float64]) -> None:
        """Take the state of the world's last tick.

        Args:
            world: The world.
            near_xy: float64 (k, 2), places of all sensors that will look, metres.
        """
        if world.episode_id != self._episode:
            if self._tiles is not None:
                self._tiles.close()
            self._tiles = TileField(self.backend, world.town, world.ground, world.scene)
            self._episode = world.episode_id
            self.backend.set_object_actors(_signal_actors(world))
        assert self._tiles is not None
        # Sensors of one vehicle look from the same few metres: whatever surrounds one surrounds all.
        near_xy = np.unique(np.round(near_xy / _PLACE_M), axis=0) * _PLACE_M
        self._tiles.show(near_xy, world.present, world.lamps.burning())
        self.instances, lights = self._composer.compose(world, near_xy, VIEW_RADIUS_M)
        environment = environment_from_weather(world.weather, world.elapsed_s)
        self.backend.update(self.instances, environment, lights)

    def render(self, views: Sequence[View], *, colors: bool = True) -> Frame:
        """Trace views of one size; see `Backend.render`."""
        return self.backend.render(views, colors=colors, antialias=self.antialias)

    def cast(self, bundles: Sequence[RayBundle]) -> list[RayHits]:
        """Cast rays; see `Backend.cast`."""
        return self.backend.cast(bundles)

    def triangles(self) -> int:
        """Triangles of the tiles that are shown and of all prototypes."""
        return self.backend.triangles()

    def close(self) -> None:
        """Release the back end."""
        self.backend.close()


def _signal_actors(world: World) -> NDArray[np.uint32]:
    """Actor of every level object by its number (row + 1), 0 for those that are no lights or signs."""
    actors = np.zeros(len(world.scene.boxes) + 1, np.uint32)
    light_row, sign_row = 0, 0
    for signal, light in enumerate(world.lights.light_of_signal.tolist()):
        table = world.lights.table if light >= 0 else world.signs
        row = light_row if light >= 0 else sign_row
        actors[world.scene.first_signal + signal + 1] = table.records["id"][row]
        light_row, sign_row = light_row + (light >= 0), sign_row + (light < 0)
    return actors
