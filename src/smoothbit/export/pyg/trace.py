"""Records one call of a network as operations of a plan.

The network runs on an example while every torch function and every known layer is watched: whatever
its Python code does (loops, conditions on `self.training`, arguments left out) is seen as it happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch_geometric.nn.pool import glob

from smoothbit.errors import UnsupportedError
from smoothbit.export.pyg.example import Example
from smoothbit.export.pyg.functions import FUNCTIONS, QUERIES
from smoothbit.export.pyg.fuse import fuse
from smoothbit.export.pyg.modules import MODULES, emit_readout
from smoothbit.formats.schema import Plan
from smoothbit.nn.layers.base import QuantLayer
from smoothbit.nn.plan_builder import GraphInput, PlanBuilder, Value


def trace(model: nn.Module, example: Example) -> tuple[Plan, Tensor]:
    """Run `model` on the example in evaluation mode and return what it did, and its result.

    Args:
        model: Quantized network; its training flag stays as it was.
        example: One call.

    Returns:
        The plan, fused; scores [N, C] or [G, C].

    Raises:
        UnsupportedError: the network does something that the engine does not; the text names it.
    """
    was_training = model.training
    model.eval()
    recorder = _Recorder(example)
    try:
        with torch.no_grad(), recorder.watching(model), recorder:
            result = model(*example.args, **example.kwargs)
    finally:
        model.train(was_training)
    if recorder.error is not None:
        raise recorder.error
    value = recorder.symbols.get(id(result))
    if not isinstance(value, Value):
        raise UnsupportedError(
            f"Expected {type(model).__name__} to return one tensor of scores that its layers computed "
            f"(got {type(result).__name__}). Return the scores alone."
        )
    value = recorder.builder.quantized(value, None)
    return fuse(recorder.builder.ops, value.number), result


class _Recorder(TorchFunctionMode):
    """What each tensor of the running call is in the plan.

    Attributes:
        symbols: `Value` or `GraphInput` by the id of a tensor; `_alive` keeps those tensors, so ids stay theirs.
        error: The first thing that the engine does not have. It is raised when the call is over: an operator
            would turn it into another error.
    """

    def __init__(self, example: Example) -> None:
        super().__init__()
        self.builder = PlanBuilder()
        self.symbols: dict[int, Value | GraphInput] = {}
        self._alive: list[Tensor] = []
        self._depth = 0
        self.error: UnsupportedError | None = None
        for role, tensor in example.roles.items():
            self._bind(tensor, Value(0, tensor.shape[1]) if role == "x" else GraphInput(role))

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a torch function and record it when it is the network's own, not a layer's."""
        kwargs = kwargs or {}
        if self._depth:
            return func(*args, **kwargs)
        symbols = self._symbolic((args, kwargs))
        with self._inside():
            out = func(*args, **kwargs)
        if self.error is None:
            try:
                self._record(func, symbols, out)
            except UnsupportedError as error:
                self.error = error
        return out

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """Let layers and global pooling write themselves into the plan instead of what they compute inside."""
        hooks = []
        names = {id(module): name for name, module in model.named_modules()}
        for module in model.modules():
            emit = _emitter(module)
            if emit is not None:
                hooks.append(module.register_forward_pre_hook(self._enter))
                hooks.append(module.register_forward_hook(self._leave(names[id(module)], emit), with_kwargs=True))
        try:
            with patch.object(glob, "scatter", self._pool):
                yield
        finally:
            for hook in hooks:
                hook.remove()

    def _enter(self, module: nn.Module, args: Any) -> None:
        self._depth += 1

    def _leave(self, name: str, emit: Callable[..., Value]) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
            self._depth -= 1
            if self._depth or self.error is not None:
                return
            args, kwargs = self._symbolic((args, kwargs))
            try:
                self._bind(out, emit(module, self.builder, *args, **kwargs))
            except UnsupportedError as error:
                self.error = UnsupportedError(f"Layer `{name}`: {error}")

        return hook

    def _pool(
        self, src: Tensor, index: Tensor, dim: int = 0, dim_size: int | None = None, reduce: str = "sum"
    ) -> Tensor:
        """Stand in for PyG's `scatter` inside global pooling."""
        with self._inside():
            out: Tensor = _scatter(src, index, dim=dim, dim_size=dim_size, reduce=reduce)
        if not self._depth and self.error is None:
            x, batch = self._symbolic((src, index))
            try:
                self._bind(out, emit_readout(self.builder, x, batch, reduce))
            except UnsupportedError as error:
                self.error = error
        return out

    @contextmanager
    def _inside(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def _record(self, func: Callable[..., Any], symbols: Any, out: Any) -> None:
        args, kwargs = symbols
        seen = [leaf for leaf in pytree.tree_leaves(symbols) if isinstance(leaf, (Value, GraphInput))]
        name = func.__name__
        if not seen or not any(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves(out)):
            return
        if name in QUERIES and len(seen) == 1:
            self._bind(out, seen[0])
            return
        if not any(isinstance(leaf, Value) for leaf in seen):
            return  # arithmetic on the graph alone: it matters only where a layer is given the result
        if name not in FUNCTIONS:
            known = ", ".join(sorted({key.strip("_") for key in FUNCTIONS}))
            raise UnsupportedError(
                f"Expected the network to call functions that the engine has (got `{name}` on node values). "
                f"It has {known}; use one of these or a layer."
            )
        self._bind(out, FUNCTIONS[name](self.builder, *args, **kwargs))

    def _symbolic(self, tree: Any) -> Any:
        return pytree.tree_map(lambda leaf: self.symbols.get(id(leaf), leaf), tree)

    def _bind(self, tensor: Any, symbol: Value | GraphInput) -> None:
        if isinstance(tensor, Tensor):
            self.symbols[id(tensor)] = symbol
            self._alive.append(tensor)


_scatter = glob.scatter


def _emitter(module: nn.Module) -> Callable[..., Value] | None:
    """Return what writes a module into a plan; None for a container, which is looked into."""
    if isinstance(module, QuantLayer):
        return type(module).emit
    return next((MODULES[kind] for kind in type(module).__mro__ if kind in MODULES), None)
