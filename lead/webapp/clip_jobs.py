"""The clips that are being cut: one after the other on a thread of their own, while the browser asks how far it is."""

from __future__ import annotations

import dataclasses
import logging
import math
import secrets
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lead.errors import LeadError
from lead.webapp.clip_cutter import ClipCancelledError, ClipError, Cut, check_clips_folder, clip_name, cut_clip
from lead.webapp.errors import ForbiddenError, NotFoundError, RequestError
from lead.webapp.video_files import probe

LOG = logging.getLogger(__name__)

WAITING_CLIPS = 16
REMEMBERED_CLIPS = 64
LONGEST_CLIP_S = 7200.0
BASE_DEADLINE_S = 120.0
DEADLINE_FACTOR = 10.0
"""A clip may take this many times its length, and the base on top."""
STOP_TIMEOUT_S = 4.0

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"


class BusyError(RequestError):
    """Too much is under way; the same request may succeed later."""

    status = 503


@dataclass(frozen=True)
class ClipJob:
    """How far a clip is.

    Attributes:
        id: Its name in requests.
        cut: What is cut.
        state: "queued", "running", "done", "failed" or "cancelled".
        progress: Done part, 0 to 1.
        error: Why it failed, one sentence.
    """

    id: str
    cut: Cut
    state: str = QUEUED
    progress: float = 0.0
    error: str | None = None

    @property
    def is_over(self) -> bool:
        """True if nothing changes any more."""
        return self.state in (DONE, FAILED, CANCELLED)


class ClipJobs:
    """Cuts clips; all methods may be called from any thread."""

    def __init__(self, *, waiting_clips: int = WAITING_CLIPS, base_deadline_s: float = BASE_DEADLINE_S) -> None:
        """Prepare; the thread starts with the first clip.

        Args:
            waiting_clips: How many may wait.
            base_deadline_s: Time for a clip beyond ten times its length.
        """
        self._waiting_clips = waiting_clips
        self._base_deadline_s = base_deadline_s
        self._changed = threading.Condition()
        self._jobs: dict[str, ClipJob] = {}
        self._unwanted: set[str] = set()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def add(self, folder: Path, video: Path, start_s: float, end_s: float) -> ClipJob:
        """Ask for a clip of the frames with ``start_s`` <= time < ``end_s``.

        Args:
            folder: The route's folder, inside the root.
            video: A video of it.
            start_s: Seconds from the first frame of the video.
            end_s: Likewise; taken back to the end of the video.

        Raises:
            RequestError: If there is nothing to cut between these times, or the clip would be too long.
            ForbiddenError: If the clips' folder is a link.
            BusyError: If too many clips wait.
        """
        start_s, end_s = _checked_times(video, start_s, end_s)
        try:
            check_clips_folder(folder)
        except ClipError as error:
            raise ForbiddenError(str(error)) from error
        cut = Cut(video, folder, start_s, end_s, clip_name(video, start_s, end_s))
        job = ClipJob(secrets.token_hex(8), cut)
        with self._changed:
            if self._stopped:
                raise BusyError("the dashboard is being closed")
            if sum(other.state == QUEUED for other in self._jobs.values()) >= self._waiting_clips:
                raise BusyError(f"{self._waiting_clips} clips are waiting already; try again when some are done")
            self._jobs[job.id] = job
            self._forget_old()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="clips", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return job

    def get(self, job_id: str) -> ClipJob:
        """Return how far a clip is.

        Raises:
            NotFoundError: If there is none of that name, or it was too long ago.
        """
        with self._changed:
            if job_id not in self._jobs:
                raise NotFoundError("there is no such clip, or it was cut too long ago")
            return self._jobs[job_id]

    def cancel(self, job_id: str) -> ClipJob:
        """Stop a clip that is not over, and return how far it is; it ends within a moment.

        Raises:
            NotFoundError: If there is none of that name, or it was too long ago.
        """
        with self._changed:
            job = self.get(job_id)
            if job.state == QUEUED:
                self._set(job_id, state=CANCELLED)
            elif job.state == RUNNING:
                self._unwanted.add(job_id)
            return self._jobs[job_id]

    def stop(self) -> None:
        """Cancel everything and wait until ffmpeg has ended; nothing can be added any more. Safe to call twice."""
        with self._changed:
            self._stopped = True
            for job in list(self._jobs.values()):
                self.cancel(job.id)
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(STOP_TIMEOUT_S)
            if thread.is_alive():
                LOG.warning("the clip that was being cut did not end within %.0f s", STOP_TIMEOUT_S)

    def _work(self) -> None:
        """Cut one clip after the other; runs on the thread."""
        while (job := self._next()) is not None:
            deadline_s = self._base_deadline_s + DEADLINE_FACTOR * (job.cut.end_s - job.cut.start_s)
            try:
                cut_clip(
                    job.cut,
                    deadline_s=deadline_s,
                    report=partial(self._report, job.id),
                    is_cancelled=partial(self._is_unwanted, job.id),
                )
            except ClipCancelledError:
                outcome: dict[str, Any] = {"state": CANCELLED}
            except LeadError as error:
                outcome = {"state": FAILED, "error": str(error)}
            except Exception:
                # The thread must live on, or all later clips would wait for ever.
                LOG.exception("cutting %s failed", job.cut.name)
                outcome = {"state": FAILED, "error": "cutting failed by a bug of the dashboard; its log tells more"}
            else:
                outcome = {"state": DONE, "progress": 1.0}
            with self._changed:
                self._set(job.id, **outcome)
                self._unwanted.discard(job.id)

    def _next(self) -> ClipJob | None:
        """Wait for a clip and mark it as running; None when the jobs are stopped."""
        with self._changed:
            while not self._stopped:
                job = next((job for job in self._jobs.values() if job.state == QUEUED), None)
                if job is not None:
                    return self._set(job.id, state=RUNNING)
                self._changed.wait()
            return None

    def _report(self, job_id: str, progress: float) -> None:
        with self._changed:
            self._set(job_id, progress=progress)

    def _is_unwanted(self, job_id: str) -> bool:
        with self._changed:
            return job_id in self._unwanted

    def _set(self, job_id: str, **changes: Any) -> ClipJob:
        job = dataclasses.replace(self._jobs[job_id], **changes)
        self._jobs[job_id] = job
        return job

    def _forget_old(self) -> None:
        over = [job_id for job_id, job in self._jobs.items() if job.is_over]
        for job_id in over[: max(len(self._jobs) - REMEMBERED_CLIPS, 0)]:
            del self._jobs[job_id]


def _checked_times(video: Path, start_s: float, end_s: float) -> tuple[float, float]:
    """Times of a clip in whole milliseconds and inside the video."""
    if not (math.isfinite(start_s) and math.isfinite(end_s)):
        raise RequestError("the times of a clip must be finite numbers of seconds")
    if not 0.0 <= start_s < end_s:
        raise RequestError(f"a clip must start at 0 s or later and end after it starts, not {start_s:g} to {end_s:g} s")
    facts = probe(video)
    if facts.codec is None:
        raise RequestError(facts.problem or "this video cannot be read")
    if facts.duration_s is not None:
        if start_s >= facts.duration_s:
            raise RequestError(f"the video ends at {facts.duration_s:g} s, before the clip would start")
        end_s = min(end_s, facts.duration_s)
    start_s, end_s = round(start_s, 3), round(end_s, 3)
    if end_s - start_s > LONGEST_CLIP_S:
        raise RequestError(f"a clip may be at most {LONGEST_CLIP_S / 3600:g} hours long")
    if start_s >= end_s:
        raise RequestError("a clip must be at least a millisecond long")
    return start_s, end_s
