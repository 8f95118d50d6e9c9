"""kernel-metadata.json and dataset-metadata.json: built, rendered, and read with suspicion.

Kaggle's client ignores unknown keys, knows no accelerators, turns the internet on where nothing
is said, and sends a kernel without its competition. All that is refused here, before it is sent.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from arc_submit.arc.json_file import JsonObject, read_json
from arc_submit.config import KaggleConfig, RunConfig
from arc_submit.errors import DataError, KaggleError

KERNEL_METADATA = "kernel-metadata.json"
DATASET_METADATA = "dataset-metadata.json"

Kind = Literal["script", "notebook"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CODE_FILES: dict[Kind, str] = {"script": "main.py", "notebook": "main.ipynb"}
_TITLE_SUFFIX: dict[Kind, str] = {"script": "", "notebook": " notebook"}
"""One address on Kaggle is a script or a notebook for good, so each kind has its own."""

_ACCELERATORS: tuple[str, ...] = get_args(KaggleConfig.model_fields["accelerator"].annotation)
_PLACEHOLDER = KaggleConfig().owner
_MAX_TITLE = 50
_TITLE = r"^[A-Za-z0-9][A-Za-z0-9 -]*$"
_REBUILD = "mend it, or make the folder anew with arc-submit kaggle build"


def _check_accelerator(name: str) -> str:
    if name not in _ACCELERATORS:
        raise ValueError(f"no known accelerator; known are {', '.join(_ACCELERATORS)}")
    return name


_Text = Annotated[str, StringConstraints(min_length=1)]
_Ref = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+/[a-z0-9-]+$")]
_DatasetRef = Annotated[str, StringConstraints(pattern=r"^[\w-]+/[\w.-]+$")]
_ModelRef = Annotated[str, StringConstraints(pattern=r"^[\w.-]+(/[\w.-]+){3}/\d+$")]
_Image = Annotated[str, StringConstraints(pattern=r"^[\w./:-]+@sha256:[0-9a-f]{64}$")]


class _Metadata(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    def render(self) -> str:
        """Return the text of the file, unset fields left out: the same for the same metadata."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"


class KernelMetadata(_Metadata):
    """What Kaggle's client reads of kernel-metadata.json, with only what this project may ask.

    ``id_no`` is left out on purpose: the client would prefer it to ``id`` without a word.
    """

    id: _Ref
    title: Annotated[str, Field(min_length=5, max_length=_MAX_TITLE, pattern=_TITLE)]
    """Kaggle makes the address from it, so it must come to the second half of `id`."""
    code_file: _Text
    language: Literal["python"]
    kernel_type: Kind
    is_private: bool
    enable_gpu: Literal[True]
    enable_tpu: Literal[False]
    enable_internet: Literal[False]
    """Always written: where it is missing, the client asks for the internet."""
    machine_shape: Annotated[str, AfterValidator(_check_accelerator)]
    """The accelerator; without it Kaggle may give another than the competition's."""
    keywords: list[str]
    dataset_sources: list[_DatasetRef]
    competition_sources: Annotated[list[_Text], Field(min_length=1)]
    kernel_sources: list[_Text]
    model_sources: list[_ModelRef]
    docker_image: _Image | None = None
    docker_image_pinning_type: Literal["original", "latest"] | None = None

    @model_validator(mode="after")
    def _check_address(self) -> KernelMetadata:
        slug = self.id.partition("/")[2]
        if slugify(self.title) != slug:
            raise ValueError(
                f"id: ends in {slug!r}, but the title {self.title!r} comes to "
                f"{slugify(self.title)!r}, where Kaggle would put the kernel"
            )
        return self

    @property
    def owner(self) -> str:
        """Under whose name it is pushed."""
        return self.id.partition("/")[0]


class _License(_Metadata):
    name: _Text


class DatasetMetadata(_Metadata):
    """What Kaggle's client reads of dataset-metadata.json."""

    id: Annotated[str, StringConstraints(pattern=r"^[\w-]+/[a-z0-9-]{6,50}$")]
    title: Annotated[str, Field(min_length=6, max_length=50)]
    licenses: Annotated[list[_License], Field(min_length=1, max_length=1)]


