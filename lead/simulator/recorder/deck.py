"""The tape deck of a server: records or replays one file at a time and keeps the settings of replays."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lead.simulator.recorder.format import RecordingError, RecordingReader
from lead.simulator.recorder.paths import recording_path, require_overwritable
from lead.simulator.recorder.recorder import AdditionalData, Recorder
from lead.simulator.recorder.replayer import Replayer, ReplayOptions
from lead.simulator.world.actors import Actor
from lead.simulator.world.world import World

log = logging.getLogger(__name__)


@dataclass
class Deck:
    """At most one recording or replay in progress.

    Attributes:
        time_factor: Speed of replays; 0 holds the picture.
        ignore_hero: Whether replays leave recorded heroes out.
        ignore_spectator: Whether replays leave the spectator alone.
    """

    time_factor: float = 1.0
    ignore_hero: bool = False
    ignore_spectator: bool = True
    _recorder: Recorder | None = field(default=None, repr=False)
    _replayer: Replayer | None = field(default=None, repr=False)

    def record(self, world: World, name: str, additional: AdditionalData | None) -> str:
        """Begin a recording; what ran before is stopped. Returns a sentence that names the file.

        Raises:
            RecordingError: If the name is not allowed or the file cannot be written.
        """
        path = recording_path(name)
        try:
            require_overwritable(path)
            self.stop()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._recorder = Recorder(world, path, additional)
        except OSError as error:
            raise RecordingError(f"cannot record to {path}: {error.strerror or error}") from None
        return f"Recording on file: {path}"

    def replay(
        self,
        world: World,
        reader: RecordingReader,
        options: ReplayOptions,
        apply_physics: Callable[[Actor, list[object]], None],
    ) -> Replayer:
        """Begin a replay; what ran before is stopped.

        Raises:
            RecordingError: If the recording is damaged.
        """
        self.stop()
        self._replayer = Replayer(world, reader, options, apply_physics)
        return self._replayer

    def before_tick(self, dt_s: float) -> None:
        """Let a replay put its actors where they are at the end of the coming tick, or end it after its last frame."""
        if self._replayer is None:
            return
        if self._replayer.finished:
            self.stop_replay()
            return
        try:
            self._replayer.before_tick(dt_s * self.time_factor)
        except RecordingError as error:
            log.warning("the replay ends early: %s", error)
            self.stop_replay()

    def after_tick(self) -> None:
        """Let a replay finish the tick's records, and a recording note them; call before the snapshot is made."""
        if self._replayer is not None:
            self._replayer.after_tick()
        if self._recorder is not None:
            try:
                self._recorder.record()
            except OSError as error:
                log.error("the recording %s ends early: %s", self._recorder.path, error)
                self.stop_recording()

    def flush(self, path: Path) -> None:
        """Write what is waiting if this very file is being recorded, so that it can be read up to now."""
        if self._recorder is not None and self._recorder.path == path:
            try:
                self._recorder.flush()
            except OSError as error:
                log.error("cannot write to the recording %s: %s", path, error)

    def stop_recording(self) -> None:
        """End a recording and keep its file."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            try:
                recorder.close()
            except OSError as error:
                log.error("the end of the recording %s is lost: %s", recorder.path, error)

    def stop_replay(self, keep_actors: bool = True) -> None:
        """End a replay; without ``keep_actors`` the actors that it made are destroyed."""
        replayer, self._replayer = self._replayer, None
        if replayer is not None:
            replayer.finish(keep_actors)

    def stop(self) -> None:
        """End whatever runs."""
        self.stop_recording()
        self.stop_replay()
