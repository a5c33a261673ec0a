"""What the page's functions work with, and the components that they read and change."""

from __future__ import annotations

import shutil
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earwitness.app import render
from earwitness.app.limits import Limits
from earwitness.app.sessions import Cancelled, Sessions
from earwitness.core.errors import EarwitnessError


@dataclass(frozen=True)
class Page:
    """What the page's functions work with.

    Attributes:
        sessions: of the open pages.
        uploads: folder into which the browser's files come; nothing else is read on a page's behalf.
        limits: what the app takes on.
        preselected: name of the model that is chosen at first.
        debug: print where unexpected errors come from.
    """

    sessions: Sessions
    uploads: Path
    limits: Limits
    preselected: str
    debug: bool = False

    def failed(self, error: BaseException) -> str:
        """Say in one line what went wrong."""
        if isinstance(error, Cancelled):
            return render.message_html("Cancelled.")
        if self.debug:
            traceback.print_exception(error, file=sys.stderr)
        if isinstance(error, EarwitnessError):
            return render.message_html(str(error), kind="error")
        return render.message_html(f"unexpected {type(error).__name__}: {error}; start the app with --debug and "
                                    "report what it prints", kind="error")

    def uploaded(self, given: Any) -> tuple[Path, str]:
        """Return path and name of a file that a browser uploaded.

        Raises:
            EarwitnessError: it is none of them.
        """
        try:
            path = Path(str(given["path"])).resolve(strict=True)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise EarwitnessError("the file did not arrive; upload it again") from error
        if not path.is_file() or not path.is_relative_to(self.uploads.resolve()):
            raise EarwitnessError("the file did not arrive; upload it again")
        return path, str(given.get("orig_name") or path.name)

    def discard(self, given: Any) -> None:
        """Remove a file that a browser uploaded; the session has its own copy."""
        try:
            path, _ = self.uploaded(given)
        except EarwitnessError:
            return
        shutil.rmtree(path.parent if path.parent != self.uploads.resolve() else path, ignore_errors=True)


@dataclass(frozen=True)
class Form:
    """The components that a person fills in."""

    file: Any
    microphone: Any
    scene: Any
    use_scene: Any
    chosen: Any
    model: Any
    target: Any
    method: Any
    versus: Any
    components: Any
    fill: Any
    check: Any
    explain: Any
    cancel: Any


@dataclass(frozen=True)
class Outputs:
    """The components that show what was found, and let it be changed."""

    status: Any
    result: Any
    tools: Any
    mask: Any
    share: Any
    region_tools: Any
    region: tuple[Any, ...]
    hear: Any
    delete: Any
    restore: Any
    heard: Any
    download: Any
    archive: Any
