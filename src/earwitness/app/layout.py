"""The page: what stands where."""

from __future__ import annotations

from typing import Any

from earwitness import masks, synthetic
from earwitness.app import form, render
from earwitness.app.events import connect
from earwitness.app.form import BY_SHARE, NOBODY, OWN, PREDICTED
from earwitness.app.page import Form, Outputs, Page
from earwitness.core.errors import require
from earwitness.methods import METHODS

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Liberation Sans", "sans-serif")
MONO = ("ui-monospace", "Liberation Mono", "monospace")
HEAD = "<h1 class='ew-title'>earwitness</h1><p>What a sound model listens to: see it, hear it, take it away.</p>"
REGION_HINT = ("<p class='ew-hint'>Drag over the spectrogram to choose a region, or fill in times and frequencies. "
               "Then hear only that, or take it out of the sound; the model is asked again.</p>")


def build_page(page: Page) -> Any:
    """Return the page as Gradio blocks, not yet served.

    Raises:
        MissingExtraError: Gradio is not installed.
    """
    gr: Any = require("gradio", extra="app")
    names = form.model_names(page.preselected)
    with gr.Blocks(title="earwitness", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        gr.HTML(HEAD)
        with gr.Row(elem_classes="ew-page"):
            with gr.Column(scale=1, min_width=300):
                fields = _form(gr, page, names)
            with gr.Column(scale=3, min_width=320):
                shown = _results(gr)
        connect(gr, blocks, page, fields, shown)
    return blocks


def _form(gr: Any, page: Page, names: list[str]) -> Form:
    limits = page.limits
    with gr.Tabs():
        with gr.Tab("Upload"):
            file = gr.File(label=f"A sound, up to {limits.upload_mb} MB and {limits.duration_s:g} s", height=160,
                           elem_id="ew-file")
        with gr.Tab("Record"):
            microphone = gr.Audio(sources=["microphone"], type="filepath", label="Record", elem_id="ew-microphone")
        with gr.Tab("Example"):
            scene = gr.Dropdown(list(synthetic.SCENES), value=next(iter(synthetic.SCENES)), label="A synthetic scene",
                                info="Its true evidence is known, and can be laid over the picture.")
            use_scene = gr.Button("Use this sound", size="sm")
    chosen = gr.HTML(elem_id="ew-chosen")
    model = gr.Dropdown(names, value=page.preselected, label="Model")
    target = gr.Dropdown(_targets(page, page.preselected), value=PREDICTED, label="Explain")
    with gr.Row():
        method = gr.Dropdown(sorted(METHODS), value="saliency", label="Method", min_width=120)
        versus = gr.Dropdown([NOBODY, *sorted(METHODS)], value=NOBODY, label="Compare with", min_width=120)
    with gr.Row():
        components = gr.Dropdown(form.component_names("saliency"), value=OWN, label="Components", min_width=120,
                                 interactive=False)
        fill = gr.Dropdown(form.fill_names("saliency"), value=OWN, label="Fill", min_width=120, interactive=False)
    check = gr.Checkbox(label="Put it to the test", value=True,
                        info="Runs the method about ten more times, for a verdict.")
    with gr.Row():
        explain = gr.Button("Explain", variant="primary", elem_id="ew-explain", min_width=120)
        cancel = gr.Button("Cancel", elem_id="ew-cancel", min_width=80)
    return Form(file, microphone, scene, use_scene, chosen, model, target, method, versus, components, fill, check,
                explain, cancel)


def _results(gr: Any) -> Outputs:
    status = gr.HTML(render.message_html("Choose a sound, then press Explain."), elem_id="ew-status")
    with gr.Row(visible=False) as tools:
        mask = gr.Dropdown([BY_SHARE, *masks.names()], value=BY_SHARE, label="Mask", min_width=160)
        share = gr.Slider(1, 99, value=30, step=1, label="Kept share of the plane, %", scale=2, min_width=200,
                          elem_id="ew-share")
    result = gr.HTML(elem_id="ew-result", js_on_load=render.result_script())
    with gr.Column(visible=False) as region_tools:
        gr.HTML(REGION_HINT)
        with gr.Row():
            region = tuple(gr.Number(label=label, minimum=0, min_width=70, elem_id=f"ew-region-{k}")
                           for k, label in enumerate(("from, s", "to, s", "from, Hz", "to, Hz")))
        with gr.Row():
            hear = gr.Button("Hear only this", elem_id="ew-hear", min_width=90)
            delete = gr.Button("Delete this", elem_id="ew-delete", min_width=90)
            restore = gr.Button("Bring all back", elem_id="ew-restore", min_width=90)
        heard = gr.HTML(elem_id="ew-heard")
        download = gr.Button("Download the report", elem_id="ew-download")
        archive = gr.HTML(elem_id="ew-archive")
    return Outputs(status, result, tools, mask, share, region_tools, region, hear, delete, restore, heard, download,
                 archive)


def _targets(page: Page, model: str) -> list[str]:
    return [PREDICTED, *form.labels(model, page.preselected)]
