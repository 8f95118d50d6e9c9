"""arc-submit: from a folder of ARC tasks and a language model to a valid, scored submission."""

__version__ = "0.1.0"
