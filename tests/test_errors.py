from __future__ import annotations

from pathlib import Path

import pytest

from arc_submit import errors
from arc_submit.cli import main
from arc_submit.errors import ArcSubmitError, ConfigError, DataError, SubmissionError


def test_every_error_is_one_that_the_command_line_reports() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert len(classes) > 1
    assert all(issubclass(cls, ArcSubmitError) for cls in classes)


@pytest.mark.parametrize("cls", [DataError, ConfigError, SubmissionError])
def test_bad_input_is_a_value_error(cls: type[Exception]) -> None:
    assert issubclass(cls, ValueError)


def test_an_error_ends_a_command_with_code_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"runtime": {"buget": 1}}')
    assert main(["config", str(path)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"arc-submit: error: {path}: runtime.buget: ")
    assert output.err.count("\n") == 1
