"""Random seeds that do not depend on the process, the worker or PYTHONHASHSEED."""

from __future__ import annotations

import hashlib


def derive_seed(*parts: int | str) -> int:
    """Return a 63-bit seed from the sha256 of the parts, such as (run_seed, task_id, round)."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    # A task id read from JSON may hold half of a surrogate pair.
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1
