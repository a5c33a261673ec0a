"""Rows on disk: a Parquet file per task, written whole or not at all, under the identity that they belong to.

Layout of a folder:

    identity.json        what determines the rows, written once
    tasks/KEY.parquet    the rows of a task's tables, one under the other; the column "table" says whose each is
    arrays/KEY.npz       what a task keeps beside its rows
    .lock                held by the run that is at work
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earwitness.core.atomic_files import make_folder, replacing
from earwitness.core.errors import EarwitnessError, ParameterError
from earwitness.experiments.task import Columns, Experiment, TaskResult, digest

if TYPE_CHECKING:
    import pyarrow as pa
    from pandas import DataFrame

FORMAT = 1
IDENTITY = "identity.json"
FAILURES = "failures"
OLD_KINDS = ("plan.json", "settings.json", "parts", "*, *, *.json")  # of sweeps, studies and scripts before
HASH, SECONDS, ERROR = b"earwitness.identity", b"earwitness.seconds", b"earwitness.error"
LONGEST_VALUE = 40


class Store:
    """The folder of one run.

    Attributes:
        folder: where it is.
        hash: of the identity whose rows may be here.
        columns: types of the columns by table, "failures" among them.
    """

    def __init__(self, folder: Path, hash_: str, columns: Columns) -> None:
        self.folder = folder
        self.hash = hash_
        self.columns = {**columns, FAILURES: {"task": str, **columns.get(FAILURES, {}), "error": str}}

    def write(self, result: TaskResult) -> None:
        """Write a task's rows; its arrays, if any, are there before them."""
        import pyarrow.parquet as pq

        table = self._table(result)
        if result.arrays:
            make_folder(self.folder / "arrays")
            with replacing(self.folder / "arrays" / f"{result.key}.npz") as path, path.open("wb") as file:
                np.savez_compressed(file, **result.arrays)  # type: ignore[arg-type]
        facts = {HASH: self.hash.encode(), SECONDS: json.dumps(dict(result.seconds)).encode(),
                 ERROR: result.error.encode()}
        with replacing(self._path(result.key)) as path:
            pq.write_table(table.replace_schema_metadata(facts), path, compression="zstd")

    def done(self, keys: Sequence[str]) -> set[str]:
        """Return which tasks are there; those of which nothing came are not.

        Raises:
            EarwitnessError: a file is damaged, or of another identity.
        """
        return {key for key in keys if self._path(key).exists() and not self._facts(key)[ERROR]}

    def seconds(self, keys: Sequence[str]) -> dict[str, float]:
        """Return the time that these tasks took together, by name."""
        sums: dict[str, float] = {}
        for key in keys:
            for name, seconds in json.loads(self._facts(key)[SECONDS]).items():
                sums[name] = sums.get(name, 0.0) + seconds
        return sums

    def tables(self, keys: Sequence[str]) -> dict[str, DataFrame]:
        """Return the rows of these tasks, in their order, by table; every table has all its columns."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        some = [pq.read_table(self._path(key)).replace_schema_metadata() for key in keys]
        rows = pa.concat_tables(some) if some else self._schema().empty_table()
        return {name: rows.filter(pc.equal(rows["table"], name)).select(list(columns)).to_pandas()
                for name, columns in self.columns.items()}

    def arrays(self, key: str) -> dict[str, np.ndarray]:
        """Return what a task kept beside its rows, by name."""
        path = self.folder / "arrays" / f"{key}.npz"
        if not path.exists():
            return {}
        with np.load(path, allow_pickle=False) as kept:
            return dict(kept)

    def _path(self, key: str) -> Path:
        return self.folder / "tasks" / f"{key}.parquet"

    def _facts(self, key: str) -> Mapping[bytes, bytes]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._path(key)
        try:
            facts: Mapping[bytes, bytes] = pq.read_schema(path).metadata or {}
        except (OSError, ValueError, pa.ArrowException) as error:
            raise EarwitnessError(f"{path}: damaged ({str(error)[:80]}); delete it and run again") from error
        if facts.get(HASH) != self.hash.encode():
            raise EarwitnessError(f"{path}: rows of another plan; delete it, or use another --out")
        return facts

    def _table(self, result: TaskResult) -> pa.Table:
        import pyarrow as pa

        failures = [{"task": result.key, **row} for row in result.tables.get(FAILURES, ())]
        if result.error:
            failures.append({"task": result.key, "error": result.error})
        rows = []
        for name, some in {**result.tables, FAILURES: failures}.items():
            for row in some:
                unknown = set(row) - set(self.columns[name])
                assert not unknown, f"{name} has no columns {unknown}"
                rows.append({"table": name, **row})
        return pa.Table.from_pylist(rows, schema=self._schema())

    def _schema(self) -> pa.Schema:
        """One column for each name: tables that share a name share its type."""
        import pyarrow as pa

        kinds = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_()}
        types: dict[str, type] = {"table": str}
        for columns in self.columns.values():
            for name, kind in columns.items():
                assert types.setdefault(name, kind) is kind, f"column {name} has two types"
        return pa.schema([(name, kinds[kind]) for name, kind in types.items()])


@contextmanager
def open_store(folder: Path, experiment: Experiment) -> Iterator[Store]:
    """Open the folder of a run, new or begun; nobody else can open it meanwhile.

    Raises:
        ParameterError: it holds the rows of another plan, or of an earlier earwitness; the message says what differs.
        EarwitnessError: another run is at work there, or it cannot be written.
    """
    identity = _full_identity(experiment)
    with locked(folder):
        make_folder(folder / "tasks")
        for subfolder in (folder, folder / "tasks", folder / "arrays"):
            for path in subfolder.glob(".writing-*"):  # left by a run that was killed while it wrote
                path.unlink()
        if (folder / IDENTITY).exists():
            _compare(folder / IDENTITY, identity)
        else:
            with replacing(folder / IDENTITY) as path:
                path.write_text(json.dumps(identity, indent=1) + "\n", encoding="utf-8")
        yield Store(folder, digest(identity), experiment.columns)


def count_done(folder: Path, experiment: Experiment) -> int:
    """Return how many of an experiment's tasks a folder holds; nothing is written.

    Raises:
        ParameterError: as ``open_store``.
    """
    refuse_old_kind(folder)
    if not (folder / IDENTITY).exists():
        return 0
    identity = _full_identity(experiment)
    _compare(folder / IDENTITY, identity)
    return len(Store(folder, digest(identity), experiment.columns).done([task.key for task in experiment.tasks()]))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder and keep other runs out of it; the lock goes with the process, however that ends.

    Raises:
        ParameterError: the folder holds a run of an earlier earwitness.
        EarwitnessError: another run is at work there, or it cannot be written.
    """
    import fcntl

    refuse_old_kind(folder)
    make_folder(folder)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EarwitnessError(f"{folder}: another run is at work there; wait for it, or use another "
                                  "--out") from error
        yield


