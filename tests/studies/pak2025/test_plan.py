import re
import subprocess
import sys

import pytest

import earwitness as ew
from earwitness.studies.pak2025 import published_plan
from earwitness.studies.pak2025.inputs import read_inputs
from earwitness.studies.pak2025.job import shard_of
from earwitness.studies.pak2025.plan import make_plan, read_plan
from tests.studies.pak2025.made_data import LABELS, PLAN, make_data, make_model, make_noises

MODELS = {"models": ["esc10-mel"]}


def test_the_published_plan_is_what_the_paper_did():
    plan = published_plan()
    assert [scenario.name for scenario in plan.scenarios] == ["clean", "white", "room", "horse"]
    assert plan.masks == ew.masks.PRESETS
    assert (plan.test_folds, plan.backgrounds.folds, plan.backgrounds.count) == ((5,), (1, 2, 3), 100)
    settings = {method.name: (method.function, method.settings, method.backgrounds) for method in plan.methods}
    assert settings["lime"] == ("lime", {"n_samples": 1000, "sampling": "independent"}, False)
    assert settings["gradcam-pak2025"] == ("gradcam", {"variant": "pak2025"}, False)
    assert settings["shap-pak2025"] == ("deep_shap", {"variant": "pak2025"}, True)


def test_a_new_preset_does_not_change_the_published_plan():
    """The plan's defaults are made with the module, so a Python of its own adds the preset first."""
    code = "from earwitness import masks; masks.PRESETS += ('topK_70_pos',); " \
           "from earwitness.studies.pak2025 import published_plan; print(len(published_plan().masks))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert ran.stdout.strip() == "14"


@pytest.mark.parametrize(("changes", "message"), [
    ({"colour": "red"}, "colour: Extra inputs are not permitted"),
    ({"models": []}, "models: Tuple should have at least 1 item"),
    ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
    ({"masks": ["topK_30_poss"]}, "unknown mask 'topK_30_poss'; did you mean 'topK_30_pos'"),
    ({"methods": [{"name": "limee"}]}, "unknown method 'limee'; did you mean 'lime'"),
    ({"methods": [{"name": "lime", "settings": {"samples": 3}}]}, "unknown setting of lime 'samples'"),
    ({"methods": [{"name": "lime", "settings": {"n_samples": "many"}}]}, "n_samples is 'many'; expected"),
    ({"methods": [{"name": "saliency"}] * 2}, "methods: 'saliency' is there twice"),
    ({"methods": [{"name": "deep_shap", "backgrounds": True}]}, "asks for backgrounds"),
    ({"methods": [{"name": "saliency", "backgrounds": True}], "backgrounds": {"folds": [1], "count": 2}}, "takes no"),
    ({"metrics": ["FF", "LDS"]}, "unknown metric 'LDS'; did you mean 'LSD'"),
    ({"methods": [{"name": "lime", "settings": {"n_samples": -5}}]}, "method 'lime': n_samples is -5; expected 1 to"),
    ({"test_folds": [6]}, "folds are [1, 2, 3, 4, 5]; expected also [6]"),
    ({"scenarios": [{"name": "a/b"}]}, "scenarios.0.name: String should match pattern"),
    ({"scenarios": [{"name": "loud", "noise": "white", "snr_db": 900}]}, "scenarios.0.snr_db"),
])
def test_a_wrong_plan_names_the_entry(changes, message):
    plan = {**MODELS, "scenarios": [{"name": "clean"}], "methods": [{"name": "saliency"}]}
    with pytest.raises(ew.ParameterError, match=re.escape(message)):
        make_plan(plan | changes)


@pytest.mark.parametrize(("text", "message"), [
    ("- a\n- b", "holds a list; expected the entries"),
    ("models: [", "cannot be read as a plan"),
    ("models: [a]\n7: x\n", "scenarios: Field required"),
])
def test_a_file_that_is_no_plan_is_refused(tmp_path, text, message):
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(ew.ParameterError, match=message):
        read_plan(tmp_path / "plan.yaml")
    with pytest.raises(ew.ParameterError, match="No such file"):
        read_plan(tmp_path / "none.yaml")