def slugify(title: str) -> str:
    """Return the last part of the address that Kaggle gives to a plain ASCII title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def build_kernel_metadata(config: RunConfig, *, kind: Kind) -> KernelMetadata:
    """Return the metadata of one of the two kernels of a configuration.

    An image named in the configuration is pinned; otherwise nothing is said about images, and
    the kernel itself refuses one that the wheels were not made for.

    Raises:
        KaggleError: if the title, the image or the model's name cannot be used on Kaggle.
    """
    kaggle = config.kaggle
    title = kaggle.title + _TITLE_SUFFIX[kind]
    model = kaggle.model or ""
    is_dataset = kaggle.is_model_dataset
    wheels = kaggle.wheels_dataset
    if model.lower() == wheels.lower():
        raise KaggleError(
            f"kaggle.model: {model} is the dataset of the wheels, too; give one another name"
        )
    fields: dict[str, object] = {
        "id": f"{kaggle.owner}/{slugify(title)}",
        "title": title,
        "code_file": CODE_FILES[kind],
        "language": "python",
        "kernel_type": kind,
        "is_private": kaggle.is_private,
        "enable_gpu": True,
        "enable_tpu": False,
        "enable_internet": False,
        "machine_shape": kaggle.accelerator,
        "keywords": [],
        "dataset_sources": [wheels, *([model] if is_dataset else [])],
        "competition_sources": [kaggle.competition],
        "kernel_sources": [],
        "model_sources": [model] if model and not is_dataset else [],
    }
    if kaggle.docker_image is not None:
        fields |= {"docker_image": kaggle.docker_image, "docker_image_pinning_type": "original"}
    return _validate(
        KernelMetadata, fields, f"the {kind} kernel", "change it under kaggle in the configuration"
    )


def build_dataset_metadata(owner: str, slug: str, title: str) -> DatasetMetadata:
    """Return the metadata of a dataset whose files have licences of their own.

    Raises:
        KaggleError: if the slug or the title is none that Kaggle takes.
    """
    fields = {"id": f"{owner}/{slug}", "title": title, "licenses": [{"name": "other"}]}
    return _validate(
        DatasetMetadata,
        fields,
        f"the dataset {owner}/{slug}",
        "slug and title need 6 to 50 characters, the slug of a-z, 0-9 and dashes only",
    )


def load_kernel_metadata(folder: Path) -> KernelMetadata:
    """Return the metadata of a kernel folder that may be pushed, but for its owner.

    Raises:
        KaggleError: if the file is missing or no JSON, has a key or value that may not be, or
            names a code file that is not there; with the file, the key and the remedy.
    """
    path = folder / KERNEL_METADATA
    try:
        fields = read_json(path)
    except DataError as error:
        raise KaggleError(f"{error}; a kernel folder comes from arc-submit kaggle build") from error
    if isinstance(fields, JsonObject) and fields.duplicates:
        raise KaggleError(f"{path}: {fields.duplicates[0]}: is there more than once; {_REBUILD}")
    metadata = _validate(KernelMetadata, fields, str(path), _REBUILD)
    suffix = Path(CODE_FILES[metadata.kernel_type]).suffix
    is_plain = Path(metadata.code_file).name == metadata.code_file
    if not is_plain or Path(metadata.code_file).suffix != suffix:
        raise KaggleError(
            f"{path}: code_file: {metadata.code_file!r} is no {suffix} file of the folder itself, "
            f"as a {metadata.kernel_type} needs; {_REBUILD}"
        )
    if not (folder / metadata.code_file).is_file():
        raise KaggleError(f"{path}: code_file: {metadata.code_file} is not there; {_REBUILD}")
    return metadata


def check_owner(metadata: KernelMetadata) -> None:
    """Refuse metadata that still has the configuration's placeholder for a user name.

    Raises:
        KaggleError: if it has.
    """
    if metadata.owner == _PLACEHOLDER:
        raise KaggleError(
            f"kaggle.owner: is still {_PLACEHOLDER!r}; put your Kaggle user name there, "
            "then run arc-submit kaggle build again"
        )


_M = TypeVar("_M", KernelMetadata, DatasetMetadata)


def _validate(model: type[_M], fields: object, place: str, remedy: str) -> _M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
    raise KaggleError(f"{place}: {_describe(fault, model)}; {remedy}")


def _describe(fault: Any, model: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key, which Kaggle would pass over; known: " + ", ".join(
            model.model_fields
        )
    if fault["type"] == "missing":
        return f"{key}: is missing"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{key}: {message} (got {fault['input']!r})" if key else message
