"""A method describes itself; one validator for all who take settings."""

import inspect
import re

import pytest
import torch

import earwitness as ew
from earwitness.app.form import takes
from earwitness.checks import BoundMethod
from earwitness.cli import main
from earwitness.core.errors import ParameterError
from earwitness.methods import Evidence, method, spec, spec_of, specs
from earwitness.pipeline import side_by_side
from earwitness.studies.pak2025.plan import make_plan

PLAN = {"models": ["esc10-mel"], "scenarios": [{"name": "clean"}]}


@pytest.mark.parametrize("name", sorted(ew.METHODS))
def test_every_method_of_ours_says_all_of_itself(name):
    said = spec(name)
    assert said.name == name
    assert said.function is ew.METHODS[name]
    assert all((said.summary, said.part, said.cost, said.source))
    own = {p.name: p.default for p in inspect.signature(ew.METHODS[name]).parameters.values()
           if p.kind is p.KEYWORD_ONLY and p.name not in ("generator", "progress")}
    assert said.defaults == own
    said.check(own)  # what a method is without settings passes its own check


def test_counts_have_ranges_everywhere():
    for said in specs().values():
        for name in {"n_samples", "n_masks", "n_steps", "tolerance"} & set(said.settings):
            assert said.settings[name].limits is not None, (said.name, name)


def plain(score, features, *, n: int = 3, how: str = "well"):
    return Evidence(features.values * n)


def test_a_plain_function_has_the_defaults(monkeypatch):
    monkeypatch.setitem(ew.METHODS, "mine", plain)
    said = spec("mine")
    assert (said.name, said.score, said.needs, said.series, said.complete) == ("mine", "logit", "outputs", False, False)
    assert said.defaults == {"n": 3, "how": "well"}
    with pytest.raises(ParameterError, match="n is 'x'; expected a whole number"):
        said.check({"n": "x"})
    with pytest.raises(ParameterError, match="unknown setting of mine 'hoow'; did you mean 'how'"):
        said.check({"hoow": "x"})


def test_a_method_that_is_no_function_is_named(monkeypatch):
    monkeypatch.setitem(ew.METHODS, "mine", 3)
    with pytest.raises(ParameterError, match="method 'mine' is a int; expected a function"):
        spec("mine")


@pytest.mark.parametrize(("settings", "message"), [
    ({"score": "gain"}, "unknown score 'gain'"), ({"needs": "luck"}, "unknown needs 'luck'"),
    ({"ranges": {"m": (1, 2)}}, "unknown range of plain 'm'"),
])
def test_a_wrong_description_is_refused_where_it_stands(settings, message):
    with pytest.raises(ParameterError, match=message):
        method(**settings)(plain)


WRONG = [({"n_samples": -5}, "n_samples is -5; expected 1 to 1e+07"),
         ({"n_samples": "many"}, "n_samples is 'many'; expected a whole number"),
         ({"n_sample": 5}, "'n_sample'; did you mean 'n_samples'"),
         ({"score": "logits"}, "unknown score 'logits'; did you mean 'logit'")]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_whoever_takes_settings_refuses_the_same_at_once(capsys, tmp_path, settings, message):
    """A plan took n_samples: -5, and 80 clips failed one by one."""
    model, clip = ew.load_model("esc10-mel"), ew.synthetic.make_scene("clock_tick over hum").clip
    series = torch.zeros(1, 64)

    class Network(torch.nn.Module):
        def forward(self, x):
            return x.mean(2)

    (name, value), = settings.items()
    sound = ew.audio.save(tmp_path / "x.wav", clip)
    for take in (
        lambda: ew.explain(model, clip, "lime", **settings),
        lambda: ew.methods.explain_series(Network(), series, "lime", 0, **settings),
        lambda: make_plan({**PLAN, "methods": [{"name": "lime", "settings": settings}]}),
        lambda: side_by_side.check_settings(["lime"], settings),
        lambda: BoundMethod("lime", "logit", 0, settings=settings),
    ):
        with pytest.raises(ParameterError, match=re.escape(message)):
            take()
    assert main(["explain", str(sound), "--method", "lime", "--set", f"{name}={value}", "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_of_several_methods_one_that_can_take_a_value_is_enough():
    side_by_side.check_settings(["smoothgrad", "slime"], {"n_samples": None})  # smoothgrad takes a number only
    with pytest.raises(ParameterError, match="n_samples is -5"):
        side_by_side.check_settings(["smoothgrad", "slime", "saliency"], {"n_samples": -5})


def test_the_form_asks_the_spec():
    assert takes("slime", "components")
    assert not takes("slime", "generator")


def test_what_is_decorated_is_the_same_function():
    described = method(score="probability")(plain)
    try:
        assert described is plain
        assert spec_of(plain).score == "probability"
    finally:
        del plain.spec


def test_a_method_of_ones_own_for_series(monkeypatch):
    @method(series=True)
    def level(score, features, *, components="temporal", fill="silence"):
        return Evidence(features.values)

    monkeypatch.setitem(ew.METHODS, "level", level)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32, 2))
    found = ew.methods.explain_series(network, torch.zeros(1, 32), "level", 0)
    assert found.settings["score"] == "logit"
    assert (found.values == 1).all()
