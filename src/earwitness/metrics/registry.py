"""Metrics by name: one line in ``METRICS`` brings a number into reports, sweeps and their tables."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from torch import Tensor

from earwitness.core.errors import ParameterError
from earwitness.metrics.audio_quality import log_spectral_distance, pesq, si_sdr, stoi
from earwitness.metrics.conciseness import complexity, sparseness
from earwitness.metrics.faithfulness import (
    average_drop,
    average_gain,
    average_increase,
    faithfulness,
    input_fidelity,
)

OF_MASKS = ("mask", "p", "p_kept", "p_removed", "probabilities", "probabilities_kept", "probabilities_removed",
            "convention")
OF_SOUNDS = ("reference", "estimate", "sample_rate_hz")


@dataclass(frozen=True)
class Metric:
    """A number that says how good a mask is.

    Attributes:
        function: tensors -> one number per mask, (k,). The names of its parameters say what it is given: ``mask``
            (k, freq, time); ``p``, ``p_kept``, ``p_removed`` (k,), probabilities of the target for the original, for
            what is kept and for what is removed; ``probabilities``, ``probabilities_kept``, ``probabilities_removed``
            (k, classes); ``convention``, what a constant mask scores. Or, for a metric of audio quality:
            ``reference`` (1, time), ``estimate`` (k, time) and, where it needs that, ``sample_rate_hz``.
        title: its full name.
        better: which way is better.
        form: how a report writes it.
        meaning: one plain line.
        short: what tables call it; "" where that is its name.
        formula: for the glossary.
        package: optional package that it needs, of the extra "quality".

    Raises:
        ParameterError: the function takes something else.
    """

    function: Callable[..., Tensor]
    title: str
    better: Literal["higher", "lower"] = "higher"
    form: str = "{:.3f}"
    meaning: str = ""
    short: str = ""
    formula: str = ""
    package: str = ""

    def __post_init__(self) -> None:
        inputs = OF_SOUNDS if self.of_sounds else OF_MASKS
        for name in self.parameters:
            if name not in inputs:
                raise ParameterError(f"metric {self.title!r} takes {name!r}; expected any of {', '.join(OF_MASKS)}, or "
                                     f"of {', '.join(OF_SOUNDS)}")

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of what the function is given."""
        return tuple(inspect.signature(self.function).parameters)

    @property
    def of_sounds(self) -> bool:
        """Whether it compares sounds, and not what the model says."""
        return "reference" in self.parameters

    @property
    def arrow(self) -> str:
        """Which way is better, as tables show it."""
        return "↑" if self.better == "higher" else "↓"

    def of(self, given: Mapping[str, Any], n: int) -> list[float]:
        """Work it out for n masks.

        Args:
            given: everything that metrics are given, by name.
            n: number of masks.

        Raises:
            ParameterError: the function does not give one number per mask.
        """
        numbers = self.function(**{name: given[name] for name in self.parameters})
        if not isinstance(numbers, Tensor) or numbers.shape != (n,):
            got = tuple(numbers.shape) if isinstance(numbers, Tensor) else type(numbers).__name__
            raise ParameterError(f"metric {self.title!r} gave {got}; expected one number per mask, ({n},)")
        return [float(number) for number in numbers.tolist()]


METRICS: dict[str, Metric] = {
    "FF": Metric(faithfulness, "faithfulness", formula="p - p⁻",
                 meaning="probability the model loses when the kept part is taken away"),
    "AI": Metric(average_increase, "average increase", form="{:.0f}\u00a0%", formula="100 where p⁺ > p, else 0",
                 meaning="100 if the kept part alone is more probable, else 0"),
    "AD": Metric(average_drop, "average drop", "lower", "{:.1f}\u00a0%", formula="100 · max(0, p - p⁺) / p",
                 meaning="share of the probability the kept part alone loses"),
    "AG": Metric(average_gain, "average gain", form="{:.1f}\u00a0%", formula="100 · max(0, p⁺ - p) / (1 - p)",
                 meaning="share of the missing probability the kept part alone wins"),
    "FidIn": Metric(input_fidelity, "input fidelity", form="{:.0f}", short="Fid-In",
                    formula="1 where the kept part leads to the same class, else 0",
                    meaning="1 if the kept part alone leads to the same class, else 0"),
    "SPS": Metric(sparseness, "sparseness", formula="Gini index of the mask: 1 in one place, 0 everywhere alike",
                  meaning="0: the mask is spread evenly, 1: it is all in one place"),
    "COMP": Metric(complexity, "complexity", "lower", "{:.2f}\u00a0nats", formula="-Σ q ln q with q = m / Σ m",
                   meaning="entropy of the mask: fewer places, lower number"),
    "SISDR": Metric(si_sdr, "scale-invariant signal-to-distortion ratio", form="{:.1f}\u00a0dB", short="SI-SDR dB",
                    formula="10 log₁₀(‖s‖² / ‖e - s‖²), e the kept sound, s = (⟨e, r⟩ / ‖r‖²) r",
                    meaning="how much of the kept sound is the recording"),
    "LSD": Metric(log_spectral_distance, "log-spectral distance", "lower", "{:.1f}\u00a0dB", short="LSD dB",
                  formula="root mean square difference of levels, at most 80",
                  meaning="how far the levels of the kept sound are from those of the recording"),
    "PESQ": Metric(pesq, "perceptual quality of speech", form="{:.2f}", package="pesq", formula="ITU-T P.862",
                   meaning="1 bad, 4.6 as good as the recording; made for speech"),
    "STOI": Metric(stoi, "intelligibility of speech", form="{:.2f}", package="pystoi", formula="Taal et al. 2011",
                   meaning="0 to 1; made for speech"),
}


def mask_metrics() -> dict[str, Metric]:
    """Return the metrics of what the model says and of the mask, which every report has."""
    return {name: metric for name, metric in METRICS.items() if not metric.of_sounds}


def sound_metrics() -> dict[str, Metric]:
    """Return the metrics of audio quality, which a sweep computes where its plan names them."""
    return {name: metric for name, metric in METRICS.items() if metric.of_sounds}
