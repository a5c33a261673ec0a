"""What the model says of a part as features and of the same part as sound, and whether both agree."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from earwitness.metrics import DOMAINS, Domain
from earwitness.models import AudioModel
from earwitness.report.contents import PARTS, Answer
from earwitness.report.tables import percent

FAR_APART = 0.2  # two probabilities of the explained class


def answers(model: AudioModel, probabilities: dict[Domain, Tensor], target: int) -> list[Answer]:
    """Return what the model says of each part in each domain.

    Args:
        model: gives the names of the classes.
        probabilities: per domain (3, classes) for the original, the kept and the removed part.
        target: the class that the numbers are about.
    """
    return [_answer(model, PARTS[k], domain, probabilities[domain][k], target)
            for k in range(len(PARTS)) for domain in DOMAINS]


def disagreements(answers_of_parts: Sequence[Answer]) -> list[str]:
    r"""Say of which parts the model says something else as sound than as features.

    Both disagree where their most probable class differs, or the probability of the explained class by more than
    0.2.

    >>> given, heard = (Answer("kept", domain, "dog", p, "dog", p) for domain, p in (("features", 0.9), ("audio", 0.6)))
    >>> disagreements([given, heard])
    ['Of the kept part it gives “dog” 90.0\xa0% as features and 60.0\xa0% as sound.']
    """
    sentences = []
    for part in PARTS:
        of_part = {answer.domain: answer for answer in answers_of_parts if answer.part == part}
        if len(of_part) < len(DOMAINS):
            continue
        by_features, by_sound = of_part["features"], of_part["audio"]
        if by_features.label != by_sound.label:
            sentences.append(f"Of the {part} part it says “{by_features.label}” "
                             f"({percent(by_features.probability)}) as features and "
                             f"“{by_sound.label}” ({percent(by_sound.probability)}) as sound.")
        elif abs(by_features.p - by_sound.p) > FAR_APART:
            sentences.append(f"Of the {part} part it gives “{by_features.target}” {percent(by_features.p)} as "
                             f"features and {percent(by_sound.p)} as sound.")
    return sentences


def _answer(model: AudioModel, part: str, domain: Domain, probabilities: Tensor, target: int) -> Answer:
    """One class is there or not; of several, the most probable one counts."""
    p, name = float(probabilities[target]), model.class_name(target)
    if len(probabilities) == 1:
        label, probability = (name, p) if p >= 0.5 else (f"no {name}", 1 - p)
    else:
        best = int(probabilities.argmax())
        label, probability = model.class_name(best), float(probabilities[best])
    return Answer(part, domain, label, probability, name, p)
