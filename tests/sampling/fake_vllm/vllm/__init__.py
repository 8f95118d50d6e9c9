"""A stand-in for vLLM: an engine that writes its state, and fails on cue.

It answers each prompt with the weights and the adapter it has, as token ids. A prompt of one token
is a cue: see ``CUES`` in the engine.
"""

from __future__ import annotations

from typing import Any


class EngineArgs:
    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments


class SamplingParams:
    def __init__(self, **values: Any) -> None:
        self.values = values
