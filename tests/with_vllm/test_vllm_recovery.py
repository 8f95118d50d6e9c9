"""The real engine, frozen and killed."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from benches import draw, needs_vllm, running

from arc_submit.types import SamplingParams

pytestmark = needs_vllm
WARM = SamplingParams(200, 0.9, top_p=0.95, max_new_tokens=100)


@pytest.mark.parametrize("sign", [signal.SIGSTOP, signal.SIGKILL])
def test_a_lost_engine_is_replaced_and_nothing_is_lost(sign: signal.Signals) -> None:
    with running(runtime={"silence": "10s"}) as bench:
        bench.train("flip(img, 0)")
        prompts = bench.prompts[:1]
        expected = draw(bench.ours, prompts, [WARM], seed=5)
        pid = bench.engine.pid
        assert pid is not None
        timer = threading.Timer(0.5, os.kill, (pid, sign))
        timer.start()
        written = draw(bench.ours, prompts, [WARM], seed=5)
        timer.cancel()
        assert bench.engine.pid not in (pid, None)
        assert [c.text for c in written] == [c.text for c in expected]
