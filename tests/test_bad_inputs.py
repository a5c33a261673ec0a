"""Two hundred bad files through the command line: no traceback, no hang, nothing half-written."""

import signal
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from earwitness.cli import main
from tests.bad_inputs import bad_inputs
from tests.studies.pak2025.made_data import make_model

PROCESSOR_S = 10
FILES = list(bad_inputs())


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("models") / "tiny", "mel")


@pytest.fixture
def impatient():
    def stop(number, frame):
        raise TimeoutError(f"more than {PROCESSOR_S} s of processor time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, PROCESSOR_S)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.fixture
def undrawn(monkeypatch, request):
    """Figures take most of the time; every tenth file gets real ones."""
    if request.node.callspec.indices["name"] % 10:
        monkeypatch.setattr(Figure, "savefig", lambda figure, path, **settings: Path(path).write_bytes(b""))


def test_there_are_two_hundred():
    assert len({name for name, _ in FILES}) == len(FILES) >= 200


@pytest.mark.parametrize(("name", "data"), [pytest.param(*each, id=f"{k}-{ascii(each[0])[:40]}")
                                            for k, each in enumerate(FILES)])
@pytest.mark.usefixtures("impatient", "undrawn")
def test_a_bad_file_is_told_in_one_line_or_read(name, data, model, tmp_path, capfd):
    path, out = tmp_path / "in" / name, tmp_path / "out"
    path.parent.mkdir()
    path.write_bytes(data)
    words = [str(path)] if not name.startswith("-") else ["--", str(path)]
    code = main(["explain", "--model", str(model), "--out", str(out), *words])
    shown = capfd.readouterr()
    assert code in (0, 2), shown.err
    assert "Traceback" not in shown.err
    assert "unexpected" not in shown.err
    assert not [c for c in shown.out + shown.err if not c.isprintable() and c != "\n"]
    if code == 0:
        assert (out / "report.html").exists()
        assert (out / "explanation.json").exists()
    else:
        assert [line for line in shown.err.splitlines() if line.startswith("error: ")]
        assert not out.exists() or not list(out.iterdir())
    assert not [left for left in tmp_path.rglob("*") if left.suffix in (".tmp", ".part")]
