"""The child process: a vLLM engine, driven step by step.

Nothing but this module's functions imports vllm, and only in the child: a rejected adapter, a
crash or a hang of the engine then costs a child, not a worker.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from arc_submit.errors import is_out_of_memory
from arc_submit.execution.sandbox import end_with_parent
from arc_submit.sampling.vllm.wire import (
    Answer,
    Command,
    Done,
    DropAdapter,
    Failed,
    LoadAdapter,
    LoadWeights,
    Progress,
    Request,
    Sleep,
    Start,
    Wake,
    Write,
    Written,
)

_SILENCE_S = 0.5
"""Longest time without a message while steps are taken."""


def main(descriptor: int) -> None:
    """Carry out commands from a connection until it is closed."""
    with contextlib.suppress(OSError, AttributeError):
        end_with_parent()
    connection = Connection(descriptor)
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        engine: _Engine | None = None
        while (command := connection.recv()) is not None:
            try:
                if engine is None:
                    engine = _Engine(command, connection)
                else:
                    engine.carry_out(command)
                answer: Answer = Done()
            except (EOFError, BrokenPipeError):
                raise
            except Exception as error:  # vLLM's own are of any kind; the parent decides
                answer = Failed(_describe(error), is_out_of_memory(error))
            connection.send(answer)
            if isinstance(answer, Failed):
                return


class _Engine:
    def __init__(self, start: Start, connection: Connection) -> None:
        from vllm import EngineArgs
        from vllm.v1.engine.llm_engine import LLMEngine

        self._connection = connection
        self._engine: Any = LLMEngine.from_engine_args(EngineArgs(**start.arguments))
        self._adapter: Any = None
        self._names = map(str, count())

    def carry_out(self, command: Command) -> None:
        match command:
            case Write():
                self._write(command)
            case LoadAdapter():
                self._load_adapter(command)
            case DropAdapter():
                self._adapter = None
            case LoadWeights():
                source = {"weights_path": command.folder}
                self._engine.collective_rpc("reload_weights", kwargs=source)
                self._forget_prompts()
            case Sleep():
                self._forget_prompts()
                self._engine.sleep(level=1)
            case Wake():
                self._engine.wake_up()
            case Start():
                raise ValueError("the engine has been started")

    def _load_adapter(self, command: LoadAdapter) -> None:
        from vllm.lora.request import LoRARequest

        name = f"adapter-{command.version}"
        adapter = LoRARequest(name, command.version, command.folder)
        if not self._engine.add_lora(adapter):
            raise ValueError(f"vLLM does not take the adapter in {command.folder}")
        self._adapter = adapter

    def _forget_prompts(self) -> None:
        """What was computed with other weights is of no use."""
        if not self._engine.reset_prefix_cache():
            raise RuntimeError("vLLM holds on to prompts read with other weights")

    def _write(self, command: Write) -> None:
        waiting = deque(command.requests)
        open_requests: dict[str, Request] = {}
        finished: list[Written] = []
        spoken = time.monotonic()
        while (waiting or open_requests) and time.monotonic() < command.deadline:
            while waiting and len(open_requests) < command.at_once:
                name, request = next(self._names), waiting.popleft()
                open_requests[name] = request
                self._add(name, request, command)
            for output in self._engine.step():
                if output.finished and output.request_id in open_requests:
                    request = open_requests.pop(output.request_id)
                    finished.append(_read(request, output.outputs[0]))
            if finished or time.monotonic() > spoken + _SILENCE_S:
                self._connection.send(Progress(tuple(finished)))
                finished, spoken = [], time.monotonic()
        self._engine.abort_request(list(open_requests))

    def _add(self, name: str, request: Request, command: Write) -> None:
        from vllm import SamplingParams

        params = SamplingParams(
            temperature=request.temperature,
            top_p=request.top_p,
            max_tokens=request.max_new_tokens,
            seed=request.seed,
            stop_token_ids=list(command.end_ids),
            ignore_eos=True,  # what ends a completion is said by the ids alone
            logprobs=0,  # of the chosen token only
            detokenize=False,
        )
        prompt = {"prompt_token_ids": list(command.prompts[request.prompt])}
        self._engine.add_request(name, prompt, params, lora_request=self._adapter)


def _read(request: Request, output: Any) -> Written:
    return Written(request.index, tuple(output.token_ids), float(output.cumulative_logprob))


def _describe(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
