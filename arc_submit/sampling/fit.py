"""Whether the configured adapter and all copies of a model fit, found out without its weights."""

from __future__ import annotations

from typing import Any

from peft.tuners.lora import LoraLayer

from arc_submit.config import RunConfig
from arc_submit.errors import ConfigError
from arc_submit.sampling.adapters import find_refusal
from arc_submit.sampling.vllm.memory import plan_on_gpu, training_gb
from arc_submit.training.start import build_adapter


class _Untrained:
    version = 0

    def __init__(self, peft: Any) -> None:
        self.peft = peft


def describe_adapter(skeleton: Any, config: RunConfig) -> tuple[str, list[str]]:
    """Put the configured adapter into a model without weights; return a finding, and problems."""
    lora = config.test_time_training.lora
    try:
        peft = build_adapter(skeleton, lora)
    except ValueError as error:
        reason = " ".join(str(error).split())
        return "does not fit", [f"test_time_training.lora.target_modules: {reason}"]
    layers: list[Any] = [module for module in peft.modules() if isinstance(module, LoraLayer)]
    side = min(min(layer.in_features, layer.out_features) for layer in layers)
    count = sum(p.numel() for p in peft.parameters() if p.requires_grad)
    refusal = find_refusal(_Untrained(peft))
    way = f"vLLM gets it merged: {refusal}" if refusal else "vLLM takes it as it is"
    finding = f"rank {lora.r} on {len(layers)} layers, {count / 1e6:.2f} M weights; {way}"
    if lora.r > side:
        return finding, [
            f"test_time_training.lora.r: {lora.r} is more than the smallest side of a layer, "
            f"{side}; a higher rank than that adds nothing"
        ]
    return finding, []


def describe_memory(
    weights_gb: float, config: RunConfig, *, device_gb: float, is_gpu: bool
) -> tuple[str, list[str]]:
    """Add up what one device holds; return a finding, and problems.

    Args:
        weights_gb: of one copy of the model.
        device_gb: of one GPU, or of the machine, which all workers share.
    """
    is_vllm = config.sampling.engine == "vllm"
    workers = 1 if is_gpu else config.runtime.workers
    needed_gb = workers * (weights_gb * (2 if is_vllm else 1) + training_gb(weights_gb, is_gpu))
    where = "on each GPU" if is_gpu else f"for {workers} workers"
    finding = (
        f"{weights_gb:.2f} GiB of weights; about {needed_gb:.1f} GiB {where}, of {device_gb:.1f}"
    )
    if is_gpu and is_vllm:
        try:
            plan_on_gpu(
                total_gb=device_gb,
                weights_gb=weights_gb,
                cache_gb=1.0,
                asked_gb=config.sampling.vllm.memory_gb,
                sleep=config.sampling.vllm.sleep,
            )
        except ConfigError as error:
            return finding, [str(error)]
    elif needed_gb > device_gb:
        return finding, [
            f"model.path: about {needed_gb:.1f} GiB are needed {where}, and there are "
            f"{device_gb:.1f}; take fewer runtime.workers, model.load_in_4bit or a smaller model"
        ]
    return finding, []
