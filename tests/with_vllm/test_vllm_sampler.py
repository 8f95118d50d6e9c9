"""The vLLM sampler against the transformers sampler, and its promises about seeds and time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from benches import Bench, draw, needs_vllm, running

from arc_submit.clock import Deadline, MonotonicClock
from arc_submit.types import SamplingParams

pytestmark = needs_vllm
WARM = SamplingParams(6, 0.9, top_p=0.95, max_new_tokens=40)


@pytest.fixture(scope="module", params=["merge", "request"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with running(sampling={"vllm": {"adapters": request.param}}) as bench:
        yield bench


def test_greedy_agrees_token_by_token_through_adapters_and_back(bench: Bench) -> None:
    before = [c.text for c in bench.compare()]
    pid = bench.engine.pid
    bench.train("flip(img, 0)")
    first = [c.text for c in bench.compare()]
    bench.train("rotate(img, 1)")
    second = [c.text for c in bench.compare()]
    assert before != first != second
    with bench.trainer.switched_off():
        assert [c.text for c in bench.compare()] == before
    assert [c.text for c in bench.compare()] == second
    bench.trainer.reset(seed=1)
    assert [c.text for c in bench.compare()] == before
    assert bench.engine.pid == pid, "no adapter takes a new engine"


def test_same_seed_same_text_other_seed_other_text(bench: Bench) -> None:
    first, again, other = (draw(bench.ours, bench.prompts, [WARM], seed=s) for s in (1, 1, 2))
    assert [c.text for c in first] == [c.text for c in again]
    assert [c.text for c in first] != [c.text for c in other]
    assert len({c.text for c in first}) > len(first) / 2
    assert len({c.seed for c in first}) == len(first)


def test_what_is_drawn_beside_a_completion_does_not_change_it(bench: Bench) -> None:
    many = draw(bench.ours, bench.prompts, [WARM], seed=3)
    alone = draw(bench.ours, bench.prompts[:1], [WARM], seed=3)
    assert [c.text for c in alone] == [c.text for c in many[: len(alone)]]


def test_at_the_deadline_what_is_finished_is_returned(bench: Bench) -> None:
    few, many = (SamplingParams(n, 1.0, top_p=1.0, max_new_tokens=160) for n in (100, 3000))
    clock = MonotonicClock()
    started = clock.now()
    assert len(draw(bench.ours, bench.prompts, [few])) == 3 * 100
    deadline = Deadline.after(3 * (clock.now() - started), clock)  # a tenth of what many take
    finished = draw(bench.ours, bench.prompts, [many], deadline=deadline)
    assert 0 < len(finished) < 3 * 3000
    assert len(bench.compare()) == 3, "the engine is at once ready for more"


def test_past_the_deadline_nothing_is_started(bench: Bench) -> None:
    deadline = Deadline.after(-1, MonotonicClock())
    assert draw(bench.ours, bench.prompts, [WARM], deadline=deadline) == []


def test_a_prompt_without_room_for_an_answer_gets_none(bench: Bench) -> None:
    long = type(bench.prompts[0])(bench.prompts[0].view, "0" * bench.lm.max_context)
    written = draw(bench.ours, [long, *bench.prompts], [WARM])
    assert len(written) == 3 * WARM.count and long not in {c.prompt for c in written}


def test_distributions_agree(tiny_model: Path) -> None:
    """A two-sample chi-square test on the first token, cooled down to some dozen."""
    params = SamplingParams(3000, 0.4, top_p=0.9, max_new_tokens=1)
    with running(model={"path": str(tiny_model)}, sampling={"max_new_tokens": 8}) as bench:
        prompts = bench.prompts[:1]
        ours = Counter(c.text for c in draw(bench.ours, prompts, [params], seed=1))
        theirs = Counter(c.text for c in draw(bench.theirs, prompts, [params], seed=2))
    common = [text for text in ours | theirs if ours[text] + theirs[text] >= 20]
    cells = [(ours[text], theirs[text]) for text in common]
    rest = (3000 - sum(a for a, _ in cells), 3000 - sum(b for _, b in cells))
    cells += [rest] if sum(rest) else []
    statistic = sum((a - b) ** 2 / (a + b) for a, b in cells)
    assert len(cells) > 5
    assert _deviations(statistic, len(cells) - 1) < 4


def _deviations(statistic: float, freedom: int) -> float:
    """How far above its mean a chi-square value lies (Wilson and Hilferty's approximation)."""
    spread = 2 / (9 * freedom)
    root = math.pow(statistic / freedom, 1 / 3)
    return (root - (1 - spread)) / math.sqrt(spread)
