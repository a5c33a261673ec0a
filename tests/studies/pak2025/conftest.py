import pytest

from earwitness.studies.pak2025.inputs import read_inputs
from earwitness.studies.pak2025.plan import make_plan
from tests.studies.pak2025.made_data import PLAN, make_data, make_model, make_noises


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Folders: data, noises, and two models."""
    folder = tmp_path_factory.mktemp("made")
    make_data(folder / "data")
    make_noises(folder / "noises")
    for kind in ("mel", "stft"):
        make_model(folder / kind, kind)
    return folder


@pytest.fixture
def prepared(made):
    """A function: changes of the tiny plan -> what is prepared."""
    def prepare(**changes):
        plan = make_plan({"models": [str(made / "mel"), str(made / "stft")], **PLAN, **changes})
        return read_inputs(plan, made / "data", noises=made / "noises")

    return prepare
