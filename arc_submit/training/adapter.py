"""An adapter at work: how its layers compute, in training and in sampling.

peft puts the adapter into the model and could do all of it. Plain LoRA on plain linear layers is
computed here instead, with few operations in each layer; the matrices stay those of peft.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from peft.tuners import lora
from torch import Tensor, nn

_ADAPTER = "default"
"""What peft calls an adapter without a name."""


class PeftLayers:
    """The layers as peft computes them."""

    def __init__(self, peft: Any) -> None:
        self._tuner = peft.base_model
        self.matrices: list[nn.Parameter] = [p for p in peft.parameters() if p.requires_grad]
        """What the adapter consists of."""
        self.parameters = self.matrices
        """What an optimizer moves."""

    def switch_off(self) -> None:
        """From here on the model computes as without the adapter."""
        self._tuner.disable_adapter_layers()

    def begin_step(self) -> None:
        """From here on it computes with the adapter as it is, ready for one backward pass."""
        self._tuner.enable_adapter_layers()

    def settle(self) -> None:
        """From here on it computes with the adapter as it is, for sampling."""
        self._tuner.enable_adapter_layers()


class StackedLayers(PeftLayers):
    """LoRA layers, those of one shape side by side; peft's parameters are views of the stacks."""

    def __init__(self, peft: Any, layers: Sequence[Any], dtype: torch.dtype) -> None:
        super().__init__(peft)
        by_shape: dict[torch.Size, list[Any]] = defaultdict(list)
        for layer in layers:
            by_shape[layer.base_layer.weight.shape].append(layer)
        self._stacks = [_Stack(some, dtype) for some in by_shape.values()]
        self.parameters = [p for stack in self._stacks for p in (stack.a, stack.b)]

    def switch_off(self) -> None:
        for stack in self._stacks:
            stack.switch_off()

    def begin_step(self) -> None:
        for stack in self._stacks:
            stack.begin_step()

    def settle(self) -> None:
        for stack in self._stacks:
            stack.settle()


def build_layers(peft: Any, dtype: torch.dtype) -> PeftLayers:
    """Return the layers of an adapter, the quick ones where they are enough.

    Args:
        dtype: what matrices are multiplied in while training.
    """
    layers = [module for module in peft.modules() if isinstance(module, lora.LoraLayer)]
    is_plain = all(type(m) is lora.Linear and type(m.base_layer) is nn.Linear for m in layers)
    if is_plain and not peft.peft_config[_ADAPTER].use_dora:
        return StackedLayers(peft, layers, dtype)
    return PeftLayers(peft)


class _Stack:
    """K layers of one shape.

    Where the model's weights have to be cast for the products anyway, a step casts them with the
    adapter merged in, as mixed precision does with weights that are trained themselves.
    """

    def __init__(self, layers: Sequence[Any], dtype: torch.dtype) -> None:
        self._layers, self._dtype = layers, dtype
        self._scale = float(layers[0].scaling[_ADAPTER])
        self.a = _stack([layer.lora_A[_ADAPTER].weight for layer in layers])
        """(K, r, n_in)."""
        self.b = _stack([layer.lora_B[_ADAPTER].weight for layer in layers])
        """(K, n_out, r)."""
        weights = [layer.base_layer.weight for layer in layers]
        is_cast = weights[0].dtype != dtype
        self._weights = torch.stack(weights).to(dtype) if is_cast else None

    def switch_off(self) -> None:
        for layer in self._layers:
            layer.forward = layer.base_layer.forward

    def begin_step(self) -> None:
        a, b = (self.a * self._scale).to(self._dtype), self.b.to(self._dtype)
        if self._weights is None:
            self._add(a, b)
        else:
            merged = torch.baddbmm(self._weights, b.detach(), a.detach())
            for layer, *matrices in zip(self._layers, merged, a, b, strict=True):
                layer.forward = partial(_merged, layer.base_layer.bias, *matrices)

    @torch.no_grad()
    def settle(self) -> None:
        dtype = self._layers[0].base_layer.weight.dtype
        self._add((self.a * self._scale).to(dtype), self.b.to(dtype))

    def _add(self, a: Tensor, b: Tensor) -> None:
        for layer, *matrices in zip(self._layers, a, b, strict=True):
            layer.forward = partial(_low_rank, layer.base_layer, *matrices)


def _low_rank(base: nn.Linear, a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    rows = x.reshape(-1, x.shape[-1])
    y = nn.functional.linear(rows, base.weight, base.bias).addmm_(rows @ a.T, b.T)
    return y.view(*x.shape[:-1], y.shape[-1])


def _merged(bias: Tensor | None, weight: Tensor, a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    rows = x.reshape(-1, x.shape[-1]).to(weight.dtype)
    y: Tensor = _MergedLinear.apply(rows, weight, a, b)  # type: ignore[no-untyped-call]
    y = y if bias is None else y + bias.to(y.dtype)
    return y.view(*x.shape[:-1], y.shape[-1])


class _MergedLinear(torch.autograd.Function):
    """A product with W + B A whose gradients go to A and B, not by way of the one of W."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weight, a, b)
        return rows @ weight.T

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, a, b = ctx.saved_tensors
        dx = dy @ weight if ctx.needs_input_grad[0] else None
        return dx, None, (dy @ b).T @ rows, dy.T @ (rows @ a.T)


def _stack(matrices: Sequence[nn.Parameter]) -> nn.Parameter:
    """Move matrices into one trainable tensor and leave views of it in their place."""
    stack = nn.Parameter(torch.stack([matrix.detach() for matrix in matrices]))
    for matrix, part in zip(matrices, stack.detach(), strict=True):
        matrix.data = part
        matrix.requires_grad_(False)
    return stack
