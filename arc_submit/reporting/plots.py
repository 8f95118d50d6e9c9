"""Pictures of figures. Needs the ``report`` extra."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

_SMOOTHING_STEPS = 200


def plot_loss(log: Path, picture: Path) -> None:
    """Draw the loss of a training's ``loss.csv``, smoothed, on a logarithmic scale of loss.

    What a ``validation.csv`` beside it holds is drawn over it, shares on a scale of their own.

    Raises:
        ModuleNotFoundError: without matplotlib.
    """
    from matplotlib.figure import Figure

    trained = _read_columns(log)
    steps, losses = trained["step"], trained["loss"]
    window = min(_SMOOTHING_STEPS, len(losses))
    smooth = np.convolve(losses, np.full(window, 1 / window), mode="valid")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(steps[window - 1 :], smooth, label="trained on")
    validation = log.with_name("validation.csv")
    if validation.exists():
        held_out = _read_columns(validation)
        axes.plot(held_out["step"], held_out["loss"], "o-", label="held out")
        shares = axes.twinx()
        for name in held_out.keys() - {"step", "loss"}:
            shares.plot(held_out["step"], held_out[name], "--", label=name)
        shares.set(ylim=(0, 1), ylabel="share")
        figure.legend(loc="outside upper center", ncols=4)
    axes.set(xlabel="step", ylabel=f"loss per answer token, mean of {window} steps", yscale="log")
    axes.grid(which="both", alpha=0.3)
    figure.savefig(picture, dpi=120)


def _read_columns(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    columns = np.array([list(map(float, row)) for row in rows]).T
    return dict(zip(header, columns, strict=True))