def refuse_old_kind(folder: Path) -> None:
    """Refuse a folder whose rows say not enough of the plan they belong to.

    Raises:
        ParameterError: it holds a run of an earlier earwitness.
    """
    if folder.is_dir() and not (folder / IDENTITY).exists():
        left = sorted(path.name for pattern in OLD_KINDS for path in folder.glob(pattern))
        if left:
            raise ParameterError(f"{folder} holds a run of an earlier earwitness ({left[0]}), which cannot be "
                                 "continued; use another --out")


def _full_identity(experiment: Experiment) -> dict[str, Any]:
    """What the experiment says of itself, and what makes and reads the rows."""
    from earwitness import __version__

    identity = {"study": experiment.name, "earwitness": __version__, "format": FORMAT, **experiment.identity()}
    return dict(json.loads(json.dumps(identity)))


def _compare(path: Path, identity: dict[str, Any]) -> None:
    """Refuse a folder whose identity is another one, and say where they differ."""
    try:
        before, now = (_entries(each) for each in (json.loads(path.read_text(encoding="utf-8")), identity))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ParameterError(f"{path}: not the identity of a run; use another --out") from error
    differ = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if differ:
        changes = ", ".join(_change(name, before.get(name), now.get(name)) for name in differ[:6])
        raise ParameterError(f"{path.parent} holds the rows of another plan: {changes} changed; use another --out, or "
                             "give the plan it was begun with")


def _entries(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The entries by name, those of the plan among them."""
    return {**identity.get("plan", {}), **{name: value for name, value in identity.items() if name != "plan"}}


def _change(name: str, before: object, now: object) -> str:
    """An entry's name, and its values where they are short."""
    texts = [json.dumps(value, ensure_ascii=False) for value in (before, now)]
    return f"{name} (was {texts[0]}, is {texts[1]})" if max(map(len, texts)) <= LONGEST_VALUE else name
