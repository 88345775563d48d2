"""Records one route as it is driven: frames at once, labels at the end, and ``results.json`` last of all.

A route with ``results.json`` is complete. Until then the folder holds the frames written so far, each file whole, and
a journal of all labels, from which :func:`finish_from_journal` saves what was driven when the process was killed.
"""

from __future__ import annotations

import json
import logging
import queue
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from lead.dataset.encode import encode_content
from lead.dataset.errors import DatasetError
from lead.dataset.files import write_file
from lead.dataset.frame import Frame
from lead.dataset.futures import MOVING_CLASSES, Futures, TickTrace
from lead.dataset.journal import Journal, is_being_written, read_records
from lead.dataset.jpeg_quality import DEFAULT_QUALITY
from lead.dataset.layout import (
    BOXES,
    FOLDERS,
    FRAME_STRIDE,
    JOURNAL_NAME,
    METAS,
    RESULTS_NAME,
    frame_path,
    is_complete,
)
from lead.dataset.pickles import dump_xz
from lead.files import is_leftover

LOG = logging.getLogger(__name__)
QUEUED_FRAMES = 8
_ALIVE_S = 1.0

Box = Mapping[str, Any]
Meta = Mapping[str, Any]


class RouteWriter:
    """Writes the folder of one route. Use as a context manager: leaving it without :meth:`finish` abandons the route.

    Attributes:
        route_dir: The folder.
    """

    def __init__(self, route_dir: Path, frame_stride: int = FRAME_STRIDE, jpeg_quality: int = DEFAULT_QUALITY) -> None:
        """Prepare the folder.

        A drive cannot be taken up in the middle: what an interrupted recording left in the same folder is discarded.

        Args:
            route_dir: The route's folder, ``<root>/data/<scenario>/<name>``.
            frame_stride: Ticks per saved frame.
            jpeg_quality: Quality of camera images.

        Raises:
            DatasetError: If the folder holds a complete route or anything that no recording left, another process
                records into it, or it cannot be written.
        """
        self.route_dir = route_dir
        self._stride = frame_stride
        self._quality = jpeg_quality
        self._last_step = -1
        self._saved: set[int] = set()
        self._closed = False
        self._failure: BaseException | None = None
        self._queue: queue.Queue[tuple[int, Frame] | None] = queue.Queue(QUEUED_FRAMES)
        self._journal = _open_folder(route_dir)
        self._thread = threading.Thread(target=self._run, name=f"recorder of {route_dir.name}", daemon=True)
        self._thread.start()

    def append(self, step: int, boxes: Sequence[Box], meta: Meta) -> None:
        """Take the labels of a tick; those of ticks between saved frames only serve the futures of others.

        Args:
            step: Number of the tick; grows by one from call to call, from 0.
            boxes: Boxes of the tick, the ego's first; see :mod:`lead.dataset.schema`.
            meta: Metas of the tick without the keys that look ahead.

        Raises:
            DatasetError: If the step is not the next one, labels are incomplete, or an earlier write failed.
        """
        self._check_open()
        if step != self._last_step + 1:
            raise DatasetError(f"step {step} was recorded after step {self._last_step}; labels belong to every tick")
        record: dict[str, Any] = {"trace": TickTrace.of(step, boxes, meta).as_record()}
        if step % self._stride == 0:
            record |= {"frame": step // self._stride, "boxes": list(boxes), "meta": dict(meta)}
        self._journal.append(record)
        self._last_step = step

    def save(self, step: int, frame: Frame) -> None:
        """Hand over what the sensors saw in a tick; it is written on another thread.

        Waits while that thread is behind. The arrays must not be changed afterwards.

        Args:
            step: A multiple of the stride.
            frame: What to write.

        Raises:
            DatasetError: If the step is none to be saved, or an earlier write failed.
        """
        self._check_open()
        if step % self._stride or step in self._saved:
            raise DatasetError(f"step {step} is not saved: frames are multiples of {self._stride}, each once")
        self._saved.add(step)
        while True:
            try:
                self._queue.put((step // self._stride, frame), timeout=_ALIVE_S)
                return
            except queue.Full:
                self._check_open()

    def finish(self, results: Mapping[str, Any]) -> None:
        """Complete the route: wait for the frames, write all labels, then ``results.json``.

        Args:
            results: Record of the route as it is scored; JSON values.

        Raises:
            DatasetError: If something could not be written; the route then stays incomplete.
        """
        self._check_open()
        labelled = set(range(0, self._last_step + 1, self._stride))
        if self._saved and self._saved != labelled:
            odd = min(self._saved ^ labelled)
            lack = "labels" if odd in self._saved else "a frame"
            raise DatasetError(f"the recording of {self.route_dir} cannot be finished: step {odd} lacks {lack}")
        self._stop_thread()
        self._raise_failure()
        write_labels(self.route_dir)
        _sweep(self.route_dir)
        text = json.dumps(results, indent=4) + "\n"
        write_file(self.route_dir / RESULTS_NAME, text.encode("utf-8"))
        self._journal.path.unlink()
        self._close()

    def abandon(self) -> None:
        """Give the route up: the folder keeps what was written and stays incomplete. Safe to call at any time."""
        if not self._closed:
            self._stop_thread()
            self._close()

    def __enter__(self) -> RouteWriter:
        """Return this writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abandon the route unless it was finished."""
        self.abandon()

    def _run(self) -> None:
        """Encode and write frames until there are no more; after a failure only empty the queue."""
        while (item := self._queue.get()) is not None:
            if self._failure is None:
                try:
                    write_frame(self.route_dir, *item, self._quality)
                except BaseException as error:  # raised again by the next call of the recorder
                    self._failure = error

    def _check_open(self) -> None:
        self._raise_failure()
        if self._closed:
            raise DatasetError(f"the recording of {self.route_dir} is over")

    def _raise_failure(self) -> None:
        if self._failure is None:
            return
        if isinstance(self._failure, DatasetError):
            raise DatasetError(f"the recording of {self.route_dir} failed: {self._failure}") from self._failure
        raise self._failure

    def _stop_thread(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _close(self) -> None:
        self._closed = True
        self._journal.close()


def write_frame(route_dir: Path, number: int, frame: Frame, jpeg_quality: int = DEFAULT_QUALITY) -> None:
    """Write the files of one frame.

    Raises:
        DatasetError: If something has another shape than the format, or the disk refuses.
    """
    for folder, content in frame.contents():
        path = frame_path(route_dir, folder, number)
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise DatasetError(f"{path.parent} cannot be made ({error.strerror})") from error
        write_file(path, encode_content(folder, content, jpeg_quality))


def write_labels(route_dir: Path) -> int:
    """Write ``bboxes`` and ``metas`` of all saved frames from the journal.

    Returns:
        Frames written.

    Raises:
        DatasetError: If the journal cannot be read or the disk refuses.
    """
    journal = route_dir / JOURNAL_NAME
    futures = Futures([TickTrace.from_record(record["trace"]) for record in read_records(journal)])
    frames = 0
    for record in read_records(journal):
        if "frame" not in record:
            continue
        step = int(record["trace"]["step"])
        boxes = [
            {**box, **futures.of_box(step, int(box["id"]))} if box["class"] in MOVING_CLASSES else box
            for box in record["boxes"]
        ]
        meta = {**record["meta"], **futures.of_ego(step)}
        write_file(frame_path(route_dir, BOXES, record["frame"]), dump_xz(boxes))
        write_file(frame_path(route_dir, METAS, record["frame"]), dump_xz(meta))
        frames += 1
    return frames


def finish_from_journal(route_dir: Path) -> int:
    """Save the labels of a route whose recording was killed; the route stays incomplete and keeps its journal.

    Args:
        route_dir: A folder without ``results.json``.

    Returns:
        Frames whose labels were written.

    Raises:
        DatasetError: If the route is complete, is still being recorded, or has no journal.
    """
    if is_complete(route_dir):
        raise DatasetError(f"{route_dir} is complete; there is nothing to save")
    journal = route_dir / JOURNAL_NAME
    if not journal.is_file():
        raise DatasetError(f"{route_dir} has no journal; only an interrupted recording can be saved")
    if is_being_written(journal):
        raise DatasetError(f"{route_dir} is still being recorded")
    _sweep(route_dir)
    return write_labels(route_dir)


def _open_folder(route_dir: Path) -> Journal:
    """Create the folder with its journal, and empty it of an interrupted recording."""
    if is_complete(route_dir):
        raise DatasetError(f"{route_dir} holds a complete route already")
    try:
        route_dir.mkdir(parents=True, exist_ok=True)
        present = [path for path in route_dir.iterdir() if path.name != JOURNAL_NAME]
        foreign = [path.name for path in present if path.name not in FOLDERS and not is_leftover(path.name)]
        if foreign or (present and not (route_dir / JOURNAL_NAME).exists()):
            odd = min(foreign or [path.name for path in present])
            raise DatasetError(f"{route_dir} holds {odd}, which no interrupted recording left")
        journal = Journal(route_dir / JOURNAL_NAME)
        if present:
            LOG.warning("what an interrupted recording left in %s is discarded", route_dir)
        for path in present:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for label in (BOXES, METAS):
            (route_dir / label).mkdir()
    except OSError as error:
        raise DatasetError(f"{route_dir} cannot be written ({error.strerror})") from error
    return journal


def _sweep(route_dir: Path) -> None:
    """Remove files that a killed process did not finish."""
    for folder in (route_dir, *(route_dir / name for name in FOLDERS)):
        if folder.is_dir():
            for path in [path for path in folder.iterdir() if is_leftover(path.name)]:
                path.unlink(missing_ok=True)
