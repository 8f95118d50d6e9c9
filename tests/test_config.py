from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from arc_submit.config import RunConfig, config_schema, parse_duration
from arc_submit.config_file import build_config, load_config
from arc_submit.errors import ConfigError
from arc_submit.training.recipe import load_recipe

ROOT = Path(__file__).parents[1]


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return tmp_path / "my_config.json"


def refusal(values: Mapping[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        build_config(values, source="here.json")
    return str(caught.value)


# ---- precedence


def test_without_a_file_the_defaults_hold() -> None:
    assert load_config(None) == RunConfig()


def test_the_file_wins_over_the_defaults_and_the_command_line_over_the_file(
    config_file: Path,
) -> None:
    config_file.write_text('{"seed": 5, "runtime": {"workers": 3, "budget": "1m"}}')
    config = load_config(config_file, {"runtime.workers": 1, "model.path": "elsewhere"})
    assert config.seed == 5
    assert config.runtime.workers == 1
    assert config.runtime.budget == 60
    assert config.runtime.reserve == RunConfig().runtime.reserve
    assert config.model.path == "elsewhere"


def test_a_printed_configuration_loads_as_the_same_one(config_file: Path) -> None:
    config = load_config(None, {"data.split": "training", "runtime.budget": "90s"})
    config_file.write_text(config.model_dump_json())
    assert load_config(config_file) == config


# ---- refusals


@pytest.mark.parametrize(
    ("values", "path", "allowed"),
    [
        ({"modle": {}}, "modle", "model"),
        ({"runtime": {"buget": 60}}, "runtime.buget", "budget, reserve, min_share, workers"),
        ({"test_time_training": {"lora": {"rank": 8}}}, "test_time_training.lora.rank", "r, alpha"),
        (
            {"sampling": {"draws": [{"count": 1, "temperature": 1, "top_p": 1}]}},
            "sampling.draws.0.top_p",
            "count, temperature",
        ),
    ],
)
def test_an_unknown_key_is_named_with_the_keys_allowed_there(
    values: dict[str, object], path: str, allowed: str
) -> None:
    message = refusal(values)
    assert f"{path}: unknown key; allowed here: " in message
    assert allowed in message.split("allowed here: ")[1]


@pytest.mark.parametrize(
    ("values", "path", "wanted"),
    [
        ({"runtime": {"workers": "2"}}, "runtime.workers", "integer"),
        ({"runtime": {"workers": 0}}, "runtime.workers", "greater than or equal to 1"),
        ({"augmentation": {"permute_colors": 1}}, "augmentation.permute_colors", "boolean"),
        ({"data": {"split": "evalution"}}, "data.split", "'training' or 'evaluation'"),
        ({"model": {"dtype": "fp16"}}, "model.dtype", "'float16'"),
        ({"sampling": {"draws": []}}, "sampling.draws", "at least 1"),
        ({"runtime": {"budget": "soon"}}, "runtime.budget", "'10m'"),
        ({"runtime": {"budget": True}}, "runtime.budget", "'10m'"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path_and_what_is_allowed(
    values: dict[str, object], path: str, wanted: str
) -> None:
    message = refusal(values)
    assert message.startswith(f"here.json: {path}: ")
    assert wanted in message
    assert "\n" not in message


def test_every_fault_is_named_at_once() -> None:
    message = refusal({"seed": "x", "runtime": {"workers": 0}})
    assert "seed: " in message
    assert "runtime.workers: " in message


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        (
            {"model": {"dtype": "float16"}, "runtime": {"device": "cpu"}},
            ["model.dtype", "runtime.device"],
        ),
        (
            {"model": {"max_context": 128}, "sampling": {"max_new_tokens": 128}},
            ["sampling.max_new_tokens", "model.max_context"],
        ),
    ],
)
def test_an_impossible_combination_names_both_keys(
    values: dict[str, object], keys: list[str]
) -> None:
    message = refusal(values)
    assert all(key in message for key in keys)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("{", "is not JSON"), ("[1]", "one JSON object"), ('{"seed": null}', "seed: ")],
)
def test_a_bad_file_is_named(config_file: Path, content: str, reason: str) -> None:
    config_file.write_text(content)
    with pytest.raises(ConfigError, match=reason) as caught:
        load_config(config_file)
    assert str(config_file) in str(caught.value)


def test_a_missing_file_is_named(config_file: Path) -> None:
    with pytest.raises(ConfigError, match=r"my_config\.json: cannot be read"):
        load_config(config_file)


def test_a_bad_command_line_value_without_a_file_is_ascribed_to_the_command_line() -> None:
    with pytest.raises(ConfigError, match=r"^command line: runtime\.workers: "):
        load_config(None, {"runtime.workers": 0})


# ---- durations


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(90, 90), (0.5, 0.5), ("90", 90), ("90s", 90), ("10m", 600), ("1.5 h", 5400), (" 2m ", 120)],
)
def test_durations_are_numbers_of_seconds_or_have_a_unit(value: object, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize("value", ["", "m", "-5s", "10 days", "1h30m", None, False, [60]])
def test_other_durations_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        parse_duration(value)


# ---- what is shipped


def test_the_committed_schema_is_that_of_the_code() -> None:
    schema = json.loads((ROOT / "docs" / "submission_config.schema.json").read_text())
    assert schema == config_schema(), "run: make schema"


def test_the_schema_knows_and_describes_every_section() -> None:
    schema = config_schema()
    assert list(schema["properties"]) == list(RunConfig.model_fields)
    assert schema["additionalProperties"] is False
    runtime = schema["$defs"]["RuntimeConfig"]["properties"]
    assert runtime["budget"]["description"].startswith("The whole run")


def test_the_shipped_configuration_parses_and_states_every_key() -> None:
    path = ROOT / "submission_config.json"
    stated = json.loads(path.read_text())
    assert key_paths(stated) == key_paths(load_config(path).model_dump(mode="json"))


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.json")), ids=lambda p: p.stem)
def test_every_shipped_recipe_parses(path: Path) -> None:
    assert load_recipe(path).name == path.stem


def key_paths(value: Any, prefix: str = "") -> set[str]:
    items = value.items() if isinstance(value, dict) else []
    paths = {prefix} if prefix else set()
    return paths.union(*(key_paths(item, f"{prefix}.{key}") for key, item in items))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"runtime": 5}', "runtime: "),
        ('{"seed": 1, "seed": 2}', "'seed' occurs more than once"),
        ('{"runtime": {"budget": NaN}}', "NaN"),
        ('{"runtime": {"budget": -1}}', "runtime.budget"),
        ('{"sampling": {"draws": [{"count": 1, "temp": 2}]}}', "draws.0.temp: unknown key"),
    ],
)
def test_what_json_lets_pass_is_refused_all_the_same(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {"runtime.workers": 1})
    assert str(path) in str(caught.value) and words in str(caught.value)
    assert "at least 1 item" not in str(caught.value)
