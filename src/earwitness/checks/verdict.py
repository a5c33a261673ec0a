"""All checks of one explanation, and what they come to in plain words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from earwitness.checks.bound_method import BoundMethod
from earwitness.checks.completeness import completeness_gap
from earwitness.checks.randomisation import layers_with_weights, randomisation
from earwitness.checks.stability import max_sensitivity
from earwitness.core.errors import ParameterError
from earwitness.core.types import Attribution, Features, Progress
from earwitness.metrics.flipping import ORDERS, flip
from earwitness.models.audio_model import AudioModel
from earwitness.models.eval_mode import eval_mode

FEWER = {"n_masks": 500, "n_samples": 500}  # draws where the method runs again and again
RADIUS_SHARE = 0.01  # of the range of the features
CHANGES = 4
CASCADE_STEPS = 3
N_BLOCKS = 50
FAITHFUL_MARGIN = 0.1  # of the score's range while flipping
PLACED_MARGIN = 0.05  # of the same
N_MOVES = 3
STABLE_BELOW = 0.5
DEPENDS_BELOW = 0.5
COMPLETE_BELOW = 0.05
NO_WEIGHTS = "no weights to draw anew"


@dataclass(frozen=True)
class Findings:
    """What the checks found of one explanation.

    Attributes:
        most: mean score while the most relevant bins are silenced first.
        least: mean score while the least relevant bins are silenced first.
        random: mean score while bins are silenced in random order.
        moved: mean score while the bins of the same map, moved elsewhere in the plane, are silenced first.
        span: range of the scores on the way, over all three orders.
        sensitivity: largest relative change of the map among slightly changed inputs.
        randomised: absolute rank correlation with the map of a model whose weights are all drawn anew, NaN where the
            model has none that can be reached.
        gap: completeness gap, NaN where the method promises no sum.
        constant: the map is constant: there is nothing to check.
    """

    most: float
    least: float
    random: float
    moved: float
    span: float
    sensitivity: float
    randomised: float
    gap: float
    constant: bool = False

    @property
    def contrast(self) -> float:
        """How much sooner the score falls without what is marked than without the rest, as a share of its range.

        A random order scatters what it removes, which spoils any sound faster than a coarse map can, so it is
        reported but decides nothing.
        """
        return (self.least - self.most) / self.span if self.span > 1e-9 else float("nan")

    @property
    def placed(self) -> float:
        """How much sooner the score falls without what is marked than without pieces of the same shape elsewhere.

        A share of the score's range; about 0 for a map whose place says nothing.
        """
        return (self.moved - self.most) / self.span if self.span > 1e-9 else float("nan")

    @property
    def passed(self) -> dict[str, bool]:
        """Check -> whether it was passed; only those that apply."""
        faithful = self.contrast >= FAITHFUL_MARGIN and self.placed >= PLACED_MARGIN
        outcome = {"faithful": faithful, "stable": self.sensitivity < STABLE_BELOW}
        if not math.isnan(self.randomised):
            outcome["depends on the model"] = self.randomised < DEPENDS_BELOW
        return outcome if math.isnan(self.gap) else outcome | {"complete": self.gap < COMPLETE_BELOW}


def check_explanation(
    model: AudioModel, features: Features, attribution: Attribution, bound: BoundMethod, *,
    progress: Progress = lambda done: None,
) -> Findings:
    """Run all checks of one explanation: pixel flipping, stability, randomisation and completeness.

    Args:
        model: the model that was explained.
        features: one item, of which ``attribution`` is the explanation.
        attribution: the explanation.
        bound: the method and settings that made it; runs with fewer draws where the method's default is many.
        progress: called with the share done.

    Raises:
        ParameterError: more than one item, or a map of another shape.
    """
    if len(features) != 1 or attribution.values.shape != features.values.shape[1:]:
        raise ParameterError(f"explanation has shape {tuple(attribution.values.shape)} and features "
                             f"{tuple(features.values.shape)}; expected one item of the same plane")
    explain_again, generator = _with_fewer_samples(bound), torch.Generator().manual_seed(bound.seed)
    with eval_mode(model.network):
        score = bound.fast_score(model, features)
        curves = {order: flip(score, features, attribution.values, order=order, n_blocks=_n_blocks(features),
                              generator=generator) for order in ORDERS}
        elsewhere = [flip(score, features, other, order="most", n_blocks=_n_blocks(features)).auc
                     for other in _moved(attribution.values, torch.Generator().manual_seed(bound.seed))]
    progress(0.2)
    span = float(features.values.max() - features.values.min())
    changed = max_sensitivity(lambda item: explain_again(model, item), features, radius=max(RADIUS_SHARE * span, 1e-6),
                              n_samples=CHANGES, generator=generator)
    progress(0.6)
    redrawn = {"none": math.nan}
    if layers_with_weights(model.network):  # a function that is only asked has none
        redrawn = randomisation(explain_again, model, features, generator=generator, steps=CASCADE_STEPS)
    progress(1.0)
    scores = torch.cat([curve.scores for curve in curves.values()])
    return Findings(
        most=curves["most"].auc, least=curves["least"].auc, random=curves["random"].auc,
        moved=sum(elsewhere) / N_MOVES, span=float(scores.max() - scores.min()), sensitivity=changed,
        randomised=list(redrawn.values())[-1], gap=completeness_gap(attribution, score=float(scores[0])),
        constant=bool(attribution.values.std() == 0))


def verdict(findings: Findings) -> str:
    """Say in one sentence how far an explanation can be trusted, and why.

    >>> verdict(Findings(0.2, 0.8, 0.5, 0.6, 0.8, 0.05, 0.1, float("nan")))
    'Trust it: silencing what it marks takes the score away sooner than silencing the rest (mean score 0.20 \
against 0.80) or pieces of the same shape elsewhere (0.60), it hardly moves when the input does (by 5 %), and it is \
another one when the weights are drawn anew (correlation 0.10).'
    """
    if findings.constant:
        return "Do not trust it: the explanation is the same everywhere, so it says nothing."
    passed = findings.passed
    failed = sum(not good for good in passed.values())
    trust = "Trust it" if "depends on the model" in passed else "Trust it as far as it can be checked"
    opening = trust if not failed else "Be careful" if failed == 1 and passed["faithful"] else "Do not trust it"
    reasons = [_flipping_words(findings), _stability_words(findings), _randomisation_words(findings)]
    if "complete" in passed:
        reasons.append(f"its parts {'add' if passed['complete'] else 'do not add'} up to the score "
                       f"(gap {findings.gap:.1%})")
    return f"{opening}: {', '.join(reasons[:-1])}, and {reasons[-1]}."


def rows(findings: Findings) -> list[tuple[str, str]]:
    """Return the findings as a table of (name, value), the verdict first."""
    return [
        ("verdict", verdict(findings)),
        ("measured on", "the features, whatever the domain of the metrics"),
        ("pixel flipping, most relevant first", f"mean score {findings.most:.3f}"),
        ("pixel flipping, random order", f"mean score {findings.random:.3f}"),
        ("pixel flipping, least relevant first", f"mean score {findings.least:.3f}"),
        ("pixel flipping, the same map moved elsewhere first", f"mean score {findings.moved:.3f}"),
        ("largest change under small input changes", f"{findings.sensitivity:.1%} of the map"),
        ("likeness to the map of a random model",
         NO_WEIGHTS if math.isnan(findings.randomised) else f"rank correlation {findings.randomised:.2f}"),
        ("completeness gap", "the method promises no sum" if math.isnan(findings.gap) else f"{findings.gap:.1%}"),
    ]


def _flipping_words(findings: Findings) -> str:
    if math.isnan(findings.contrast):
        return "the score is the same whatever is silenced, so that flipping says nothing"
    soon = _sooner(findings.contrast, FAITHFUL_MARGIN)
    sentence = (f"silencing what it marks takes the score away {soon}than silencing the rest "
                f"(mean score {findings.most:.2f} against {findings.least:.2f})")
    if findings.contrast < FAITHFUL_MARGIN:
        return sentence
    link = "or" if findings.placed >= PLACED_MARGIN else f"but {_sooner(findings.placed, PLACED_MARGIN)}than"
    return f"{sentence} {link} pieces of the same shape elsewhere ({findings.moved:.2f})"


def _sooner(share: float, margin: float) -> str:
    return "sooner " if share >= margin else "hardly sooner " if share > 0 else "no sooner "


def _stability_words(findings: Findings) -> str:
    how = "hardly moves" if findings.passed["stable"] else "moves much"
    return f"it {how} when the input does (by {findings.sensitivity:.0%})".replace("%", " %")


def _randomisation_words(findings: Findings) -> str:
    if math.isnan(findings.randomised):
        return f"whether it depends on the model remains open ({NO_WEIGHTS})"
    how = "another one" if findings.passed["depends on the model"] else "much the same"
    return f"it is {how} when the weights are drawn anew (correlation {findings.randomised:.2f})"


def _moved(values: torch.Tensor, generator: torch.Generator) -> list[torch.Tensor]:
    """The map rolled by at least a quarter of the plane along both axes, several times."""
    def by(length: int) -> int:
        low = max(1, length // 4)
        return int(torch.randint(low, max(low, length - low) + 1, (1,), generator=generator))

    return [values.roll((by(values.shape[0]), by(values.shape[1])), (0, 1)) for _ in range(N_MOVES)]


def _n_blocks(features: Features) -> int:
    return min(N_BLOCKS, features.values[0].numel())


def _with_fewer_samples(bound: BoundMethod) -> BoundMethod:
    defaults = bound.spec.defaults
    fewer = {name: n for name, n in FEWER.items()
             if name not in bound.settings and isinstance(defaults.get(name), int)}
    return replace(bound, settings={**bound.settings, **fewer})