def test_names_select_and_changes_replace():
    plan = published_plan(methods=["lime", "saliency"], scenarios=["clean"], limit=3, seed=None)
    assert [method.name for method in plan.methods] == ["lime", "saliency"]
    assert (len(plan.scenarios), plan.limit, plan.seed) == (1, 3, 0)
    with pytest.raises(ew.ParameterError, match="unknown scenario 'rain'; known: clean"):
        published_plan(scenarios=["rain"])


def prepare(made, data=None, noises="noises", **changes):
    plan = make_plan({"models": [str(made / "mel")], **PLAN, **changes})
    return read_inputs(plan, data or made / "data", noises=noises and made / noises)


@pytest.mark.parametrize(("folds", "message"), [
    (range(1, 5), r"lacks folds \[5\]"),
    (range(1, 7), r"has also folds \[6\]"),
])
def test_missing_and_extra_folds_are_named(made, tmp_path, folds, message):
    with pytest.raises(ew.DataError, match=message):
        prepare(made, make_data(tmp_path / "data", folds=folds))


def test_labels_unknown_to_the_model_are_named(made, tmp_path):
    make_model(tmp_path / "other", "mel", labels=(LABELS[0], "middle"))
    with pytest.raises(ew.DataError, match=r"does not know high; expected a model of all the data's classes"):
        prepare(made, models=[str(tmp_path / "other")])


def test_noises_must_be_there_once_and_loud(made, tmp_path):
    with pytest.raises(ew.ParameterError, match="expected the folder with the noises of hum"):
        prepare(made, noises=None)
    with pytest.raises(ew.DataError, match="matches no file; expected one file"):
        prepare(made, scenarios=[{"name": "rain", "noise": "*rain*"}])
    folder = make_noises(tmp_path / "noises")
    ew.audio.save(folder / "another hum.wav", ew.Clip(ew.load(folder / "a Hum.wav").waveform * 0, 8000))
    plan = make_plan({"models": [str(made / "mel")], **PLAN})
    with pytest.raises(ew.DataError, match=r"matches a Hum.wav, another hum.wav; expected one file"):
        read_inputs(plan, made / "data", noises=folder)
    (folder / "a Hum.wav").unlink()
    with pytest.raises(ew.DataError, match="are silent; expected noise"):
        read_inputs(plan, made / "data", noises=folder)


def test_a_model_that_hears_less_than_a_clip_is_refused(made):
    with pytest.raises(ew.ParameterError, match=r"clip_s is 2 but .* hears 0.5 s at once"):
        prepare(made, clip_s=2.0)


def test_a_metric_whose_package_is_missing_is_named_before_anything_runs(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)
    with pytest.raises(ew.MissingExtraError, match=r"pip install 'earwitness\[quality\]'"):
        prepare(made, metrics=["FF", "PESQ"])


def test_scenarios_keep_to_their_front_ends(prepared):
    shards = map(shard_of, prepared().tasks())
    places = list(dict.fromkeys((shard.model.rpartition("/")[2], shard.scenario) for shard in shards))
    assert places == [("mel", "clean"), ("mel", "white"), ("mel", "hum"), ("stft", "clean")]


def test_two_models_with_one_front_end_are_told_apart(made, tmp_path):
    make_model(tmp_path / "second", "mel")
    job = prepare(made, models=[str(made / "mel"), str(tmp_path / "second")]).job
    assert list(job.front_ends.values()) == ["mel (mel)", "mel (second)"]


def test_other_weights_or_noises_are_another_plan(made, tmp_path):
    before = prepare(made)
    plan, identity = before.job.plan, before.identity()
    assert identity == prepare(made).identity()
    folder = make_noises(tmp_path / "noises")
    assert read_inputs(plan, made / "data", noises=folder).identity() == identity
    ew.audio.save(folder / "a Hum.wav", ew.Clip(ew.load(folder / "a Hum.wav").waveform / 2, 8000))
    assert read_inputs(plan, made / "data", noises=folder).identity() != identity
    more = make_data(tmp_path / "data", takes=3)
    assert read_inputs(plan, more, noises=made / "noises").identity() != identity
    same = make_data(tmp_path / "same")
    assert read_inputs(plan, same, noises=made / "noises").identity() == identity
    ew.audio.save(same / "audio" / "5-0-A-0.wav", ew.Clip(ew.load(same / "audio" / "5-0-A-1.wav").waveform, 8000))
    assert read_inputs(plan, same, noises=made / "noises").identity() != identity
