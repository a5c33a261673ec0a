"""A transformers model and its feature extractor as one network that hears waveforms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from earwitness.core.errors import ParameterError
from earwitness.models.adapters.transformers.extractors import RawWaveform, WhisperLogMel, differentiable
from earwitness.models.adapters.transformers.layouts import TokenLayout, layout_of, shortest_samples
from earwitness.models.token_maps import TokenMaps

CLASSIFIERS = ("ForAudioClassification", "ForSequenceClassification")


class TransformersNetwork(nn.Module):
    """Waveforms (batch, time) -> logits (batch, classes); embeddings (batch, dim) where there is no classifier.

    Each item is heard as if it were alone: padded and cut as the feature extractor does. Tokens take part in Grad-CAM
    and attention rollout (``earwitness.models.token_maps``).

    Args:
        model: of transformers: AST, wav2vec 2.0 and its kin, Whisper, CLAP; with or without a classifier.
        feature_extractor: of transformers, or the processor that holds it.

    Attributes:
        is_classifier: whether the answer is logits.
        sample_rate_hz: rate of the waveforms.
        window_samples: samples that are heard at once, or None for any number.
    """

    def __init__(self, model: Any, feature_extractor: Any) -> None:
        super().__init__()
        self.extract = differentiable(feature_extractor)
        self.model = model
        self.is_classifier = type(model).__name__.endswith(CLASSIFIERS)
        layout_of(model, self.extract)  # refuses what does not fit

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the waveforms."""
        return self.extract.sample_rate_hz

    @property
    def window_samples(self) -> int | None:
        """Samples that are heard at once, or None for any number."""
        return self.extract.window_samples

    @property
    def layout(self) -> TokenLayout:
        """Where the tokens lie."""
        return layout_of(self.model, self.extract)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return logits of waveforms (batch, time), or embeddings where there is no classifier."""
        if not self.is_classifier:
            return self.embed(waveform)
        logits: Tensor = self.model(**self._inputs(waveform)).logits
        return logits

    def embed(self, waveform: Tensor) -> Tensor:
        """Return embeddings of waveforms (batch, time).

        AST: the mean of its two summing tokens. CLAP: the audio embedding, projected where the model projects.
        Otherwise the mean of the encoder's last tokens over time, for Whisper over the whole padded window.
        """
        ask = self.model.base_model
        if isinstance(self.extract, WhisperLogMel):
            ask = self.layout.encoder
        elif hasattr(self.model, "get_audio_features"):
            ask = self.model.get_audio_features
        output = ask(**self._inputs(waveform))
        for name in ("audio_embeds", "pooler_output"):
            if getattr(output, name, None) is not None:
                pooled: Tensor = getattr(output, name)
                return pooled
        tokens: Tensor = output.last_hidden_state
        return tokens.mean(1)

    def token_layers(self) -> Mapping[str, nn.Module]:
        """Return the layers whose tokens the answer depends on, by name, first to last."""
        names = {id(module): name for name, module in self.named_modules()}
        return {names[id(layer)]: layer for layer in self.layout.layers.values()}

    def token_maps(self, tokens: Tensor) -> TokenMaps:
        """Put tokens (batch, tokens, channels) in their places."""
        return self.layout.maps(tokens)

    def pooled_tokens(self, n_tokens: int) -> Tensor:
        """Return how much of each token the answer is made from, (n_tokens,)."""
        return self.layout.pooled(n_tokens)

    @contextmanager
    def watching_attentions(self) -> Iterator[list[Tensor]]:
        """Collect the attentions (batch, heads, tokens, tokens) of the passes inside the context, layer by layer.

        The model is asked for "eager" attention meanwhile, the only kind that has these matrices.
        """
        seen: list[Tensor] = []

        def watch(module: nn.Module, _inputs: Any, output: Any) -> None:
            if not isinstance(output, tuple) or len(output) < 2 or not isinstance(output[1], Tensor):
                raise ParameterError(f"{type(module).__name__} gives no attentions; load the model with "
                                     "attn_implementation='eager', or use gradcam")
            seen.append(output[1])

        handles = [module.register_forward_hook(watch) for module in self.layout.attention_modules()]
        before = self.model.config._attn_implementation
        try:
            self.model.set_attn_implementation("eager")
            yield seen
        finally:
            for handle in handles:
                handle.remove()
            self.model.set_attn_implementation(before)

    def _inputs(self, waveform: Tensor) -> dict[str, Tensor]:
        inputs: dict[str, Tensor] = self.extract(waveform)
        if isinstance(self.extract, RawWaveform):
            missing = max(0, shortest_samples(self.model.config) - waveform.shape[-1])
            inputs = {"input_values": nn.functional.pad(inputs["input_values"], (0, missing))}
        return inputs
