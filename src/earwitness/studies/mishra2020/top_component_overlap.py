"""How many components explanations share: U_n over repeats, N_ce between two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from earwitness.core.errors import ParameterError

TOP = 3


def top_components(explanation: Any, top: int = TOP, *, positive: bool = False) -> tuple[int, ...]:
    """Return the numbers of the components that matter most, the most important first.

    Args:
        explanation: an ``Attribution`` or components with ``weights``; one weight per component, as floating point
            numbers; or the numbers of components, as integers, the most important first.
        top: how many; all where there are fewer.
        positive: take the largest weights, not the largest magnitudes.

    Raises:
        ParameterError: neither weights nor distinct component numbers.

    >>> top_components([0.1, -0.9, 0.5, 0.2]), top_components([0.1, -0.9, 0.5, 0.2], positive=True)
    ((1, 2, 3), (2, 3, 0))
    """
    if top < 1:
        raise ParameterError(f"top is {top}; expected at least 1")
    values = _values(explanation)
    if values.dtype.kind in "iu":
        return tuple(values[:top].tolist())
    sizes = values if positive else np.abs(values)
    return tuple(np.argsort(-sizes, kind="stable")[:top].tolist())


def unique_components(runs: Sequence[Any], top: int = TOP) -> int:
    """Return U_n: how many different components are among the top ones of repeated explanations.

    Args:
        runs: explanations of one input, each as for ``top_components``; the order within the top does not count.
        top: components that an explanation shows.

    Returns:
        From ``top``, when all runs agree, to ``top`` times the number of runs.

    Source: Mishra et al. 2020, sec. IV-A: five runs, top 3 by magnitude.

    >>> unique_components([[4, 3, 6], [3, 4, 6], [4, 3, 1]])
    4
    """
    if not len(runs):
        raise ParameterError("runs is empty; expected explanations of one input")
    return len({component for run in runs for component in top_components(run, top)})


def common_components(a: Any, b: Any, top: int = TOP) -> int:
    """Return N_ce: how many components two explanations have in common.

    Args:
        a: an explanation as for ``top_components``, or a set of component numbers, such as the true ones.
        b: another.
        top: components that an explanation given by weights shows.

    Source: Mishra et al. 2020, sec. IV-B and V.

    >>> common_components([1, 4, 3], [5, 4, 2]), common_components({7, 8, 9}, [0.0] * 7 + [1.0, 2.0, 0.5])
    (1, 3)
    """
    return len(_chosen(a, top) & _chosen(b, top))


def _chosen(explanation: Any, top: int) -> set[int]:
    if isinstance(explanation, set | frozenset):
        return {int(number) for number in _values(sorted(explanation))}
    values = _values(explanation)
    return set(values.tolist()) if values.dtype.kind in "iu" else set(top_components(explanation, top))


def _values(explanation: Any) -> np.ndarray:
    """Weights as floats, or component numbers as integers, (n,)."""
    for name in ("components", "weights"):
        explanation = getattr(explanation, name, explanation)
    if isinstance(explanation, torch.Tensor):
        explanation = explanation.detach().cpu().numpy()
    if isinstance(explanation, Iterable) and not isinstance(explanation, np.ndarray | str):
        explanation = list(explanation)
    values = np.asarray(explanation)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise ParameterError(f"explanation is {str(explanation)[:60]!r}; expected one finite weight per component, or "
                             "the numbers of components")
    if values.dtype.kind in "iu" and (values.min() < 0 or len(set(values.tolist())) < values.size):
        raise ParameterError(f"component numbers are {values.tolist()[:10]}; expected distinct ones from 0; give "
                             "weights as floating point numbers")
    return values
