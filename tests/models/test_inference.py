"""The prepared copy gives the same outputs, leaves the network alone, and never goes stale."""

import copy

import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.core.allocator import keep_freed_memory
from earwitness.models import Cnn14, VGGish
from earwitness.models.inference import TOLERANCE, optimise_for_inference


def random_norms(network, generator):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.running_mean, module.weight.data, module.bias.data):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
            module.running_var.copy_(torch.rand(module.running_var.shape, generator=generator) + 0.5)
    return network.eval()


@pytest.mark.parametrize("name", ["cnn14", "vggish", "small"])
def test_outputs_are_equal_and_the_network_is_untouched(name, generator):
    network = random_norms({"cnn14": lambda: Cnn14(5), "vggish": VGGish,
                            "small": lambda: ew.models.SmallCnn(5, 64)}[name](), generator)
    example = 20 * torch.randn(1, 64, 96, generator=generator) - 50
    before = {key: value.clone() for key, value in network.state_dict().items()}
    ready = optimise_for_inference(network, example)
    others = 20 * torch.randn(7, 64, 96, generator=generator) - 60
    with torch.no_grad():
        wanted, got = network(others), ready.network(others)
        assert float((got - wanted).abs().max() / wanted.abs().max()) <= TOLERANCE
        torch.testing.assert_close(ready.network.embed(others), network.embed(others), rtol=1e-4, atol=1e-5)
    assert ready.network is not network
    assert ready.steps != "unchanged"
    assert 1 <= ready.batch <= 64
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert not any(module.inplace for module in network.modules() if isinstance(module, nn.ReLU))
    if name != "vggish":
        assert not any(isinstance(m, nn.BatchNorm2d) for m in ready.network.modules())


def test_it_is_prepared_once_and_again_when_weights_change(generator):
    network = random_norms(ew.models.SmallCnn(3, 16), generator)
    example = torch.randn(1, 16, 40, generator=generator)
    first = optimise_for_inference(network, example)
    assert optimise_for_inference(network, example) is first
    with torch.no_grad():
        network.classify.weight.mul_(2)
    second = optimise_for_inference(network, example)
    assert second is not first
    network.classify.bias.data.fill_(3.0)  # leaves no trace in the tensor's version
    third = optimise_for_inference(network, example)
    assert third is not second
    assert torch.equal(third.network.classify.bias, torch.full((3,), 3.0))
    assert optimise_for_inference(network, torch.randn(1, 16, 80, generator=generator)) is not third


class Residual(nn.Module):
    """What goes into the norm and the ReLU is needed again after them."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()

    def forward(self, x):
        before = self.conv(x[:, None])
        return (self.relu(self.norm(before)) + before).mean((2, 3))


class Viewing(nn.Module):
    """Asks for the layout that contiguous convolutions have."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x):
        return self.norm(self.conv(x[:, None])).view(len(x), -1)


@pytest.mark.parametrize("kind", [Residual, Viewing])
def test_networks_that_cannot_take_a_step_are_right_without_it(kind, generator):
    network = random_norms(kind(), generator)
    x = torch.randn(3, 8, 9, generator=generator)
    ready = optimise_for_inference(network, x[:1])
    with torch.no_grad():
        torch.testing.assert_close(ready.network(x), network(x))


class Stubborn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def __deepcopy__(self, memo):
        raise RuntimeError("not me")

    def forward(self, x):
        return self.conv(x[:, None]).mean((2, 3))


def test_a_network_that_cannot_be_copied_is_used_as_it_is(generator):
    network = Stubborn().eval()
    ready = optimise_for_inference(network, torch.randn(1, 8, 9, generator=generator))
    assert ready.network is network
    assert ready.steps == "unchanged: RuntimeError while preparing"


def test_explanations_hardly_change_and_say_what_was_done(mel_model, scene):
    plain = ew.explain(mel_model, scene.clip, "slime", n_samples=64, fast=False)
    ready = ew.explain(mel_model, scene.clip, "slime", n_samples=64)
    torch.testing.assert_close(ready.values, plain.values, atol=1e-5, rtol=0)
    assert "batch norms folded" in ready.settings["optimised"]
    assert plain.settings["optimised"] == "no"
    assert ew.explain(mel_model, scene.clip, "gradcam").settings["optimised"] == "no"


def test_bf16_says_how_far_it_moved(mel_model, scene):
    exact = ew.explain(mel_model, scene.clip, "slime", n_samples=64)
    found = ew.explain(mel_model, scene.clip, "slime", n_samples=64, precision="bf16")
    assert 0 < found.settings["bf16_deviation"] < 0.2
    assert 0 < float((found.values - exact.values).abs().max()) < 0.2
    assert "bf16_deviation" not in exact.settings
    with pytest.raises(ew.errors.ParameterError, match="unknown precision"):
        ew.explain(mel_model, scene.clip, "slime", precision="fp16")


def test_a_copy_of_the_prepared_network_would_be_remembered_separately(generator):
    network = random_norms(ew.models.SmallCnn(3, 16), generator)
    example = torch.randn(1, 16, 40, generator=generator)
    assert optimise_for_inference(copy.deepcopy(network), example) is not optimise_for_inference(network, example)


def test_the_allocator_takes_the_setting_or_says_no():
    assert keep_freed_memory() in (True, False)
    assert keep_freed_memory(enabled=False) in (True, False)
