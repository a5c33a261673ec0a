"""The rows of the table by name, measured one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from earwitness.bench.deep_shap import deep_shap_row
from earwitness.bench.flipping import flipping_row
from earwitness.bench.gradcam import gradcam_row
from earwitness.bench.inference import prepared_rows
from earwitness.bench.lime import lime_row
from earwitness.bench.masks import masks_row
from earwitness.bench.relax import relax_row
from earwitness.bench.row import BenchRow
from earwitness.bench.samples_to_error import lime_at_equal_error, relax_at_equal_error
from earwitness.bench.setup import Setup
from earwitness.bench.soundlime import soundlime_row
from earwitness.bench.throughput import throughput_rows
from earwitness.core.errors import unknown_name

ROWS: dict[str, Callable[[Setup], BenchRow | list[BenchRow]]] = {
    "relax": relax_row, "lime": lime_row, "soundlime": soundlime_row, "relax-equal-error": relax_at_equal_error,
    "lime-equal-error": lime_at_equal_error, "deep-shap": deep_shap_row, "gradcam": gradcam_row, "masks": masks_row,
    "flipping": flipping_row,
    "prepared": prepared_rows, "throughput": throughput_rows,
}


def measure_rows(names: Sequence[str], setup: Setup) -> Iterator[BenchRow]:
    """Measure rows; each is given as soon as it is done.

    A row that fails is given with the reason in its notes: the others still count.

    Args:
        names: keys of ``ROWS``; none means all.
        setup: how much work, and where.

    Raises:
        ParameterError: unknown name.
    """
    for name in names:
        if name not in ROWS:
            raise unknown_name("row", name, ROWS)
    return _measured(list(dict.fromkeys(names)) or list(ROWS), setup)


def _measured(names: Sequence[str], setup: Setup) -> Iterator[BenchRow]:
    for name in names:
        try:
            rows = ROWS[name](setup)
        except Exception as error:  # half an hour of other rows must not be lost
            yield BenchRow(name, notes=(f"error: {type(error).__name__}: {error}",), failed=True)
            continue
        yield from rows if isinstance(rows, list) else [rows]
