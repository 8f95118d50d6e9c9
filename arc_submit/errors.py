"""The exception tree: one class per boundary at which a user can put things right.

ArcSubmitError
├── DataError        a challenges, solutions or task file
├── ConfigError      submission_config.json or a command-line override
├── ModelError       a model folder, its tokenizer or its prompt settings
├── SubmissionError  a submission.json that Kaggle would refuse
├── RunError         a run folder, its journal or its workers
└── KaggleError      a wheelhouse or kernel folder, and what Kaggle refuses

Every message names the file, the place in it and the remedy, in one line. A failure
inside one task is not an exception: it is a value in :mod:`arc_submit.types`.
"""


class ArcSubmitError(Exception):
    """Base of all errors that the command line reports in one line, without a traceback."""


class DataError(ArcSubmitError, ValueError):
    """A data file that is missing, unreadable or not in ARC's format."""


class ConfigError(ArcSubmitError, ValueError):
    """A configuration with an unknown key, a wrong type or an impossible combination."""


class ModelError(ArcSubmitError):
    """A model folder that cannot be loaded or does not fit its prompt settings."""


class SubmissionError(ArcSubmitError, ValueError):
    """A submission that breaks the format."""


class RunError(ArcSubmitError, RuntimeError):
    """A run that cannot start or go on."""


class KaggleError(ArcSubmitError):
    """A wheelhouse or kernel that cannot be built or pushed, or that Kaggle refused."""


_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "STATUS_ALLOC_FAILED")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that a device has no memory left.

    torch must not be imported for this; its kinds are told by name and text.
    """
    is_torch = type(error).__name__ == "OutOfMemoryError"
    is_torch |= isinstance(error, RuntimeError) and any(t in str(error) for t in _OUT_OF_MEMORY)
    return isinstance(error, MemoryError) or is_torch
