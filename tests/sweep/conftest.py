import pytest

from earwitness import sweep
from tests.sweep.made_data import PLAN, make_data, make_model, make_noises


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
        plan = sweep.make_plan({"models": [str(made / "mel"), str(made / "stft")], **PLAN, **changes})
        return sweep.read_inputs(plan, made / "data", noises=made / "noises")

    return prepare
