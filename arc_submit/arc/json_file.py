"""JSON files: reading without losing duplicate keys, and replacing without a half-written state.

Refuses files that cannot be read, that are not UTF-8 or that are not JSON. What the values mean
is the caller's.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from arc_submit.errors import DataError

_TYPE_NAMES = {bool: "a boolean", int: "an integer", float: "a number", str: "a text"}


class JsonObject(dict[str, Any]):
    """A JSON object that remembers which keys it had more than once; the last value stays."""

    duplicates: tuple[str, ...]

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs) if len(self) < len(pairs) else {}
        self.duplicates = tuple(key for key, count in counts.items() if count > 1)


def read_json(path: Path) -> object:
    """Return the file's value, with each object as a :class:`JsonObject`.

    Raises:
        DataError: if the file cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=JsonObject)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except RecursionError as error:
        raise DataError(f"{path}: is nested too deeply to be read; mend it there") from error
    except ValueError as error:
        raise DataError(f"{path}: is not JSON ({error}); mend it there") from error


def replace_text(path: Path, text: str) -> None:
    """Write a file so that at every instant its path holds the old text or the new one.

    Raises:
        OSError: if the folder cannot be written to; the old file then stays as it was.
    """
    # The process id keeps two writers from sharing one temporary file.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def describe_type(value: object) -> str:
    """Return what JSON calls a value, such as ``a list``, for error messages."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _TYPE_NAMES.get(type(value), "null")
