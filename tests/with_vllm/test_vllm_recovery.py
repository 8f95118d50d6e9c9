"""The real engine, frozen and killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from benches import draw, needs_vllm, running

from arc_submit.sampling.vllm.wire import Write, Written
from arc_submit.types import SamplingParams

pytestmark = needs_vllm
WARM = SamplingParams(200, 0.9, top_p=0.95, max_new_tokens=100)


@pytest.mark.parametrize("sign", [signal.SIGSTOP, signal.SIGKILL])
def test_an_engine_lost_in_the_middle_is_replaced_and_nothing_is_lost(
    sign: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(runtime={"silence": "10s"}) as bench:
        bench.train("flip(img, 0)")
        prompts = bench.prompts[:1]
        expected = draw(bench.ours, prompts, [WARM], seed=5)
        pid = bench.engine.pid
        assert pid is not None
        write = bench.engine.write

        def write_and_strike(command: Write, keep: Callable[[Written], None]) -> None:
            def strike(written: Written) -> None:
                keep(written)
                if bench.engine.pid == pid:
                    os.kill(pid, sign)

            write(command, strike)

        monkeypatch.setattr(bench.engine, "write", write_and_strike)
        written = draw(bench.ours, prompts, [WARM], seed=5)
        assert bench.engine.pid not in (pid, None)
        assert [c.text for c in written] == [c.text for c in expected]
