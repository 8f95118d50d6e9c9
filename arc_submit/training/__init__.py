"""How a model learns: samples, the answer loss, adapters, base models by recipe."""
