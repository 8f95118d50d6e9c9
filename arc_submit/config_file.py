"""Reading submission_config.json, and laying other values over it.

Order of precedence: the defaults of the schema, then the file, then the command line. Unknown keys,
wrong types and impossible combinations are refused with the key's path and what is allowed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from arc_submit.config import DrawConfig, RunConfig
from arc_submit.errors import ConfigError


def load_config(path: Path | None, overrides: Mapping[str, object] | None = None) -> RunConfig:
    """Read a configuration file and lay command-line values over it.

    Args:
        path: the file, or None for the defaults.
        overrides: values by dotted key path, such as ``{"runtime.workers": 2}``.

    Raises:
        ConfigError: naming the file, the key's path and the allowed values.
    """
    values = {} if path is None else _read_object(path)
    for key, value in (overrides or {}).items():
        _set(values, key.split("."), value)  # where it cannot, the schema refuses what stands there
    return build_config(values, source="command line" if path is None else str(path))


def override_config(config: RunConfig, settings: Mapping[str, object], *, source: str) -> RunConfig:
    """Return a configuration with other values at some dotted key paths.

    Raises:
        ConfigError: naming ``source`` and the key, if there is no such key or value.
    """
    values = config.model_dump(mode="json")
    for path, value in settings.items():
        if not _set(values, path.split("."), value):
            raise ConfigError(f"{source}: {path}: there is no such key")
    return build_config(values, source=source)


def build_config(values: Mapping[str, object], *, source: str) -> RunConfig:
    """Check plain values against the schema; ``source`` names them in errors.

    Raises:
        ConfigError: as :func:`load_config`.
    """
    try:
        return RunConfig.model_validate_json(json.dumps(values))
    except ValidationError as error:
        faults = _innermost(error.errors())
        raise ConfigError(f"{source}: {'; '.join(map(_describe, faults))}") from error


def _read_object(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(
            text, object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant
        )
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON ({error}); mend it there") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds a {type(values).__name__}; expected one JSON object")
    return values


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"the key {twice!r} occurs more than once")
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _set(values: dict[str, Any], keys: Sequence[str], value: object) -> bool:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            return False
    values[keys[-1]] = value
    return True


def _innermost(faults: Sequence[Any]) -> list[Any]:
    """Leave out faults of a whole that follow from faults of its parts."""
    places = [fault["loc"] for fault in faults]
    return [
        fault
        for fault, place in zip(faults, places, strict=True)
        if not any(len(other) > len(place) and other[: len(place)] == place for other in places)
    ]


def _describe(fault: Any) -> str:
    path = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        allowed = ", ".join(_known_keys(fault["loc"][:-1]))
        return f"{path}: unknown key; allowed here: {allowed}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{path}: {message} (got {fault['input']!r})" if path else message


def _known_keys(loc: Sequence[int | str]) -> list[str]:
    part: Any = RunConfig
    for key in loc:
        part = DrawConfig if isinstance(key, int) else part.model_fields[key].annotation
    return list(part.model_fields)
