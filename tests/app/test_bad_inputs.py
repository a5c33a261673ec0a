"""The same two hundred bad files through the app: each is told in one sentence or shown, and the session goes on."""

import pytest

from earwitness.app import render, steps
from earwitness.app.form import FormValues
from earwitness.app.limits import Limits
from earwitness.app.sessions import Sessions
from earwitness.core.errors import EarwitnessError
from tests.bad_inputs import bad_inputs
from tests.studies.pak2025.made_data import make_model

LIMITS = Limits(upload_mb=2, duration_s=20)
FILES = list(bad_inputs())


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """One session for all of them: what a file leaves behind would meet the next."""
    return Sessions(tmp_path_factory.mktemp("pages"), most=1).get("a")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("models") / "tiny", "mel")


@pytest.mark.parametrize(("name", "data"), [pytest.param(*each, id=f"{k}-{ascii(each[0])[:40]}")
                                            for k, each in enumerate(FILES)])
def test_a_bad_file_is_told_or_shown(session, model, name, data, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    told = ""
    try:
        info, clip = steps.take_file(session, path, name, LIMITS)
    except EarwitnessError as error:
        told = str(error)
    if told:
        assert "<script>alert" not in render.message_html(told, kind="error")
        return
    assert 0 < info.duration_s <= LIMITS.duration_s
    assert bool(clip.waveform.isfinite().all())
    if FILES.index((name, data)) % 5 == 0:  # the rest of the way is the same for all that can be read
        explained = steps.explain_sound(session, FormValues(model=str(model)), preselected=str(model))
        assert "<script>alert" not in render.result_html(explained)
