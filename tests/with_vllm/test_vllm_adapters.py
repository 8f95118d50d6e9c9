"""Adapters that vLLM does not take reach it merged; those that must not reach it do not."""

from __future__ import annotations

from typing import Any

import pytest
from benches import GREEDY, draw, needs_vllm, running

from arc_submit.config_file import build_config
from arc_submit.errors import ConfigError
from arc_submit.sampling.adapters import AdapterError
from arc_submit.sampling.vllm.settings import plan_engine

pytestmark = needs_vllm


@pytest.mark.parametrize(
    "lora",
    [{"use_dora": True}, {"target_modules": ["embed_tokens", "q_proj", "up_proj"]}],
    ids=["dora", "embeddings"],
)
def test_what_vllm_refuses_is_merged_and_computes_the_same(lora: dict[str, Any]) -> None:
    with running(test_time_training={"lora": lora}) as bench:
        assert bench.settings.merges
        before = [c.text for c in bench.compare()]
        bench.train("flip(img, 0)")
        assert [c.text for c in bench.compare()] != before
        with pytest.raises(ConfigError, match=r"sampling\.vllm\.adapters.*does not take"):
            values = {"sampling": {"vllm": {"adapters": "request"}}}
            plan_engine(build_config(values, source="test"), bench.lm, bench.trainer)
        bench.trainer.reset(seed=1)
        assert [c.text for c in bench.compare()] == before


def test_an_unusual_rank_goes_by_request() -> None:
    lora = {"r": 12, "use_rslora": False, "target_modules": ["q_proj", "v_proj", "down_proj"]}
    sampling = {"vllm": {"adapters": "request"}}
    with running(test_time_training={"lora": lora}, sampling=sampling) as bench:
        assert bench.settings.arguments["max_lora_rank"] == 16
        bench.train("flip(img, 0)")
        first = [c.text for c in bench.compare()]
        # One that is broken is stopped on the way, and the engine goes on with the next.
        bench.train("rotate(img, 1)")
        matrix = bench.trainer._layers.matrices[0]
        kept = matrix.data.clone()
        matrix.data.fill_(float("nan"))
        pid = bench.engine.pid
        with pytest.raises(AdapterError, match="finite"):
            draw(bench.ours, bench.prompts, [GREEDY])
        matrix.data.copy_(kept)
        assert [c.text for c in bench.compare()] != first
        assert bench.engine.pid == pid
