"""The engine as the sampler knows it: started when needed, replaced when lost, and brought to the
adapter that is in training.

The model in training stays in the worker; the engine's child has a copy of its own. What passes
between them lies in memory where it fits there, and only until it is read.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from arc_submit.errors import ConfigError, ModelError
from arc_submit.sampling.adapters import Adapter, check_adapter, save_adapter, save_merged
from arc_submit.sampling.vllm.process import EngineLost, EngineProcess
from arc_submit.sampling.vllm.settings import EngineSettings
from arc_submit.sampling.vllm.wire import (
    DropAdapter,
    LoadAdapter,
    LoadWeights,
    Sleep,
    Start,
    Wake,
    Write,
    Written,
)

_MEMORY_FOLDER = Path("/dev/shm")


class VllmEngine:
    """An engine that is started when first needed, and anew when it is lost.

    Args:
        settings: from :func:`~arc_submit.sampling.vllm.settings.plan_engine`.
        adapter: what is in training.

    Raises:
        ConfigError: if vLLM is not installed.
    """

    def __init__(self, settings: EngineSettings, adapter: Adapter) -> None:
        if importlib.util.find_spec("vllm") is None:
            raise ConfigError(
                "sampling.engine: 'vllm' is not installed; pip install 'arc-submit[vllm]', or set "
                "it to 'transformers'"
            )
        self._settings = settings
        self._adapter = adapter
        self._process: EngineProcess | None = None
        self._version = 0
        """Of the adapter that the engine has."""
        self._is_asleep = False
        self.swap_s = 0.0
        """Time spent so far on bringing the engine to the adapter."""

    @property
    def pid(self) -> int | None:
        """The process number of the engine's child, where it has been started."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the engine, where it does not run.

        Raises:
            EngineLost, MemoryError: as :class:`EngineProcess`.
        """
        if self._process is not None:
            return
        settings = self._settings
        with _folder_for(self._adapter) as folder:
            model = settings.folder
            if settings.unties:
                model = str(folder)
                save_merged(self._adapter, folder, is_untied=True)
            self._process = EngineProcess(
                Start({**settings.arguments, "model": model}),
                environment=settings.environment,
                silence_s=settings.silence_s,
            )
        self._version = self._adapter.version if settings.unties else 0
        self._is_asleep = False

    def write(self, command: Write, on_finished: Callable[[Written], None]) -> None:
        """Write completions with the adapter as it stands.

        Raises:
            AdapterError: if the adapter must not reach the engine.
            EngineLost, MemoryError: as :meth:`EngineProcess.call`; the next call starts it anew.
        """
        try:
            process = self._bring_up_to_date()
            process.call(command, on_finished=on_finished)
        except (EngineLost, MemoryError):
            self._process = None
            raise

    def sleep(self) -> None:
        """Give the device's memory back until the next call, where that is planned."""
        if self._process is None or self._is_asleep or not self._settings.sleeps:
            return
        try:
            self._process.call(Sleep())
        except EngineLost:  # its memory is free all the same
            self._process = None
        self._is_asleep = True

    def close(self) -> None:
        """End the engine; the next call starts it anew."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _bring_up_to_date(self) -> EngineProcess:
        self.start()
        process, version = self._process, self._adapter.version
        assert process is not None, "it has just been started"
        if self._is_asleep:
            torch.cuda.empty_cache()
            process.call(Wake())
            self._is_asleep = False
        if version != self._version:
            started = time.perf_counter()
            self._hand_over(process, version)
            self._version = version
            self.swap_s += time.perf_counter() - started
        return process

    def _hand_over(self, process: EngineProcess, version: int) -> None:
        settings, adapter = self._settings, self._adapter
        if version == 0 and not settings.unties:
            process.call(LoadWeights(settings.folder) if settings.merges else DropAdapter())
            return
        with _folder_for(adapter) as folder:
            if settings.merges:
                save_merged(adapter, folder, is_untied=settings.unties)
                process.call(LoadWeights(str(folder)))
            else:
                save_adapter(adapter, folder)
                check_adapter(folder, max_rank=settings.arguments["max_lora_rank"])
                process.call(LoadAdapter(version, str(folder)))


def start_engine(engine: VllmEngine) -> None:
    """Start an engine; one that does not start is the user's to mend.

    Raises:
        ModelError: if it does not start.
    """
    try:
        engine.start()
    except (EngineLost, MemoryError) as error:
        raise ModelError(f"sampling.engine 'vllm' does not start: {error}") from error


@contextmanager
def _folder_for(adapter: Adapter) -> Iterator[Path]:
    """Lend a folder with room for a model's weights, in memory where there is as much."""
    needed = 1.1 * adapter.peft.get_base_model().get_memory_footprint()
    has_room = _MEMORY_FOLDER.is_dir() and shutil.disk_usage(_MEMORY_FOLDER).free > needed
    with tempfile.TemporaryDirectory(
        prefix="arc-submit-", dir=_MEMORY_FOLDER if has_room else None
    ) as folder:
        yield Path(folder)
