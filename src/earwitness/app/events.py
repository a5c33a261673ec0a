"""What happens when something on the page is pressed, chosen or dragged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from earwitness.app import render, steps
from earwitness.app.form import BY_SHARE, OWN, PREDICTED, FormValues, component_names, fill_names, labels
from earwitness.app.page import Form, Outputs, Page
from earwitness.app.regions import Region
from earwitness.app.sessions import Cancelled, Session

LOOK_EVERY_S = 0.15
RECORDED = "recorded here.wav"
FOLLOW_LINK = "() => setTimeout(() => { const a = document.querySelector('.ew-archive'); if (a) a.click(); }, 100)"
SHOW_REGION = "(...region) => window.earwitness.showRegion && window.earwitness.showRegion(region)"
FORM_VALUES = ("model", "target", "method", "versus", "components", "fill", "mask", "share", "check")
Updates = dict[Any, Any]


def connect(gr: Any, blocks: Any, page: Page, form: Form, shown: Outputs) -> None:
    """Connect everything that can be pressed with its step.

    Args:
        gr: Gradio.
        blocks: the page's blocks.
        page: sessions, limits.
        form: what a person fills in.
        shown: what shows the answers.
    """
    quiet = {"show_progress": "hidden", "api_visibility": "private", "preprocess": False}
    everything = [form.file, form.microphone, form.chosen, form.target, form.components, form.fill, *_all(shown)]
    values = [form.model, form.target, form.method, form.versus, form.components, form.fill, shown.mask, shown.share,
              form.check]

    def on(listen: Callable[..., Any], step: Callable[..., Updates], inputs: Any = None, **options: Any) -> Any:
        return listen(_safe(gr, page, shown, step), inputs, everything, **quiet, **options)

    def empty() -> Updates:
        return {shown.result: "", shown.heard: "", shown.archive: "", shown.tools: gr.update(visible=False),
                shown.region_tools: gr.update(visible=False)}

    def take_file(session: Session, given: Any) -> Updates:
        if given is None:
            return {}
        try:
            with session.working():
                path, name = page.uploaded(given)
                facts, beginning = steps.take_file(session, path, name, page.limits)
        except Exception as error:
            return {**no_sound(), form.chosen: "", shown.status: page.failed(error)}
        finally:
            page.discard(given)
        return {**no_sound(), form.chosen: render.sound_html(facts, beginning), shown.status: _ready()}

    def take_recording(session: Session, given: Any) -> Updates:
        """As ``take_file``, but the recorder goes on showing the file, so that it stays until the page is closed."""
        if given is None:
            return {}
        with session.working():
            path, _ = page.uploaded(given)
            session.own(path.parent)
            facts, beginning = steps.take_file(session, path, RECORDED, page.limits)
        return {**empty(), **dict.fromkeys(shown.region), form.chosen: render.sound_html(facts, beginning),
                shown.status: _ready()}

    def no_sound() -> Updates:
        return {**empty(), form.file: None, form.microphone: None, **dict.fromkeys(shown.region)}

    def take_scene(session: Session, scene: Any) -> Updates:
        with session.working():
            facts, clip = steps.take_scene(session, scene)
        return {**no_sound(), form.chosen: render.sound_html(facts, clip), shown.status: _ready()}

    def change_model(_: Session, model: Any) -> Updates:
        return {form.target: gr.update(choices=[PREDICTED, *labels(model, page.preselected)], value=PREDICTED)}

    def change_method(_: Session, method: Any, versus: Any) -> Updates:
        parts, fills = component_names(method, versus), fill_names(method, versus)
        return {form.components: gr.update(choices=parts, value=OWN, interactive=len(parts) > 1),
                form.fill: gr.update(choices=fills, value=OWN, interactive=len(fills) > 1)}

    def begin(session: Session) -> Updates:
        session.begin()
        return {**empty(), shown.status: render.message_html("Waiting for its turn", share=0.0)}

    def cancel(session: Session) -> Updates:
        session.cancel()
        return {}

    def change_mask(session: Session, *values: Any) -> Updates:
        if session.explained is None:
            return {}
        with session.working():
            explained = steps.change_shown_mask(session, _form_values(values))
        return {shown.result: render.result_html(explained), shown.archive: "", shown.status: _done()}

    def change_share(session: Session, *values: Any) -> Updates:
        chosen = [BY_SHARE if name == "mask" else value for name, value in zip(FORM_VALUES, values, strict=True)]
        return {**change_mask(session, *chosen), shown.mask: BY_SHARE}

    def choose_region(_: Session, event: Any) -> Updates:
        values = [float(value) for value in event.region]
        return dict(zip(shown.region, values, strict=True))

    def hear(session: Session, *values: Any) -> Updates:
        with session.working():
            region_sound = steps.hear_region(session, Region(*values))
        return {shown.heard: render.region_html(region_sound, deleted=False), shown.status: _done()}

    def delete(session: Session, *values: Any) -> Updates:
        with session.working():
            region_sound = steps.delete_region(session, Region(*values))
        return {shown.heard: render.region_html(region_sound, deleted=True), shown.status: _done()}

    def restore(session: Session) -> Updates:
        with session.working():
            steps.restore(session)
        return {shown.heard: "", shown.status: _done()}

    def download(session: Session) -> Updates:
        with session.working():
            return {shown.archive: render.archive_html(*steps.report_archive(session)), shown.status: _done()}

    on(form.file.upload, take_file, form.file)
    on(form.microphone.stop_recording, take_recording, form.microphone)
    on(form.use_scene.click, take_scene, form.scene)
    on(form.model.input, change_model, form.model)
    for choice in (form.method, form.versus):
        on(choice.input, change_method, [form.method, form.versus])
    started = on(form.explain.click, begin, queue=False)
    started.then(_explaining(gr, page, shown), values, _all(shown), concurrency_limit=page.limits.jobs, **quiet)
    on(form.cancel.click, cancel, queue=False)
    on(shown.mask.input, change_mask, values)
    on(shown.share.input, change_share, values, trigger_mode="always_last")
    on(shown.result.select, choose_region)
    for number in shown.region:
        number.change(None, list(shown.region), None, js=SHOW_REGION)
    on(shown.hear.click, hear, list(shown.region))
    on(shown.delete.click, delete, list(shown.region))
    on(shown.restore.click, restore)
    on(shown.download.click, download).then(None, None, None, js=FOLLOW_LINK)
    blocks.unload(_forgetting(gr, page))


def _explaining(gr: Any, page: Page, shown: Outputs) -> Callable[..., Iterator[Updates]]:
    """Explain in a thread of its own, and say how far it is; a page that goes away stops the work."""
    def run(request: Any, *values: Any) -> Iterator[Updates]:
        failures: list[BaseException] = []
        try:
            session, chosen = page.sessions.get(request.session_hash), _form_values(values)
        except Exception as error:
            yield {shown.status: page.failed(error)}
            return

        def work() -> None:
            try:
                with session.working():
                    steps.explain_sound(session, chosen, preselected=page.preselected)
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            last_progress = None
            while thread.is_alive():
                if session.progress != last_progress:
                    last_progress = session.progress
                    yield {shown.status: render.message_html(last_progress[0], share=last_progress[1])}
                thread.join(LOOK_EVERY_S)
        finally:
            if thread.is_alive():
                session.cancel()
        explained = session.explained
        if failures or explained is None:
            yield {shown.status: page.failed(failures[0] if failures else Cancelled())}
            return
        yield {shown.status: _done(), shown.result: render.result_html(explained), shown.heard: "",
               shown.tools: gr.update(visible=True), shown.region_tools: gr.update(visible=True)}

    run.__annotations__ = {"request": gr.Request}
    return run


def _safe(gr: Any, page: Page, shown: Outputs, step: Callable[..., Updates]) -> Callable[..., Updates]:
    """Give a step its page's session, and turn what goes wrong into one line on the page."""
    takes_event = step.__name__ == "choose_region"

    def run(request: Any, *values: Any) -> Updates:
        try:
            return step(page.sessions.get(request.session_hash), *values) or {shown.status: gr.skip()}
        except Exception as error:
            return {shown.status: page.failed(error)}

    def run_with_event(request: Any, event: Any) -> Updates:
        return run(request, event)

    chosen: Callable[..., Updates] = run_with_event if takes_event else run
    chosen.__annotations__ = {"request": gr.Request} | ({"event": gr.EventData} if takes_event else {})
    return chosen


def _forgetting(gr: Any, page: Page) -> Callable[..., None]:
    def run(request: Any) -> None:
        page.sessions.close(request.session_hash)

    run.__annotations__ = {"request": gr.Request}
    return run


def _form_values(values: tuple[Any, ...]) -> FormValues:
    return FormValues(**dict(zip(FORM_VALUES, values, strict=True)))


def _all(shown: Outputs) -> list[Any]:
    return [shown.status, shown.result, shown.tools, shown.mask, shown.region_tools, *shown.region, shown.heard,
            shown.archive]


def _ready() -> str:
    return render.message_html("Ready: press Explain.")


def _done() -> str:
    return render.message_html("Done.", kind="done")
