"""Methods by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from earwitness.core.errors import ParameterError, unknown_name
from earwitness.methods.attention_rollout import attention_rollout
from earwitness.methods.audible_mask import audible_mask
from earwitness.methods.deep_shap import deep_shap
from earwitness.methods.evidence import Evidence
from earwitness.methods.gradcam import gradcam
from earwitness.methods.integrated_gradients import integrated_gradients
from earwitness.methods.lime import audio_lime, lime, slime
from earwitness.methods.method_spec import NEEDS, MethodSpec, Needs, spec_of
from earwitness.methods.occlusion import occlusion
from earwitness.methods.relax import relax, rise
from earwitness.methods.saliency import saliency
from earwitness.methods.shapley import kernel_shap
from earwitness.methods.smoothgrad import smoothgrad
from earwitness.models.adapters.function import BlackBox
from earwitness.models.adapters.torchscript import keeps_its_layers

METHODS: dict[str, Callable[..., Evidence]] = {
    "attention_rollout": attention_rollout,
    "audible_mask": audible_mask,
    "audio_lime": audio_lime,
    "deep_shap": deep_shap,
    "gradcam": gradcam,
    "integrated_gradients": integrated_gradients,
    "kernel_shap": kernel_shap,
    "lime": lime,
    "occlusion": occlusion,
    "relax": relax,
    "rise": rise,
    "saliency": saliency,
    "slime": slime,
    "smoothgrad": smoothgrad,
}


def spec(name: str) -> MethodSpec:
    """Return what a method says of itself.

    Args:
        name: of ``METHODS``.

    Raises:
        ParameterError: unknown name.

    >>> spec("slime").score, spec("slime").settings["n_samples"].limits
    ('probability', (1, 10000000))
    """
    if not isinstance(name, str) or name not in METHODS:
        raise unknown_name("method", name, METHODS)
    return spec_of(METHODS[name], name)


def specs() -> dict[str, MethodSpec]:
    """Return what all methods say of themselves, by name."""
    return {name: spec(name) for name in METHODS}


def check_network(method: MethodSpec, network: nn.Module) -> None:
    """Refuse a method that needs more of a network than it gives, and name those that do not.

    Raises:
        ParameterError: a black box and a method that needs gradients, or TorchScript and one that watches layers.
    """
    if isinstance(network, BlackBox) and method.needs != "outputs":
        names = [name for name, each in specs().items() if each.needs == "outputs" and each.score != "similarity"]
        raise ParameterError("the model is a black box, which gives answers and no gradients; use a method that needs "
                             f"none: {_listed(names)}")
    if keeps_its_layers(network) and method.needs == "layers":
        names = [name for name in _that_need("gradient") if name != method.name]
        raise ParameterError(f"the network is TorchScript, whose layers cannot be watched; {method.name} needs them: "
                             f"use a method that needs none: {_listed(names)}")


def _that_need(most: Needs) -> list[str]:
    """Names of the methods that need no more than this."""
    return [name for name, each in specs().items() if NEEDS.index(each.needs) <= NEEDS.index(most)]


def _listed(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
