"""Whatever README and docs call ``ew.x.y`` is there in a Python that has imported nothing but ``earwitness``."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import earwitness as ew

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What is slow to import is imported once; each name then has a process of its own, in which earwitness is new.
IN_FRESH_PROCESSES = """
import os, sys
import librosa, matplotlib.figure, numpy, pandas, scipy.signal, soundfile, torch
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        assert not any(module.partition(".")[0] == "earwitness" for module in sys.modules)
        try:
            import earwitness as ew
            eval(name, {"ew": ew})
        except BaseException as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def names_on(page: Path) -> set[str]:
    return {match.rstrip(".") for match in re.findall(r"\bew(?:\.\w+)+", page.read_text())}


def missing(names):
    ran = subprocess.run([sys.executable, "-c", IN_FRESH_PROCESSES, *sorted(names)], capture_output=True, text=True,
                         check=True, timeout=300)
    return ran.stdout.splitlines()


def test_every_name_that_the_pages_show_is_there_in_a_fresh_process():
    names = set().union(*map(names_on, PAGES))
    assert {"ew.explain", "ew.methods.explain_series", "ew.masks.make"} <= names
    names |= {f"ew.{name}" for name in ew.__all__} | {"ew.types.Clip", "ew.checks", "ew.datasets", "ew.report"}
    assert missing(names) == []


def test_a_missing_name_is_seen():
    assert [line.partition(":")[0] for line in missing(["ew.load", "ew.nothing", "ew.masks.nothing"])] == [
        "ew.masks.nothing", "ew.nothing"]


@pytest.mark.parametrize(("old", "new"), [
    ("earwitness.scores", "earwitness.targets.scores"), ("earwitness.stretches", "earwitness.pipeline.recording"),
    ("earwitness.models.hugging_face", "earwitness.models.adapters.transformers"),
])
def test_old_names_of_modules_answer_with_a_warning(old, new):
    code = f"import warnings, sys; warnings.simplefilter('error'); import {new}\n" \
           f"try: import {old}\nexcept DeprecationWarning as warning: print(warning)\n" \
           f"warnings.simplefilter('ignore'); import {old}; assert sys.modules['{old}'] is sys.modules['{new}']\n" \
           f"assert sys.modules['{new}'].__spec__.name == '{new}'"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert ran.stdout.strip() == f"{old} is now {new}; the old name goes with 0.3"


@pytest.mark.parametrize(("old", "new"), [
    ("Heard", "SplitSound"), ("perturb.KINDS", "perturb.COMPONENTS"),
    ("frontends.SvdLogMel", "frontends.SingingVoiceLogMel"),
    ("synthetic.make", "synthetic.make_scene"), ("studies.pak2025.run_study", "studies.pak2025.run_pak2025"),
    ("sweep.make_plan", "studies.pak2025.plan.make_plan"), ("sweep.seed_of", "experiments.task.seed_of"),
])
def test_old_names_answer_with_a_warning(old, new):
    def get(path):
        value = ew
        for name in path.split("."):
            value = getattr(value, name)
        return value

    with pytest.warns(DeprecationWarning, match=r"is now earwitness\."):
        assert get(old) is get(new)
    with pytest.raises(AttributeError, match="nothing"):
        get("perturb.nothing")


def test_a_package_that_moved_takes_its_modules_along():
    code = "import warnings; warnings.simplefilter('ignore'); import earwitness.models.hugging_face.loading as old; " \
           "import earwitness.models.adapters.transformers.loading as new; assert old is new"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_types_and_errors_keep_their_short_names():
    code = "import warnings; warnings.simplefilter('error'); import earwitness.types, earwitness.errors; " \
           "from earwitness.types import Clip; import earwitness; assert earwitness.types.Clip is earwitness.Clip"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
