"""One open page: its folder, its sound, and what is known of it; all of it goes when the page is closed."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from earwitness.app.regions import Region
from earwitness.core.errors import EarwitnessError
from earwitness.models import AudioModel
from earwitness.pipeline.recording import Recording
from earwitness.pipeline.request import ExplainRequest
from earwitness.report.contents import Report
from earwitness.synthetic import Scene

PATIENCE_S = 20.0  # how long a quick step waits for another of the same page


class Cancelled(Exception):
    """A person asked to stop. No EarwitnessError, so that no step takes it for a refusal."""


class BusyError(EarwitnessError):
    """The page is still at work, or there are too many pages."""


@dataclass(frozen=True)
class Sound:
    """What a person chose to have explained.

    Attributes:
        path: in the session's folder.
        name: what it is called, as given; unescaped.
        scene: the synthetic scene it is, with its known evidence.
    """

    path: Path
    name: str
    scene: Scene | None = None


@dataclass(frozen=True)
class Explained:
    """An explanation, and what is needed to change it.

    Attributes:
        model: that was explained.
        request: that was made.
        recording: what was explained of the sound.
        report: what was found.
        deleted: regions that the person took out.
        evidence: the true evidence of a synthetic scene, (freq, time).
    """

    model: AudioModel
    request: ExplainRequest
    recording: Recording
    report: Report
    deleted: tuple[Region, ...] = ()
    evidence: Tensor | None = None


@dataclass
class Session:
    """One open page.

    Attributes:
        folder: for its files; nobody else's are in it.
        sound: what was chosen.
        explained: what was found.
        model: the model that was used last, with the name it was chosen by; no other session has this copy.
        progress: what is being done and the share done.
    """

    folder: Path
    sound: Sound | None = None
    explained: Explained | None = None
    model: tuple[str, AudioModel] | None = None
    progress: tuple[str, float] = ("", 0.0)
    _elsewhere: set[Path] = field(default_factory=set)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def working(self, patience_s: float = PATIENCE_S) -> Iterator[None]:
        """Do one step at a time.

        Raises:
            BusyError: another step of this page takes longer than the patience.
        """
        if not self._lock.acquire(timeout=patience_s):
            raise BusyError("still at work on this page; wait for it, or cancel it")
        try:
            yield
        finally:
            self._lock.release()

    def begin(self) -> None:
        """Forget an earlier wish to cancel."""
        self._cancelled.clear()
        self.progress = ("waiting for its turn", 0.0)

    def cancel(self) -> None:
        """Ask the work to stop at the next sign of progress."""
        self._cancelled.set()

    def report_progress(self, step: str, done: float) -> None:
        """Note what is being done.

        Raises:
            Cancelled: someone asked to stop.
        """
        self.progress = (step, done)
        if self._cancelled.is_set():
            raise Cancelled

    def own(self, folder: Path) -> None:
        """Note a folder that is this page's, too, though it lies elsewhere."""
        self._elsewhere.add(folder)

    def forget(self) -> None:
        """Stop work, and remove sound and folders."""
        self.cancel()
        self.sound = self.explained = self.model = None
        for folder in (self.folder, *self._elsewhere):
            shutil.rmtree(folder, ignore_errors=True)

    def change(self, change: Callable[[Explained], Explained]) -> Explained:
        """Replace what is known of the sound by something made from it.

        Raises:
            EarwitnessError: nothing is explained yet.
        """
        if self.explained is None:
            raise EarwitnessError("nothing is explained yet; choose a sound and press Explain")
        self.explained = change(replace(self.explained))
        return self.explained


class Sessions:
    """All open pages.

    Args:
        folder: sessions get folders of their own in it.
        most: how many there may be.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self.most = most
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> Session:
        """Return the session of a page, a new one for a page that has none.

        Raises:
            BusyError: too many pages are open.
        """
        with self._lock:
            if key not in self._open:
                if len(self._open) >= self.most:
                    raise BusyError(f"{self.most} pages are in use, and that is all this app takes; try again later")
                self._open[key] = Session(Path(tempfile.mkdtemp(prefix="page-", dir=self.folder)))
            return self._open[key]

    def close(self, key: str) -> None:
        """Forget a page, its files included."""
        with self._lock:
            session = self._open.pop(key, None)
        if session is not None:
            session.forget()

    def close_all(self) -> None:
        """Forget all pages."""
        for key in list(self._open):
            self.close(key)

    def __len__(self) -> int:
        return len(self._open)
