import sys

import pytest

from earwitness.app.server import listening
from earwitness.cli import main
from earwitness.core.errors import EarwitnessError


def test_help_has_examples(capsys):
    assert main(["app", "--help"]) == 0
    out = capsys.readouterr().out
    assert "earwitness app --host 0.0.0.0 --max-seconds 60" in out
    assert "127.0.0.1" in out


def test_without_gradio_one_line_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["app", "--port", "0"]) == 2
    assert capsys.readouterr().err == "error: gradio is not installed; install it with: pip install 'earwitness[app]'\n"


def test_a_port_that_cannot_be_had_is_said_in_one_line():
    with listening("127.0.0.1", 0) as taken, pytest.raises(EarwitnessError, match=r"cannot listen on 127.0.0.1:\d+"):
        listening("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(EarwitnessError, match="is no address"):
        listening("no.such.host.invalid", 1)
