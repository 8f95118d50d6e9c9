"""Stage 2: completions of prompts. One protocol, interchangeable samplers.

The torch sampler is imported where it is used, so that importing this package loads no model code.
"""

from arc_submit.sampling.base import Sampler, expand_draws
from arc_submit.sampling.scripted import ScriptedSampler

__all__ = ["Sampler", "ScriptedSampler", "expand_draws"]
