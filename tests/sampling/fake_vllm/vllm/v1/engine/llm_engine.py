"""See the package: token ids of an answer are weights, adapter, sleeps so far, then the prompt."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from vllm import EngineArgs, SamplingParams
from vllm.lora.request import LoRARequest

CUES = {901: "die", 902: "freeze", 903: "run out of memory", 904: "never end", 905: "die once"}


class LLMEngine:
    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self._requests: dict[str, tuple[list[int], SamplingParams, LoRARequest | None]] = {}
        self._weights = 0
        self._sleeps = 0
        self._is_asleep = False
        self._is_fresh = True

    @classmethod
    def from_engine_args(cls, args: EngineArgs) -> LLMEngine:
        if args.arguments["model"] == "no model":
            raise RuntimeError("CUDA out of memory, and no model either")
        return cls(args.arguments)

    def add_request(
        self,
        name: str,
        prompt: dict[str, list[int]],
        params: SamplingParams,
        *,
        lora_request: LoRARequest | None,
    ) -> None:
        assert not self._is_asleep
        self._requests[name] = prompt["prompt_token_ids"], params, lora_request

    def step(self) -> list[Any]:
        for ids, _, _ in self._requests.values():
            self._obey(CUES.get(ids[0], ""))
        finished = {
            name: request
            for name, request in self._requests.items()
            if CUES.get(request[0][0]) != "never end"
        }
        self._requests = {k: v for k, v in self._requests.items() if k not in finished}
        return [self._output(name, *request) for name, request in finished.items()]

    def _obey(self, cue: str) -> None:
        if cue == "die once":
            mark = Path(self._arguments["mark"])
            cue = "" if mark.exists() else "die"
            mark.touch()
        if cue == "die":
            print("these are my last words", flush=True)
            os._exit(3)
        if cue == "freeze":
            time.sleep(600)
        if cue == "run out of memory":
            raise RuntimeError("CUDA out of memory")
        if cue == "never end":
            time.sleep(0.01)

    def _output(
        self, name: str, ids: list[int], params: SamplingParams, adapter: LoRARequest | None
    ) -> Any:
        state = [self._weights, adapter.lora_int_id if adapter else 0, self._sleeps]
        answer = SimpleNamespace(token_ids=[*state, *ids], cumulative_logprob=-1.5)
        return SimpleNamespace(finished=True, request_id=name, outputs=[answer])

    def abort_request(self, names: list[str]) -> None:
        for name in names:
            del self._requests[name]

    def has_unfinished_requests(self) -> bool:
        return bool(self._requests)

    def add_lora(self, adapter: LoRARequest) -> bool:
        assert not self._is_asleep
        assert (Path(adapter.lora_path) / "adapter_config.json").is_file()
        return True

    def collective_rpc(self, method: str, kwargs: dict[str, str]) -> None:
        assert method == "reload_weights" and not self._is_asleep
        assert (Path(kwargs["weights_path"]) / "config.json").is_file()
        self._weights += 1
        self._is_fresh = False

    def reset_prefix_cache(self) -> bool:
        self._is_fresh = True
        return not self._requests

    def sleep(self, level: int) -> None:
        assert self._arguments["enable_sleep_mode"] and level == 1 and not self._requests
        self._is_asleep = True

    def wake_up(self) -> None:
        assert self._is_asleep
        self._is_asleep = False
        self._sleeps += 1
