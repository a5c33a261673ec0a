"""Rows on disk: a Parquet file per shard, written whole or not at all, and the plan they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earwitness.core.atomic_files import make_folder, replacing
from earwitness.core.errors import EarwitnessError, ParameterError
from earwitness.experiments.task import Result
from earwitness.metrics import registry
from earwitness.studies.pak2025.best import METRICS
from earwitness.studies.pak2025.inputs import StudyInputs
from earwitness.studies.pak2025.summary import metrics_in

if TYPE_CHECKING:
    import pyarrow as pa
    from pandas import DataFrame

TEXTS = ("model", "front_end", "scenario", "clip", "label", "predicted", "method", "mask", "error")
BESIDE = ("kept_area", "p", "p_kept", "p_removed")
COUNTS = ("fold", "forward", "backward")
FLAGS = ("correct", "degenerate")
PLAN = "plan.json"
HASH, SECONDS = b"earwitness.plan", b"earwitness.seconds"


class Store:
    """The folder of one run.

    Attributes:
        folder: where it is.
        hash: of the plan whose rows may be here.
    """

    def __init__(self, folder: Path, hash_: str) -> None:
        self.folder = folder
        self.hash = hash_

    @property
    def shards(self) -> Path:
        """Folder of the rows."""
        return self.folder / "shards"

    @property
    def attributions(self) -> Path:
        """Folder of the explanations."""
        return self.folder / "attributions"

    def write(self, result: Result) -> None:
        """Write a shard's rows; its explanations, if any, are there before them."""
        import pyarrow.parquet as pq

        if result.attributions:
            make_folder(self.attributions)
            with replacing(self.attributions / f"{result.index:05d}.npz") as path, path.open("wb") as file:
                np.savez_compressed(file, **result.attributions)  # type: ignore[arg-type]
        facts = {HASH: self.hash.encode(), SECONDS: json.dumps(dict(result.seconds)).encode()}
        table = _table([dict(row) for row in result.rows]).replace_schema_metadata(facts)
        with replacing(self.shards / f"{result.index:05d}.parquet") as path:
            pq.write_table(table, path, compression="zstd")

    def done(self) -> set[int]:
        """Return the numbers of the shards that are there.

        Raises:
            EarwitnessError: one is damaged, or of another plan.
        """
        return {int(path.stem) for path in self._paths() if self._facts(path)}

    def seconds(self) -> dict[str, float]:
        """Return the time that all shards took together, by name."""
        each = [json.loads(self._facts(path)[SECONDS]) for path in self._paths()]
        return {name: sum(seconds[name] for seconds in each) for name in ("total", "floor")}

    def rows(self) -> DataFrame:
        """Return all rows in the plan's order: model, scenario, clip, method, mask; failures among them.

        Columns without any value, such as metrics that the plan does not name, are left out.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        tables = [pq.read_table(path).replace_schema_metadata() for path in self._paths() if self._facts(path)]
        if not tables:
            raise EarwitnessError(f"{self.shards}: no rows yet; expected a finished shard")
        rows = pa.concat_tables(tables).to_pandas()
        empty = [name for name in _numbers() if rows[name].isna().all() and name not in METRICS]
        return rows.drop(columns=empty)

    def _paths(self) -> list[Path]:
        return sorted(self.shards.glob("[0-9]*.parquet"), key=lambda path: int(path.stem))

    def _facts(self, path: Path) -> Mapping[bytes, bytes]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            facts: Mapping[bytes, bytes] = pq.read_schema(path).metadata or {}
        except (OSError, ValueError, pa.ArrowException) as error:
            raise EarwitnessError(f"{path}: damaged ({str(error)[:80]}); delete it and run again") from error
        if facts.get(HASH) != self.hash.encode():
            raise EarwitnessError(f"{path}: rows of another plan; delete it, or use another --out")
        return facts


@contextmanager
def opened(folder: Path, prepared: StudyInputs) -> Iterator[Store]:
    """Open the folder of a run, new or begun; nobody else can open it meanwhile.

    Raises:
        ParameterError: it holds the rows of another plan; the message says what differs.
        EarwitnessError: another run is at work there, or it cannot be written.
    """
    store = Store(folder, prepared.hash)
    make_folder(store.shards)
    with (folder / ".lock").open("w") as lock:
        _lock(lock.fileno(), folder)
        for place in (folder, store.shards, store.attributions):
            for path in place.glob(".writing-*"):  # left by a run that was killed while it wrote
                path.unlink()
        if (folder / PLAN).exists():
            _compare(folder / PLAN, prepared.identity)
        else:
            with replacing(folder / PLAN) as path:
                path.write_text(json.dumps(prepared.identity, indent=1) + "\n", encoding="utf-8")
        yield store


def _lock(handle: int, folder: Path) -> None:
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise EarwitnessError(f"{folder}: another run is at work there; wait for it, or use another --out") from error


def _compare(path: Path, identity: dict[str, Any]) -> None:
    """Refuse a folder whose plan is another one, and say where they differ."""
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
        before = {**there.pop("plan"), **there}
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise ParameterError(f"{path}: not the plan of a run; use another --out") from error
    now = json.loads(json.dumps({**identity["plan"], **{k: v for k, v in identity.items() if k != "plan"}}))
    differ = [name for name in now if before.get(name) != now[name]]
    if differ or set(before) - set(now):
        raise ParameterError(f"{path.parent} holds the rows of another plan: {', '.join(sorted(differ)[:6])} changed; "
                             "use another --out, or give the plan it was begun with")


def _numbers() -> list[str]:
    """Columns of numbers; those of metrics that were added follow the others."""
    own = metrics_in(registry.METRICS)
    return [*METRICS, *BESIDE, *own[len(METRICS) :]]


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    kinds = [(TEXTS, pa.string()), (_numbers(), pa.float64()), (COUNTS, pa.int64()), (FLAGS, pa.bool_())]
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, kind) for names, kind in kinds for name in names]))
