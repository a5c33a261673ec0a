"""What makes a model or a file the same again."""

import copy
from dataclasses import replace

import pytest
import torch

import earwitness as ew
from earwitness.experiments.facts import ModelSource, device_of, digest_of_files, load_source, model_facts
from tests.made_models import deep


@pytest.fixture
def model(generator):
    return deep(generator)


def test_a_model_is_its_weights_and_how_it_hears(model):
    same = replace(model, network=copy.deepcopy(model.network))
    assert model_facts(model) == model_facts(same)
    with torch.no_grad():
        next(same.network.parameters()).flatten()[0] += 1e-6
    for other in (same, replace(model, normalise="rms"), replace(model, name="other"),
                  replace(model, labels=[f"{label}." for label in model.labels])):
        assert model_facts(other) != model_facts(model)


def test_weights_of_any_type_are_told_apart():
    network = torch.nn.Linear(2, 1).to(torch.bfloat16)
    network.register_buffer("count", torch.tensor(3))
    first = ew.AudioModel(network, ew.frontends.MelDb(8000, 256, 80, 16, 50, 4000))
    other = copy.deepcopy(network)
    other.count += 1
    assert model_facts(first) != model_facts(replace(first, network=other))


def test_a_source_is_loaded_and_a_model_is_itself(model):
    source = ModelSource("esc10-mel")
    assert model_facts(load_source(source)) == model_facts(ew.load_model("esc10-mel"))
    assert load_source(model) is model
    assert (device_of(source), device_of(model)) == ("cpu", "cpu")
    with pytest.raises(ew.ParameterError, match=r"device 'cuda:99' cannot be used .*; expected one of this machine"):
        ModelSource("esc10-mel", device="cuda:99").load()


def test_files_are_their_names_and_contents(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(b"x" * 3_000_000)
    before = digest_of_files(paths)
    assert before == digest_of_files(paths) != digest_of_files(paths[::-1])
    paths[1].write_bytes(b"x" * 2_999_999 + b"y")
    assert digest_of_files(paths) != before
    paths[1].unlink()
    assert digest_of_files(paths) not in (before, digest_of_files(paths[:1]))
