"""What a push would send, as a value: it can be shown before anything is sent.

Refuses whatever is missing or does not fit the configuration, without asking Kaggle.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arc_submit.config import RunConfig
from arc_submit.errors import KaggleError
from arc_submit.kaggle.kernels.metadata import (
    KERNEL_METADATA,
    DatasetMetadata,
    KernelMetadata,
    build_dataset_metadata,
    build_kernel_metadata,
    check_owner,
    load_kernel_metadata,
)
from arc_submit.kaggle.wheels.wheelhouse import LOCK_FILE, MANIFEST_FILE

_BESIDE_WHEELS = (LOCK_FILE, MANIFEST_FILE)


@dataclass(frozen=True, slots=True)
class DatasetUpload:
    """A data set as it would be sent."""

    metadata: DatasetMetadata
    files: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files)


@dataclass(frozen=True, slots=True)
class PushPlan:
    """All that a push would send, and in which order."""

    uploads: tuple[DatasetUpload, ...]
    kernel_folder: Path
    metadata: KernelMetadata
    session_limit_s: float

    def describe(self) -> list[str]:
        """Return the plan in lines to be read."""
        lines = []
        for upload in self.uploads:
            lines.append(f"kaggle datasets create|version  # {upload.metadata.id}, private")
            lines += [f"{path.stat().st_size:14,d}  {path}" for path in upload.files]
        code = self.kernel_folder / self.metadata.code_file
        lines.append(
            f"kaggle kernels push -p {self.kernel_folder} -t {int(self.session_limit_s)} "
            f"--accelerator {self.metadata.machine_shape}  # {self.metadata.id}"
        )
        lines.append(f"{code.stat().st_size:14,d}  {code}")
        lines += self.metadata.render().splitlines()
        return lines


def plan_push(
    config: RunConfig, *, kernel_folder: Path, wheels: Path, model_folder: Path | None = None
) -> PushPlan:
    """Return what a push would send, after all checks that need no network.

    Args:
        config: of the run; the kernel folder must have been built from it.
        kernel_folder: metadata and code.
        wheels: the folder of the wheels, their lock and their manifest.
        model_folder: becomes the data set ``kaggle.model``; None sends no model.

    Raises:
        KaggleError: if something is missing or does not fit the configuration.
    """
    kaggle = config.kaggle
    metadata = load_kernel_metadata(kernel_folder)
    check_owner(metadata)
    _check_built_from(config, metadata, kernel_folder / KERNEL_METADATA)
    uploads = [_plan_dataset(kaggle.wheels_dataset, _wheel_files(wheels))]
    if model_folder is not None:
        if kaggle.model is None or not kaggle.is_model_dataset:
            raise KaggleError(
                f"kaggle.model: is {kaggle.model!r}; name a dataset as 'owner/slug' to send the "
                f"model in {model_folder}"
            )
        uploads.append(_plan_dataset(kaggle.model, _model_files(model_folder)))
    return PushPlan(tuple(uploads), kernel_folder, metadata, kaggle.session_limit)


def _check_built_from(config: RunConfig, metadata: KernelMetadata, path: Path) -> None:
    expected = build_kernel_metadata(config, kind=metadata.kernel_type).model_dump()
    for key, value in metadata.model_dump().items():
        if value != expected[key]:
            raise KaggleError(
                f"{path}: {key}: is {value!r}, but by the configuration {expected[key]!r}; "
                "run arc-submit kaggle build again"
            )


def _wheel_files(folder: Path) -> list[Path]:
    wheels = sorted(folder.glob("*.whl"))
    missing = [name for name in _BESIDE_WHEELS if not (folder / name).is_file()]
    if missing or not wheels:
        raise KaggleError(
            f"{folder}: lacks {', '.join(missing) or 'wheels'}; run arc-submit kaggle build"
        )
    return [*wheels, *(folder / name for name in _BESIDE_WHEELS)]


def _model_files(folder: Path) -> list[Path]:
    if not (folder / "config.json").is_file():
        raise KaggleError(f"{folder}: holds no model (config.json is missing); check model.path")
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in paths:
        if not path.is_file():
            raise KaggleError(
                f"{path}: is a folder, which Kaggle's client leaves out; move it elsewhere"
            )
    return paths


def _plan_dataset(ref: str, files: list[Path]) -> DatasetUpload:
    owner, _, slug = ref.partition("/")
    return DatasetUpload(build_dataset_metadata(owner, slug, title=slug), tuple(files))
