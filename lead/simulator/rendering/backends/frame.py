"""Views traced together, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import warp as wp
from numpy.typing import NDArray

from lead.simulator.rendering.backends.limits import EXTRA_SAMPLES, FIRST_THREAD, MAX_PIXELS
from lead.simulator.rendering.backends.transfer import upload
from lead.simulator.rendering.kernels import passes
from lead.simulator.rendering.kernels.structs import CAMERA_DTYPE, Camera, Cameras, Hits, Samples
from lead.simulator.rendering.scene import ColorStyle, GroundTruth, ImageKind, View
from lead.simulator.scenery.materials import Label

if TYPE_CHECKING:
    from lead.simulator.rendering.backends.base import WarpBackend

Array = NDArray[Any]

_IMAGE_KINDS: dict[ImageKind, int] = {
    "depth": passes.DEPTH_IMAGE,
    "semantic": passes.SEMANTIC_IMAGE,
    "instance": passes.INSTANCE_IMAGE,
}


class _Band:
    """Some rows of some views, traced; attributes follow when they are needed."""

    def __init__(self, backend: WarpBackend, views: Sequence[View], first_row: int, rows: int, shadows: bool) -> None:
        self.backend = backend
        self.views, self.rows = views, rows
        width = views[0].width_px
        self.count = len(views) * rows * width
        pixel, store = backend.pixel_order(len(views), rows, width)
        self.cameras = _cameras(backend.device, views, (first_row, rows), pixel, store)
        self.hits: Hits = backend.new_hits(self.count, shadows)
        backend.trace_cameras(self.cameras, self.hits, shadows and backend.casts_shadows)
        self._samples: Samples | None = None

    def samples(self) -> Samples:
        """Attributes of the hits."""
        backend = self.backend
        if self._samples is None:
            self._samples = backend.new_samples(self.count)
            inputs = [self.cameras, FIRST_THREAD, backend.pool.data, backend.slots, self.hits, self._samples]
            backend.launch(passes.attributes, self.count, inputs)
        return self._samples

    def split(self, values: Array) -> list[Array]:
        """One array (rows, width, ...) per view."""
        return list(values.reshape(len(self.views), self.rows, self.views[0].width_px, *values.shape[1:]))


def _cameras(
    device: str,
    views: Sequence[View],
    lines: tuple[int, int],
    pixel: wp.array,
    store: wp.array,
    shifts: Sequence[tuple[float, float]] = ((0.0, 0.0),),
) -> Cameras:
    """Views as kernels take them.

    Args:
        device: Warp device.
        views: Of one size.
        lines: First row that is drawn, and how many.
        pixel: View, row and column of every sample.
        store: Where every sample leaves its results.
        shifts: Way of the rays from the pixels' centres; every one has an equal share of the samples.
    """
    first_row, rows = lines
    count = len(pixel)
    cameras = Cameras()
    records: NDArray[Any] = np.zeros(len(views), CAMERA_DTYPE)
    for row, view in zip(records, views, strict=True):
        row["position"], row["rotation"], row["per_px"] = view.location, view.rotation, 1.0 / view.focal_px
    cameras.view = upload(records, Camera, device)
    cameras.width, cameras.height = views[0].width_px, views[0].height_px
    cameras.first_row, cameras.rows = first_row, rows
    cameras.pixel, cameras.store, cameras.count = pixel, store, count
    cameras.shift = wp.array(np.array(shifts, np.float32), dtype=wp.vec2, device=device)
    cameras.per_shift = max(count // len(shifts), 1)
    return cameras


class WarpFrame:
    """See `lead.simulator.rendering.backend.Frame`. Small frames keep what they traced, large ones trace again.

    Args:
        backend: Draws; must not be updated before the last question.
        views: Of equal width and height.
        colors: Whether colours will be asked for.
        antialias: Whether edges in colours are smoothed.

    Raises:
        ValueError: There are no views, or their sizes differ.
    """

    def __init__(self, backend: WarpBackend, views: Sequence[View], *, colors: bool, antialias: bool) -> None:
        if len({(view.width_px, view.height_px) for view in views}) != 1:
            raise ValueError("views that are rendered together must be of one size")
        self._backend, self._views = backend, list(views)
        self._colors, self._antialias = colors, antialias
        self._generation = backend.generation
        self._kept: _Band | None = None
        self._truth: list[GroundTruth] | None = None

    def _bands(self) -> Iterator[tuple[slice, _Band]]:
        """All parts, each with the views that it belongs to."""
        if self._generation != self._backend.generation:
            raise RuntimeError("the scene was updated after this frame was rendered")
        width, height = self._views[0].width_px, self._views[0].height_px
        if len(self._views) * width * height <= MAX_PIXELS:
            if self._kept is None:
                self._kept = _Band(self._backend, self._views, 0, height, self._colors)
            yield slice(0, len(self._views)), self._kept
            return
        step = max(MAX_PIXELS // width, 1)
        for index, view in enumerate(self._views):
            for first in range(0, height, step):
                rows = min(step, height - first)
                yield slice(index, index + 1), _Band(self._backend, [view], first, rows, self._colors)

    def _collect(self, parts: Iterator[tuple[slice, list[Array]]]) -> list[Array]:
        """Joins the bands of every view."""
        found: list[list[Array]] = [[] for _ in self._views]
        for views, arrays in parts:
            for index, array in zip(range(views.start, views.stop), arrays, strict=True):
                found[index].append(array)
        return [arrays[0] if len(arrays) == 1 else np.concatenate(arrays) for arrays in found]

    def ground_truth(self) -> list[GroundTruth]:
        """See `Frame.ground_truth`."""
        if self._truth is None:
            backend = self._backend
            columns: list[list[list[Array]]] = [[[] for _ in self._views] for _ in range(4)]
            for views, band in self._bands():
                ids = backend.identify(band.hits, band.count, miss_label=int(Label.SKY))
                for column, array in zip(columns, (band.hits.t, *ids), strict=True):
                    for index, part in zip(
                        range(views.start, views.stop), band.split(backend.read(array)), strict=True
                    ):
                        column[index].append(part)
            joined = [[np.concatenate(parts) for parts in column] for column in columns]
            self._truth = [GroundTruth(*fields) for fields in zip(*joined, strict=True)]
        return self._truth

    def encoded(self, kind: ImageKind) -> list[NDArray[np.uint8]]:
        """See `Frame.encoded`."""
        return self._collect((views, band.split(self._encoded(band, kind))) for views, band in self._bands())

    def _encoded(self, band: _Band, kind: ImageKind) -> Array:
        backend = self._backend
        pixels = wp.empty(band.count, dtype=wp.uint32, device=backend.device)
        inputs = [FIRST_THREAD, backend.pool.data, backend.slots, _IMAGE_KINDS[kind], band.hits, pixels]
        backend.launch(passes.encode, band.count, inputs)
        return backend.read(pixels).view(np.uint8).reshape(-1, 4)

    def normals(self) -> list[NDArray[np.float32]]:
        """See `Frame.normals`."""
        backend = self._backend
        # Copies: on the CPU these are the arrays that edges are found by.
        return self._collect(
            (views, band.split(np.array(backend.read(band.samples().normal)))) for views, band in self._bands()
        )

    def flow(self, previous_views: Sequence[View]) -> list[NDArray[np.float32]]:
        """See `Frame.flow`."""
        return self._collect(
            (views, band.split(self._motion(band, previous_views[views]))) for views, band in self._bands()
        )

    def _motion(self, band: _Band, previous_views: Sequence[View]) -> Array:
        backend = self._backend
        before = _cameras(backend.device, previous_views, (0, 1), band.cameras.pixel, band.cameras.store)
        flow = wp.empty(band.count, dtype=wp.vec2, device=backend.device)
        inputs = [band.cameras, FIRST_THREAD, before.view, backend.slots, band.hits, flow]
        backend.launch(passes.motion, band.count, inputs)
        return backend.read(flow)

    def color(self, style: ColorStyle) -> list[NDArray[np.uint8]]:
        """See `Frame.color`."""
        if not self._colors:
            raise RuntimeError("this frame was rendered without colours")
        return self._collect((views, band.split(self._colored(band, style))) for views, band in self._bands())

    def _colored(self, band: _Band, style: ColorStyle) -> Array:
        backend = self._backend
        pixels = wp.empty(band.count, dtype=wp.uint32, device=backend.device)
        self._shade(band.cameras, band.count, band.hits, style, pixels)
        if self._antialias:
            self._smooth(band, style, pixels)
        return backend.read(pixels).view(np.uint8).reshape(-1, 4)

    def _shade(self, cameras: Cameras, count: int, hits: Hits, style: ColorStyle, pixels: wp.array) -> None:
        backend = self._backend
        inputs = [cameras, FIRST_THREAD, backend.environment, backend.tables, backend.lights, backend.light_count]
        inputs += [backend.pool.data, backend.slots, hits]
        inputs += [backend.curve(style.gamma), style.exposure, int(style.effects), pixels]
        backend.launch(passes.colors, count, inputs)

    def _smooth(self, band: _Band, style: ColorStyle, pixels: wp.array) -> None:
        """Look at edge pixels again with more rays, and average."""
        backend, device = self._backend, self._backend.device
        flags = wp.empty(band.count, dtype=wp.int32, device=device)
        inputs = [self._views[0].width_px, band.rows, FIRST_THREAD, band.hits, band.samples(), flags]
        backend.launch(passes.edges, band.count, inputs)
        place = wp.empty(band.count, dtype=wp.int32, device=device)
        wp.utils.array_scan(flags, place)
        count = int(place[band.count - 1 :].numpy()[0])
        if not count:
            return
        turns = len(EXTRA_SAMPLES)
        chosen, store = (wp.empty(turns * count, dtype=wp.int32, device=device) for _ in range(2))
        pixel = wp.empty(turns * count, dtype=wp.vec3i, device=device)
        inputs = [flags, place, turns, band.cameras.width, band.rows, chosen, pixel, store]
        wp.launch(passes.collect, band.count, inputs, device=device)
        hits = backend.new_hits(turns * count, shadows=True)
        lines = band.cameras.first_row, band.rows
        cameras = _cameras(device, band.views, lines, pixel, store, EXTRA_SAMPLES)
        backend.trace_cameras(cameras, hits, backend.casts_shadows)
        extra = wp.empty(turns * count, dtype=wp.uint32, device=device)
        self._shade(cameras, turns * count, hits, style, extra)
        wp.launch(passes.accumulate, count, [pixels, chosen, extra, count, turns], device=device)


def tiled_order(views: int, rows: int, width: int) -> NDArray[np.int32]:
    """Pixel numbers in blocks of four by two, so that eight neighbours share a packet; int32 (views * rows * width)."""
    row, column = np.indices((rows, width), dtype=np.int32)
    block = (row // 2) * ((width + 3) // 4) + column // 4
    order = np.lexsort((((row % 2) * 4 + column % 4).ravel(), block.ravel())).astype(np.int32)
    return np.asarray((order[None] + np.arange(views, dtype=np.int32)[:, None] * np.int32(rows * width)).ravel())
