"""Modules that add parts, known to the command line, to two workers and to Ray; broken ones say one sentence."""

import subprocess
import sys
import tomllib
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest
import yaml

import earwitness as ew
from earwitness import masks
from earwitness.cli import main
from earwitness.core import plugins
from earwitness.core.errors import ParameterError
from earwitness.metrics import METRICS
from earwitness.perturb.fills import FILLS
from earwitness.studies.pak2025.inputs import read_inputs
from earwitness.studies.pak2025.plan import make_plan
from earwitness.studies.pak2025.run import explain_clips
from tests.docs.pages import ROOT, as_they_were
from tests.studies.pak2025.made_data import PLAN

EXAMPLE = ROOT / "examples" / "plugin"
PARTS = """
from earwitness import masks, metrics, perturb
masks.MASKS["above_mean"] = masks.Mask(lambda v: (v > v.mean((-2, -1), keepdim=True)).to(v), "what is above the mean")
metrics.METRICS["MAX"] = metrics.Metric(lambda mask: mask.amax((-2, -1)), "largest value")
perturb.COMPONENTS["thirds"] = lambda features, model: perturb.components.temporal(features, model.front_end, n=3)
"""


@pytest.fixture
def working_folder(monkeypatch, tmp_path):
    """A working folder with the example and a module with other parts; what they add is gone afterwards."""
    (tmp_path / "earwitness_loudest.py").write_text((EXAMPLE / "earwitness_loudest.py").read_text())
    (tmp_path / "other_parts.py").write_text(PARTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(plugins, "_imported", {})
    with ExitStack() as stack:
        for registry in (ew.METHODS, FILLS, METRICS, masks.MASKS, ew.perturb.COMPONENTS):
            stack.enter_context(as_they_were(registry))
        yield tmp_path
    for name in ("earwitness_loudest", "other_parts"):
        sys.modules.pop(name, None)


def test_the_example_is_short_and_stands_on_its_page():
    page = (ROOT / "docs" / "how-to" / "write-a-plugin.md").read_text()
    assert f"```python\n{(EXAMPLE / 'earwitness_loudest.py').read_text()}```" in page
    assert (EXAMPLE / "pyproject.toml").read_text().split("\n\n")[1] in page
    assert sum(len(path.read_text().splitlines()) for path in EXAMPLE.glob("*.*")) <= 30


def test_a_module_of_the_working_folder_is_imported_once(working_folder, monkeypatch):
    plugins.load(["earwitness_loudest"])
    first = ew.METHODS["loudest"]
    plugins.load(["earwitness_loudest"])
    assert ew.METHODS["loudest"] is first
    assert plugins.loaded() == ("earwitness_loudest",)
    assert FILLS["median"].unit == "the median over time of each row"
    assert ew.methods.spec("loudest").settings["sharpness"].limits == (0.0, 10.0)
    monkeypatch.setenv(plugins.VARIABLE, "earwitness_loudest, other_parts")
    plugins.load()
    assert plugins.loaded() == ("earwitness_loudest", "other_parts")


@pytest.mark.parametrize(("text", "name", "message"), [
    (None, "not_there", r"plugin 'not_there' cannot be imported \(ModuleNotFoundError: No module named 'not_there'\)"),
    ("1 / 0", "broken", r"plugin 'broken' cannot be imported \(ZeroDivisionError: division by zero\)"),
    ("def", "broken", r"plugin 'broken' cannot be imported \(SyntaxError: .*\)"),
    ("import sys; sys.exit(3)", "broken", r"plugin 'broken' cannot be imported \(SystemExit: 3\)"),
    (None, "./mine.py", r"plugin is './mine.py'; expected the name of a module, such as 'mine' for mine.py"),
    (None, "", r"plugin is ''; expected the name of a module"),
])
def test_a_broken_one_says_one_sentence(working_folder, capsys, text, name, message):
    if text is not None:
        Path(f"{name}.py").write_text(text + "\n")
    with pytest.raises(ParameterError, match=message):
        plugins.load([name])
    assert plugins.loaded() == ()
    assert main(["models", "--plugin", name]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: plugin ")
    assert said.err.count("\n") == 1


def test_the_command_line_knows_its_parts_and_repeats_itself(working_folder, capsys):
    sound = ew.audio.save(working_folder / "x.wav", ew.synthetic.make_scene("dog over hum").clip)
    words = ["explain", str(sound), "--method", "loudest", "--mask", "above_mean", "--set", "sharpness=2"]
    assert main(words) == 2
    assert "unknown method 'loudest'" in capsys.readouterr().err
    words += ["--plugin", "earwitness_loudest", "--plugin", "other_parts"]
    assert main([*words, "--out", "out"]) == 0
    page = Path("out/report.html").read_text()
    assert "what is above the mean" in page
    assert "largest value" in page
    assert "--set sharpness=2 --plugin earwitness_loudest --plugin other_parts" in page
    assert main([*words, "--set", "sharpness=11"]) == 2
    assert "sharpness is 11; expected 0 to 10" in capsys.readouterr().err


def test_help_imports_no_plugin(working_folder, capsys):
    Path("loud.py").write_text("raise SystemExit('imported')\n")
    assert main(["explain", "--plugin", "loud", "--help"]) == 0
    assert "--plugin MODULE" in capsys.readouterr().out


def own_plan(made, **changes):
    return {**PLAN, "models": [str(made / "mel")], "scenarios": [{"name": "clean"}], "shard_size": 1,
            "methods": [{"name": "loudest"}, {"name": "occlusion", "settings": {"components": "thirds",
                                                                              "fill": "median"}}],
            "masks": ["bin", "above_mean"], "metrics": [*PLAN["metrics"], "MAX"], **changes}


def check_rows(rows):
    assert dict(rows.groupby("method")["mask"].count()) == {"loudest": 8, "occlusion": 8}
    assert rows.loc[rows["mask"] == "above_mean", "MAX"].eq(1).all()


def test_two_workers_know_its_parts(working_folder, made):
    (working_folder / "plan.yaml").write_text(yaml.safe_dump(own_plan(made)))
    words = ["study", "pak2025", "--data", str(made / "data"), "--plan", "plan.yaml", "--out", "out", "--workers", "2",
             "--montage", ""]
    assert main(words) == 2
    assert main([*words, "--plugin", "earwitness_loudest", "--plugin", "other_parts"]) == 0
    finished = explain_clips(read_inputs(make_plan(own_plan(made)), made / "data"), Path("out"))
    assert finished.kept == finished.total == 4
    assert not len(finished.failures)
    check_rows(finished.tables["rows"])


@pytest.mark.slow
def test_actors_know_its_parts(working_folder, made):
    pytest.importorskip("ray", reason="ray is not installed: pip install 'earwitness[ray]'")
    code = f"""
from functools import partial
from pathlib import Path
from earwitness.core import plugins
from earwitness.experiments.ray import do_on_ray
from earwitness.studies.pak2025.inputs import read_inputs
from earwitness.studies.pak2025.plan import make_plan
from earwitness.studies.pak2025.run import explain_clips
plugins.load(["earwitness_loudest", "other_parts"])
prepared = read_inputs(make_plan({own_plan(made)!r}), Path({str(made / "data")!r}))
finished = explain_clips(prepared, Path("out"), engine=partial(do_on_ray, workers=1))
assert not len(finished.failures), finished.failures["error"].tolist()
finished.tables["rows"].to_csv("rows.csv")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    check_rows(pd.read_csv("rows.csv"))


def install(folder, project, module):
    """What pip writes of a package's entry points, and its module."""
    about = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [line for group, entries in project["entry-points"].items()
             for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (folder / "earwitness_loudest.py").write_text(module)


@pytest.mark.parametrize(("module", "said"), [
    ((EXAMPLE / "earwitness_loudest.py").read_text(), ""),
    ("import nowhere\n", "warning: plugin 'earwitness_loudest' cannot be imported (ModuleNotFoundError: No module "
                         "named 'nowhere'): correct or uninstall earwitness-loudest\n"),
])
def test_an_installed_package_needs_no_option(working_folder, monkeypatch, capsys, module, said):
    monkeypatch.setattr(plugins, "_installed", set())
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    install(working_folder / "site", project, module)
    sys.path.insert(0, str(working_folder / "site"))
    assert main(["models"]) == 0
    assert capsys.readouterr().err == said
    assert ("loudest" in ew.METHODS) == (not said)
    assert plugins.loaded() == ()  # workers find what is installed by themselves
    assert main(["models"]) == 0
    assert capsys.readouterr().err == ""  # said once


def test_in_python_a_broken_package_warns(working_folder, monkeypatch):
    monkeypatch.setattr(plugins, "_installed", set())
    install(working_folder, {"name": "odd", "version": "1", "entry-points": {plugins.GROUP: {"odd": "no_such:x"}}}, "")
    sys.path.insert(0, str(working_folder))
    with pytest.warns(UserWarning, match="plugin 'no_such' cannot be imported .*: correct or uninstall odd"):
        plugins.load()
