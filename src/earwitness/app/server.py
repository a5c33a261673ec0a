"""The server: on this machine only unless told otherwise, with files nobody else can read, and gone without a trace."""

from __future__ import annotations

import os
import re
import signal
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from earwitness.app import form, render
from earwitness.app.layout import FONTS, MONO, build_page
from earwitness.app.limits import Limits
from earwitness.app.page import Page
from earwitness.app.sessions import Sessions
from earwitness.core.errors import EarwitnessError, require

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
GOODBYE_S = 1
POLICY = "; ".join((
    "default-src 'self'", "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:", "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:", "media-src 'self' data: blob:", "font-src 'self' data:",
    "connect-src 'self' data: blob:",
    "worker-src 'self' blob:", "object-src 'none'", "base-uri 'self'", "form-action 'self'", "frame-ancestors 'self'"))
FILE = "/gradio_api/file="
CLOSED = (FILE, "/gradio_api/file/", "/gradio_api/proxy=", "/gradio_api/stream/", "/file=", "/proxy=",
          "/gradio_api/deep_link", "/gradio_api/runs", "/openapi.json", "/gradio_api/openapi.json")


def serve(
    *, host: str = "127.0.0.1", port: int = 7860, limits: Limits | None = None, model: str = "esc10-mel",
    debug: bool = False, started: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve the app until it is interrupted.

    Args:
        host: address to listen on; "0.0.0.0" lets other machines in.
        port: port to listen on; 0 takes a free one.
        limits: what the app takes on.
        model: name of the model that is chosen at first, or a folder that ``earwitness train`` wrote.
        debug: print where unexpected errors come from.
        started: called with the address once it can be opened.

    Raises:
        MissingExtraError: Gradio is not installed.
        EarwitnessError: the port is in use, or the host is no address of this machine.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    require("gradio", extra="app")
    limits = limits or Limits()
    form.load_chosen(model, model)  # what is wrong with it is said before anybody sees the page
    with listening(host, port) as listener, tempfile.TemporaryDirectory(prefix="earwitness-app-") as folder:
        uploads, pages = Path(folder) / "uploads", Path(folder) / "pages"
        uploads.mkdir()
        pages.mkdir()
        os.environ["GRADIO_TEMP_DIR"] = str(uploads)
        sessions = Sessions(pages, limits.sessions)
        page = Page(sessions, uploads, limits, model, debug)
        name = f"[{host}]" if ":" in host else host
        address = f"http://{name}:{listener.getsockname()[1]}"
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # an asked-for end cleans up as Ctrl+C does
        try:
            _run(application(page, local=host in LOCAL_HOSTS), listener, lambda: started(address))
        except KeyboardInterrupt:
            pass
        finally:
            signal.signal(signal.SIGTERM, before)
            sessions.close_all()


def listening(host: str, port: int) -> socket.socket:
    """Take a port.

    Raises:
        EarwitnessError: it is in use, or cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise EarwitnessError(f"host {host!r} is no address ({error.strerror}); try --host 127.0.0.1") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise EarwitnessError(f"cannot listen on {host}:{port} ({error.strerror}); choose another --port") from error
    return listener


def application(page: Page, *, local: bool) -> Any:
    """Return the app as an ASGI application.

    Args:
        page: sessions, limits.
        local: refuse requests that come by another name than this machine's own, as from a page elsewhere whose
            name was bent to this address.
    """
    gr: Any = require("gradio", extra="app")
    fastapi: Any = require("fastapi", extra="app")
    theme = gr.themes.Base(font=FONTS, font_mono=MONO, primary_hue="orange", neutral_hue="stone").set(
        body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_400",
        block_label_text_color="*neutral_600", block_label_text_color_dark="*neutral_300")
    blocks = build_page(page)
    blocks.queue(default_concurrency_limit=max(2, page.limits.jobs), max_size=4 * page.limits.sessions)
    outer = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        outer, blocks, "/", footer_links=[], run_history=False, show_error=False, ssr_mode=False, mcp_server=False,
        pwa=False, enable_monitoring=False, max_file_size=page.limits.upload_mb * 1_000_000, theme=theme,
        css=render.text_of("app.css"))
    return guarded(outer, page.uploads, local=local)


def guarded(inner: Any, uploads: Path, *, local: bool) -> Any:
    """Wrap an application: no file but a page's own uploads is served, and the page may ask only this server.

    Args:
        inner: ASGI application.
        uploads: files in it lie in folders whose names nobody can guess; the recorder plays from there.
        local: refuse requests that come by another name than this machine's own.
    """
    async def run(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        headers = dict(scope["headers"])
        name = re.sub(r":\d+$", "", headers.get(b"host", b"").decode("latin-1")).strip("[]")
        closed = scope["path"].startswith(CLOSED) and not _is_upload(scope["path"], uploads)
        if closed or (local and name not in LOCAL_HOSTS):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"not served"})
            return

        async def send_with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [
                    *message.get("headers", ()), (b"content-security-policy", POLICY.encode()),
                    (b"referrer-policy", b"no-referrer"), (b"x-content-type-options", b"nosniff")]}
            await send(message)

        await inner(scope, receive, send_with_policy)

    return run


def _is_upload(path: str, uploads: Path) -> bool:
    try:
        file = Path(path.removeprefix(FILE)).resolve(strict=True)
    except (OSError, ValueError):
        return False
    return path.startswith(FILE) and file.is_file() and file.is_relative_to(uploads.resolve())


def _run(app: Any, listener: socket.socket, started: Callable[[], None]) -> None:
    uvicorn: Any = require("uvicorn", extra="app")

    class Server(uvicorn.Server):  # type: ignore[misc]
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            started()

    settings = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=GOODBYE_S, access_log=False,
                              lifespan="on")
    Server(settings).run(sockets=[listener])
