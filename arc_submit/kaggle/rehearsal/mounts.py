"""A folder made to look like a Kaggle session's `/kaggle`, in either way Kaggle lays out inputs."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Literal, TypeAlias

from arc_submit.arc.dataset import write_challenges
from arc_submit.arc.task import Challenges
from arc_submit.config import KaggleConfig
from arc_submit.kaggle.kernels.kernel import CHALLENGES
from arc_submit.submission.build import build_submission, write_submission

Layout: TypeAlias = Literal["new", "old"]
"""``new``: `input/competitions/SLUG`, `input/datasets/OWNER/SLUG`, `input/models/...`; ``old``:
`input/SLUG` for all."""
SAMPLE_SUBMISSION = "sample_submission.json"


def mount(
    root: Path,
    layout: Layout,
    kaggle: KaggleConfig,
    *,
    challenges: Challenges,
    wheels: Path,
    model: Path | None,
) -> None:
    """Make the inputs, read-only, and the empty folders of a session.

    Args:
        root: stands for `/kaggle`.
        challenges: the test file of the competition.
        wheels: files of the dataset.
        model: folder of the model; None if it comes with the wheels.
    """
    inputs = root / "input"
    competition = inputs / ("competitions" if layout == "new" else "") / kaggle.competition
    competition.mkdir(parents=True)
    write_challenges(competition / CHALLENGES, challenges)
    write_submission(competition / SAMPLE_SUBMISSION, build_submission(challenges, {}))
    shutil.copytree(wheels, inputs / _dataset(layout, kaggle.owner, kaggle.dataset))
    if kaggle.model is not None:
        assert model is not None
        owner, _, rest = kaggle.model.partition("/")
        place = _dataset if kaggle.is_model_dataset else _model
        shutil.copytree(model, inputs / place(layout, owner, rest))
    for path in [inputs, *inputs.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    for name in ("working", "temp"):
        (root / name).mkdir()


def digest_inputs(root: Path) -> str:
    """Return a digest of all that lies under the inputs: names, sizes and times of change."""
    seen = [
        (str(path.relative_to(root)), path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted((root / "input").rglob("*"))
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def _dataset(layout: Layout, owner: str, slug: str) -> str:
    return f"datasets/{owner}/{slug}" if layout == "new" else slug


def _model(layout: Layout, owner: str, rest: str) -> str:
    return f"models/{owner}/{rest}" if layout == "new" else rest
