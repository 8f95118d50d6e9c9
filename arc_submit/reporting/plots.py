"""Pictures of figures. Needs the ``report`` extra."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

_SMOOTHING_STEPS = 200


def plot_loss(log: Path, picture: Path) -> None:
    """Draw the loss of a training's ``loss.csv``, smoothed, on a logarithmic scale of loss.

    Raises:
        ModuleNotFoundError: without matplotlib.
    """
    from matplotlib.figure import Figure

    with log.open(newline="") as file:
        rows = np.array([[float(row[0]), float(row[1])] for row in csv.reader(file)])
    steps, losses = rows.T
    window = min(_SMOOTHING_STEPS, len(losses))
    smooth = np.convolve(losses, np.full(window, 1 / window), mode="valid")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(steps[window - 1 :], smooth)
    axes.set(xlabel="step", ylabel=f"loss per answer token, mean of {window} steps", yscale="log")
    axes.grid(which="both", alpha=0.3)
    figure.savefig(picture, dpi=120)
