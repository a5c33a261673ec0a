from importlib import resources

import pytest
import torch

import earwitness as ew
from earwitness.models.weights import check
from earwitness.studies.relax2023 import read_labelled


@pytest.fixture(scope="module")
def model():
    return ew.load_model("animals")


def test_the_encoder_is_small_and_its_weights_are_those_of_the_card(model):
    path = resources.files("earwitness.models") / "bundled" / "animals.safetensors"
    assert path.stat().st_size <= 3_000_000
    check(path, model.card["checksum"])
    assert model.labels == ("bird", "cat", "chicken", "cow", "dog", "donkey", "frog", "lion", "monkey", "sheep")
    assert model.embed(model.features(ew.synthetic.make_scene("dog over hum").clip)).shape == (1, 512)
    assert "Sasmaz" in model.card["credits"]


def test_it_recognises_animals_it_has_not_heard_as_its_card_says(model, shared_data):
    data = read_labelled(shared_data / "animals")
    test = data.part(data.fair, test=True)
    right = sum(int(model.probabilities(ew.load(data.paths[k])).mean(0).argmax()) == data.targets[k] for k in test)
    assert len(test) == model.card["measured"]["n_test"] == 170
    assert right / len(test) == pytest.approx(model.card["measured"]["test_accuracy"], abs=1e-4)
    heard = {data.groups[k] for k in data.part(data.fair, test=False)}
    assert not heard & {data.groups[k] for k in test}


def test_it_runs_on_any_recording(model):
    silent = ew.Clip(torch.zeros(100), 44100, "nothing")
    assert bool(torch.isfinite(model.probabilities(silent)).all())
