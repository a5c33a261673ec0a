"""AudioModel of a transformers model, given or loaded by name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from earwitness.core.errors import ParameterError, WeightsError, require
from earwitness.models.adapters.transformers.network import TransformersNetwork
from earwitness.models.audio_model import Activation, AudioModel


def from_transformers(
    model: Any, feature_extractor: Any = None, *, activation: Activation | None = None, name: str | None = None,
    revision: str | None = None,
) -> AudioModel:
    """Make a model of one of Hugging Face transformers (extra ``hf``) and its feature extractor.

    Args:
        model: AST, wav2vec 2.0 and its kin (HuBERT, WavLM), Whisper (its encoder) or CLAP (its audio side); with a
            classifier, or an encoder. A name or folder is loaded, safetensors only.
        feature_extractor: of transformers, or the processor that holds it; found by a model's name.
        activation: None takes "sigmoid" where the configuration says multi_label_classification, else "softmax".
        name: what people call it.
        revision: of a model that is loaded by name.

    Returns:
        A model that hears waveforms, through a differentiable copy of the feature extraction. Its window is what
        the extractor hears at once; shorter clips are filled up as the extractor does, and longer ones heard window
        by window, where the extractor would cut them off.

    Raises:
        ParameterError: a model or extractor that is not known here, or that do not belong together.
        WeightsError: a model cannot be loaded by name.
        MissingExtraError: transformers is not installed.
    """
    transformers = require("transformers", extra="hf")
    if isinstance(model, str | Path):
        named = str(model)
        model, named_extractor = _load(transformers, named, revision)
        feature_extractor, name = feature_extractor or named_extractor, name or named
    if not isinstance(model, transformers.PreTrainedModel):
        raise ParameterError(f"model is a {type(model).__name__}; expected a model of transformers, or its name")
    if feature_extractor is None:
        raise ParameterError("feature_extractor is missing; expected the one the model was published with: "
                             "transformers.AutoFeatureExtractor.from_pretrained gives it")
    network = TransformersNetwork(model, feature_extractor)
    return AudioModel(
        network, labels=_labels(model.config.id2label) if network.is_classifier else (),
        activation=activation or _activation(model.config, network.is_classifier),
        window_s=network.window_samples and network.window_samples / network.sample_rate_hz, pad_short=False,
        name=name or model.config.name_or_path or type(model).__name__, sample_rate_hz=network.sample_rate_hz,
    )


def _load(transformers: Any, name: str, revision: str | None) -> tuple[Any, Any]:
    """Load a model and its extractor by name or folder: safetensors only, and no code that comes with it."""
    chosen = {} if revision is None else {"revision": revision}
    try:
        config = transformers.AutoConfig.from_pretrained(name, trust_remote_code=False, **chosen)
        kind = getattr(transformers, (config.architectures or ["AutoModel"])[0])
        extractor = transformers.AutoFeatureExtractor.from_pretrained(name, trust_remote_code=False, **chosen)
        model = kind.from_pretrained(name, use_safetensors=True, trust_remote_code=False, **chosen)
    except Exception as error:  # whatever goes wrong between here and a file from far away
        reason = " ".join(str(error).split()).split(". ")[0][:300] or type(error).__name__
        raise WeightsError(f"cannot load {name!r} from Hugging Face: {reason}; expected the name of an audio model "
                           "with safetensors weights, or a folder that save_pretrained wrote") from error
    return model, extractor


def _activation(config: Any, is_classifier: bool) -> Activation:
    if is_classifier and config.problem_type == "regression":
        raise ParameterError("config.problem_type is 'regression'; expected a classifier or an encoder")
    return "sigmoid" if config.problem_type == "multi_label_classification" else "softmax"


def _labels(id2label: dict[int, str]) -> list[str]:
    """Names in the order of the logits; a name that comes again gets its number behind it."""
    names = [str(id2label[index]) for index in sorted(id2label)]
    often = Counter(names)
    return [f"{name} ({index})" if often[name] > 1 else name for index, name in enumerate(names)]
