"""What a journal belongs to: the configuration, the model and the tasks of its run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arc_submit.arc.grid import to_rows
from arc_submit.arc.task import Challenges
from arc_submit.config import RunConfig
from arc_submit.models.settings import model_folder

_SAMPLE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Identity:
    """Results of runs with the same identity may stand in one journal."""

    config: Mapping[str, Any]
    """All that decides what a visit does: no paths, workers or times."""
    model: str
    """Digest of the model's files; of large ones, of their sizes and both ends."""
    challenges: str
    """Digest of the tasks, whatever the file they came from."""

    def differences(self, other: Identity) -> list[str]:
        """Return where another identity differs, one short text each."""
        found = [
            f"{key} ({json.dumps(old)} in the journal, now {json.dumps(new)})"
            for key, old, new in _unequal("", self.config, other.config)
        ]
        if self.model != other.model:
            found.append("the model's files")
        if self.challenges != other.challenges:
            found.append("the tasks in challenges.json")
        return found


def identify(config: RunConfig, challenges: Challenges) -> Identity:
    """Return the identity of a run.

    Raises:
        ModelError: if there is no model at the configured place.
    """
    values = config.model_dump(mode="json", exclude={"data", "runtime", "kaggle"})
    del values["model"]["path"]  # the same model may have moved
    return Identity(values, _digest_model(model_folder(config.model)), _digest_tasks(challenges))


def _digest_model(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if "__pycache__" in path.parts:
            continue
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder)} {size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(_SAMPLE_BYTES))
            file.seek(max(0, size - _SAMPLE_BYTES))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _digest_tasks(challenges: Challenges) -> str:
    tasks = {
        task_id: [
            [[to_rows(pair.input), to_rows(pair.output)] for pair in task.train],
            [to_rows(grid) for grid in task.test_inputs],
        ]
        for task_id, task in challenges.tasks.items()
    }
    values = [tasks, sorted(challenges.bad_tasks)]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _unequal(place: str, old: object, new: object) -> Iterator[tuple[str, object, object]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _unequal(f"{place}.{key}".lstrip("."), old.get(key), new.get(key))
    elif old != new:
        yield place, old, new
