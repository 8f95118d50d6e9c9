"""The run's configuration: one typed schema for submission_config.json, with its defaults."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    model_validator,
)

BUNDLED_MODEL = "bundled"

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h)?")
_UNIT_S = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(value: object) -> float:
    """Return seconds from a number of seconds or a text such as ``90s``, ``10m`` or ``12h``.

    Raises:
        ValueError: if it is neither.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a number of seconds or a text such as '90s', '10m', '12h'")
    return float(match[1]) * _UNIT_S[match[2]]


Seconds = Annotated[
    float,
    Field(allow_inf_nan=False),
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_DURATION.pattern}$"}]}
    ),
]
Share = Annotated[float, Field(ge=0, le=1)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
_MODEL_SOURCE = r"^[\w.-]+/[\w.-]+(/[\w.-]+/[\w.-]+/\d+)?$"


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


class DataConfig(_Part):
    """Which tasks are solved."""

    challenges: str | None = None
    """A challenges JSON file or a folder of one-task JSON files; null takes `dataset`."""
    dataset: Literal["arc-agi-1", "arc-agi-2"] = "arc-agi-1"
    """The set that the `data` extra ships."""
    split: Literal["training", "evaluation"] = "evaluation"
    skip_bad_tasks: bool = False
    """Report malformed tasks and give them a fallback entry, where otherwise the run is refused."""


class ModelConfig(_Part):
    """Which model is used, and how it is asked."""

    path: str = BUNDLED_MODEL
    """`bundled` or the folder of any causal language model with its tokenizer."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """`auto` takes bfloat16 or float16 on a GPU, whichever is native, and float32 on a CPU."""
    prompt: str | None = None
    """Name of a prompt template; null takes the one the model was trained with."""
    grid_encoder: str | None = None
    """How grids are written, such as `shape(rows(minimal))`; null takes the model's own."""
    load_in_4bit: bool = False
    """Keep the weights in 4 bits (NF4); needs the package bitsandbytes, and loses some quality."""
    max_context: Annotated[int, Field(ge=64)] | None = None
    """Tokens of prompt and completion together; null takes the model's own limit."""


class AugmentationConfig(_Part):
    """Stage 1: views of a task."""

    views: Annotated[int, Field(ge=1, le=512)] = 8
    """Views per round; the first is the task as it is."""
    symmetries: bool = True
    """Turned and mirrored views, too."""
    permute_colors: bool = True
    keep_background: bool = True
    """Colour 0 stays 0."""
    shuffle_pairs: bool = True
    windows: Annotated[int, Field(ge=0)] = 0
    """So many of the views, never the first, show only a part of the outputs: what can be drawn
    of a picture that is too large to be drawn at once."""


class DrawConfig(_Part):
    """A number of completions at one temperature."""

    count: Annotated[int, Field(ge=1, le=4096)]
    """Completions per view and round."""
    temperature: Annotated[float, Field(ge=0, le=5)]


class VllmConfig(_Part):
    """The engine vLLM, where `sampling.engine` asks for it."""

    memory_gb: Annotated[float, Field(gt=0)] | None = None
    """For all that it holds on a GPU, on a CPU for its cache alone, in units of 2**30 bytes; null
    takes what it can use and training leaves."""
    adapters: Literal["auto", "request", "merge"] = "auto"
    """Hand a trained adapter over as it is, or merged into the weights; `auto` merges on a CPU and
    wherever vLLM does not take the adapter."""
    attention_backend: str | None = None
    """One of vLLM's, by name; null takes TRITON_ATTN below compute capability 8.0, else vLLM's
    own choice."""
    enforce_eager: bool | None = None
    """Start sooner, sample slower; null does so on a CPU and below compute capability 8.0."""
    sleep: bool | None = None
    """Give the GPU's memory back while the adapter trains; null does so where both together would
    leave too little."""


class SamplingConfig(_Part):
    """Stage 2: completions per view."""

    engine: Literal["transformers", "vllm"] = "transformers"
    draws: Annotated[tuple[DrawConfig, ...], Field(min_length=1, strict=False)] = (
        DrawConfig(count=2, temperature=0.1),
        DrawConfig(count=10, temperature=0.9),
    )
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.98
    max_new_tokens: Annotated[int, Field(ge=1)] = 160
    batch_size: Annotated[int, Field(ge=1)] = 128
    """Completions decoded side by side."""
    vllm: VllmConfig = VllmConfig()


class ExecutionConfig(_Part):
    """Limits of one program in its child process."""

    time_limit_s: Annotated[float, Field(gt=0)] = 0.5
    """Wall-clock time of one program over all inputs."""
    memory_mb: Annotated[int, Field(ge=64)] = 512
    """Address space that a program may take beyond what its child needs."""


class LoraConfig(_Part):
    """The shape of an adapter: LoRA (Hu et al., 2021) and its variants."""

    r: Annotated[int, Field(ge=1)] = 16
    alpha: Annotated[int, Field(ge=1)] = 32
    use_rslora: bool = True
    """Scale by alpha over the root of r, not over r."""
    use_dora: bool = False
    """Learn sizes and directions apart; vLLM cannot load such an adapter."""
    target_modules: (
        Annotated[tuple[str, ...], Field(min_length=1, strict=False)] | Literal["all-linear"]
    ) = "all-linear"
    """Names of the linear layers that get a part of it."""


class ReplayConfig(_Part):
    """Examples of earlier rounds that are trained on again."""

    best: Annotated[int, Field(ge=0)] = 0
    """So many of the best ones."""
    random: Annotated[int, Field(ge=0)] = 0
    """So many of the others."""


class CompositionConfig(_Part):
    """Examples from joined programs of the model, by which it learns to write longer ones."""

    count: Annotated[int, Field(ge=0)] = 0
    """Joined programs per round; none is ever compared with the task's outputs."""
    max_parents: Annotated[int, Field(ge=2)] = 4
    """Most programs joined in one; the number is drawn anew for each."""
    min_part: Share = 0.3
    """Of each program a part is taken, this share of its statements at least on average."""
    moved: Share = 0
    """Share of their draw calls that are moved: to where the best program joined is wrong, or
    anywhere if shuffled."""
    pool: Annotated[int, Field(ge=2)] = 64
    """Joined are programs among so many of the best of all rounds, or any if shuffled."""
    others: Annotated[int, Field(ge=0)] = 0
    """And among so many of the others: those that do most right of what the best does wrong."""


class ExplorationConfig(_Part):
    """What keeps a model from writing the same program over and over."""

    min_unique: Share = 0.5
    """Below this share of different outputs among a round's programs, temperatures rise."""
    temperature_step: Annotated[float, Field(ge=1)] = 1.1
    """Factor by which they rise, and fall again where the share is above."""
    max_factor: Annotated[float, Field(ge=1)] = 1.4
    """Most that temperatures are multiplied by."""
    patience: Annotated[int, Field(ge=1)] = 3
    """Rounds in a row at the highest temperature without a new output that end the work."""


class TestTimeTrainingConfig(_Part):
    """Stage 3: hindsight experience replay on each task."""

    __test__ = False

    max_rounds: Annotated[int, Field(ge=0)] = 1
    """Rounds of training and sampling after the first sampling; 0 only samples."""
    base_views: Annotated[float, Field(ge=0, lt=1)] = 0
    """Share of the views that the model answers as before training, after the first round."""
    novelty: Literal["new", "all"] = "new"
    """Train on outputs that no earlier round made, or on all of a round."""
    order: Literal["ascending", "descending", "shuffled"] = "ascending"
    """By how good a program is; shuffled examples use no score at all."""
    max_examples: Annotated[int, Field(ge=1)] = 16
    """Relabelled programs trained on in one round: the best ones, or any if shuffled."""
    max_prompt_tokens: Annotated[int, Field(ge=1)] = 512
    """Longest prompt of an example; a longer one shows fewer train pairs."""
    replay: ReplayConfig = ReplayConfig()
    composition: CompositionConfig = CompositionConfig()
    exploration: ExplorationConfig = ExplorationConfig()
    epochs: Annotated[int, Field(ge=1)] = 1
    """Passes over a round's examples."""
    batch_size: Annotated[int, Field(ge=1)] = 8
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    warmup: Share = 0.0
    """Share of a round's steps in which the rate rises from 0."""
    schedule: Literal["constant", "linear"] = "constant"
    """The rate after the warmup: as it is, or falling to 0 at the end of the round."""
    keep_optimizer: bool = True
    """Go on with the optimizer of the round before; else each round starts a new one."""
    reset: Literal["task", "round", "never"] = "task"
    """When the adapter is started anew: for each task, for each round, or not at all."""
    lora: LoraConfig = LoraConfig()


class GpuConfig(_Part):
    """What the GPUs must be; a run on others is refused before any time is spent."""

    name: str | None = None
    """Part of the driver's name for each, such as `L4` or `T4`."""
    count: Annotated[int, Field(ge=1)] | None = None
    """Exactly so many are there."""
    min_memory_gb: Annotated[float, Field(ge=0)] = 0.0
    """Of each, in units of 2**30 bytes."""
    min_compute_capability: Annotated[float, Field(ge=0)] = 0.0
    """Of each, such as 7.5 for a T4 and 8.9 for an L4."""


class RuntimeConfig(_Part):
    """Time, workers and what counts as success."""

    budget: Annotated[Seconds, Field(gt=0)] = 600.0
    """The whole run, from start to exit."""
    reserve: Annotated[Seconds, Field(ge=0)] = 15.0
    """Kept back at the end to stop workers and write files; never over a fifth of the budget."""
    min_share: Annotated[Seconds, Field(ge=0)] = 2.0
    """Least time of a task; where there is not as much for each, the last tasks get none."""
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """One process each, on `cuda:0`, `cuda:1`, ... or on the CPU."""
    executor: Literal["processes", "ray"] = "processes"
    """Workers on this machine, or as Ray actors anywhere in a cluster."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes the GPUs where there are as many as workers, else the CPU."""
    gpu: GpuConfig = GpuConfig()
    policy: Literal["marginal-gain", "fifo", "cheap-first"] = "marginal-gain"
    """Which task is worth the next visit, once each has been visited."""
    silence: Annotated[Seconds, Field(gt=0)] = 60.0
    """A worker that gives no sign of life for so long, or does not return so long after its
    deadline, is replaced."""
    deterministic: bool = False
    """Do the same work whatever the time it takes: the budget only ends the run."""
    min_coverage: Share = 0.0
    """Share of tasks that need an answer from the model for exit code 0."""


class KaggleConfig(_Part):
    """How the run travels to Kaggle; a run itself reads none of it."""

    owner: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] = "your-kaggle-name"
    """The user name in `kaggle.com/USERNAME`; kernel and dataset are pushed under it."""
    competition: Slug = "arc-prize-2026-arc-agi-2"
    title: Annotated[str, Field(min_length=5, max_length=50)] = "arc-submit"
    """Of the kernel; its address follows from it."""
    kernel: Literal["script", "notebook"] = "script"
    """Which of the two built kernels is pushed."""
    accelerator: Literal["NvidiaTeslaT4", "NvidiaL4", "NvidiaRtxPro6000"] = "NvidiaTeslaT4"
    """Two T4, four L4 or one RTX PRO 6000; its settings are laid over those of the run."""
    overrides: dict[str, JsonValue] = {}
    """Laid over both, by key path: `{"sampling.batch_size": 64}`."""
    dataset: Annotated[Slug, Field(min_length=6, max_length=50)] = "arc-submit-wheels"
    """Holds the wheels."""
    model: Annotated[str, Field(pattern=_MODEL_SOURCE)] | None = None
    """Null takes the bundled model. `owner/dataset` is a dataset, made by `kaggle push` of the
    folder in `model.path`; `owner/model/framework/variation/version` is a model on Kaggle."""
    extras: Annotated[tuple[str, ...], Field(strict=False)] = ("model",)
    """Extras of arc-submit that the kernel needs."""
    replace: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Packages of the stock image that wheels may replace by other versions; never torch."""
    docker_image: str | None = None
    """Digest of the image to run in, such as `gcr.io/kaggle-gpu-images/python@sha256:...`."""
    is_private: bool = True
    smoke_tasks: Annotated[int, Field(ge=1)] = 4
    """Tasks that are worked on where the kernel does not run for the leaderboard."""
    session_limit: Annotated[Seconds, Field(gt=0)] = 12 * 3600.0
    """What Kaggle allows a session; the run's budget must be below it."""

    @property
    def wheels_dataset(self) -> str:
        """The dataset of the wheels, as `owner/dataset`."""
        return f"{self.owner}/{self.dataset}"

    @property
    def is_model_dataset(self) -> bool:
        """Whether the model comes as a dataset: neither bundled nor one of Kaggle's models."""
        return self.model is not None and self.model.count("/") == 1


class RunConfig(_Part):
    """Everything that decides what a run does."""

    seed: int = 0
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    sampling: SamplingConfig = SamplingConfig()
    execution: ExecutionConfig = ExecutionConfig()
    test_time_training: TestTimeTrainingConfig = TestTimeTrainingConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    kaggle: KaggleConfig = KaggleConfig()

    @model_validator(mode="after")
    def _check_combinations(self) -> RunConfig:
        if self.model.dtype == "float16" and self.runtime.device == "cpu":
            raise ValueError(
                "model.dtype: 'float16' does not train on runtime.device 'cpu'; "
                "use 'auto', 'float32' or 'bfloat16'"
            )
        if self.runtime.executor == "ray" and self.runtime.device == "auto":
            raise ValueError(
                "runtime.device: 'auto' looks at this machine only; with runtime.executor 'ray' "
                "say 'cpu' or 'cuda'"
            )
        context = self.model.max_context
        if context is not None and self.sampling.max_new_tokens >= context:
            raise ValueError(
                f"sampling.max_new_tokens ({self.sampling.max_new_tokens}) leaves no room for a "
                f"prompt in model.max_context ({context})"
            )
        return self


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of submission_config.json."""
    return RunConfig.model_json_schema()
