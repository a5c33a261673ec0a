"""What people expect of a command line: it answers at once, completes, says what was meant, and stops quietly."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import earwitness as ew
from earwitness.cli import cli, main, names
from earwitness.cli.completion import RC_FILES

COMMAND = [sys.executable, "-m", "earwitness"]


def commands(group, path=()):
    for name, command in group.commands.items():
        yield (*path, name), command
        yield from commands(command, (*path, name)) if hasattr(command, "commands") else ()


@pytest.mark.parametrize(("path", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in commands(cli)])
def test_every_command_helps_with_an_example(path, command):
    result = CliRunner().invoke(cli, [*path, "--help"])
    assert result.exit_code == 0
    if not hasattr(command, "commands"):
        assert f"Example: earwitness {' '.join(path)}" in " ".join(result.output.split())
        assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_help_and_completion_do_not_wait_for_torch():
    code = "import sys; from earwitness.cli import main; main(['explain', '--help']); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_completed_names_are_the_real_ones():
    assert names.bundled_methods() == tuple(ew.METHODS)
    assert names.bundled_masks() == ew.masks.names()


@pytest.mark.parametrize(("words", "expected"), [
    ("explain --method gradc", "gradcam"), ("explain --method lime,sali", "lime,saliency"),
    ("explain --mask topK_50_", "topK_50_pos"), ("explain --model esc10-s", "esc10-stft"), ("exp", "explain"),
])
def test_the_shell_completes(words, expected):
    line = f"earwitness {words}"
    environment = os.environ | {"_EARWITNESS_COMPLETE": "bash_complete", "COMP_WORDS": line,
                                "COMP_CWORD": str(len(line.split()) - 1)}
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=60)
    assert f"plain,{expected}" in done.stdout.split()


@pytest.mark.parametrize("shell", [name for name in RC_FILES if name != "bash"])  # bash itself asks for its version
def test_completion_scripts_call_us(shell):
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert "_EARWITNESS_COMPLETE" in result.output


def test_a_slip_is_understood(capsys):
    assert main(["explian", "x.wav"]) == 2
    assert "explain" in capsys.readouterr().err
    assert main(["explain", "x.wav", "--methd", "lime"]) == 2
    assert "--method" in capsys.readouterr().err


def test_a_reader_that_stops_reading_is_no_error():
    with subprocess.Popen([*COMMAND, "models", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        writer.stdout.close()
        assert writer.stderr.read() == b""
    assert writer.returncode == 1


def test_output_for_a_pipe_or_without_colour_has_no_escapes(tmp_path):
    missing = str(tmp_path / "no.wav")
    for environment in (os.environ, os.environ | {"NO_COLOR": "1", "TERM": "xterm-256color"}):
        done = subprocess.run([*COMMAND, "explain", missing], env=environment, capture_output=True, timeout=60)
        assert done.returncode == 2
        assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not tell what is loaded")
def test_ctrl_c_while_packages_are_loaded_is_one_line(tmp_path):
    sound = ew.audio.save(tmp_path / "x.wav", ew.synthetic.make_scene("dog over hum").clip)
    words = ["explain", str(sound), "--method", "rise", "--set", "n_masks=50000", "--out", str(tmp_path / "out")]
    with subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        maps, deadline = Path(f"/proc/{running.pid}/maps"), time.monotonic() + 60
        while "torch" not in maps.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "torch" in maps.read_text()
        while running.poll() is None and time.monotonic() < deadline:  # a package may swallow one while it is loaded
            running.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                running.wait(timeout=10)
        running.kill()
        err = running.stderr.read()
    assert running.returncode == 1
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert not (tmp_path / "out" / "report.html").exists()


def test_json_of_detect(capsys, tmp_path):
    sound = ew.audio.save(tmp_path / "x.wav", ew.synthetic.make_scene("dog over hum").clip)
    assert main(["detect", str(sound), "--out", str(tmp_path / "out"), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["stretches"][-1]["end_s"] == pytest.approx(content["duration_s"], abs=0.1)
