"""What every converted layer has, and the registry that says which layer of PyG or torch it stands for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor, nn

from smoothbit.errors import ArgumentError, UnsupportedError
from smoothbit.nn.layers.exact import run_as_planned
from smoothbit.nn.plan_builder import GraphInput, PlanBuilder, Value
from smoothbit.quant import FloatStage, MinMax, QuantConfig, Quantizer

LAYERS: dict[type[nn.Module], type[QuantModule]] = {}
"""Quantized form of each known layer; `nn.conversion` looks a module up by its very class."""

MARGIN = 2.0**-12
"""Share by which ranges of activations are widened; 1,000 roundings of float32, and nothing for the accuracy."""

Layer = TypeVar("Layer", bound="type[QuantModule]")


def register(float_class: type[nn.Module]) -> Callable[[Layer], Layer]:
    """Return a decorator that stores a quantized layer under the class it stands for."""

    def add(layer: Layer) -> Layer:
        LAYERS[float_class] = layer
        return layer

    return add


class QuantModule(nn.Module, ABC):
    """A layer in quantized form, called as the layer it replaces.

    A subclass derives from this class and from the one that it stands for. An instance is that layer itself, its
    class exchanged by `convert`: parameters, names, hooks and references to it live on.

    Attributes:
        is_bypassed: Whether the layer computes in float32, as the layer it replaces (`quant.bypass`).
    """

    is_bypassed = False

    if TYPE_CHECKING:  # options of the layers of PyG, which has no type information

        def __getattr__(self, name: str) -> Any: ...

    @classmethod
    def check(cls, layer: Any, label: str) -> None:
        """Raise UnsupportedError where `layer` has an option that this class does not know; `label` names it."""
        return None

    @classmethod
    def parts(cls) -> tuple[str, ...]:
        """Return the attributes that are networks converted for themselves; most layers have none."""
        return ()

    @abstractmethod
    def attach(self, quant: QuantConfig) -> None:
        """Add the quantizers to a layer that has just become one of this class."""

    def stage_bits(self) -> dict[str, int]:
        """Return the width of each stage; 32 is float32."""
        inner = {id(module) for part in self.parts() for module in getattr(self, part).modules()}
        quantizers = [m for m in self.modules() if isinstance(m, (Quantizer, FloatStage)) and id(m) not in inner]
        return {q.stage: q.num_bits for q in quantizers if q.stage}

    def __repr__(self) -> str:
        # The text of nn.Module would list the quantizers; PyG's is one line, unless there is a network inside.
        text = super().__repr__()
        text = f"{type(self).__name__}({self.extra_repr()})" if "\n" in text and not self.parts() else text
        widths = ", ".join(f"{stage} {bits}" for stage, bits in self.stage_bits().items())
        return f"{text} [{widths}]"


class QuantLayer(QuantModule):
    """A layer that writes itself into a plan; other modules are containers of such layers.

    In evaluation without gradients it runs what it writes (`nn.layers.exact`), so its codes are those of the
    engine; otherwise `forward` computes them in fake-quantized float32.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "forward" in cls.__dict__:
            cls.forward = run_as_planned(cls.forward)

    @abstractmethod
    def emit(self, builder: PlanBuilder, *args: Any, **kwargs: Any) -> Value:
        """Append the operations of one call and return the value of its result.

        Args:
            builder: Plan so far.
            *args: Those of `forward`, a `Value` in place of each tensor of nodes and a `GraphInput` in place
                of each tensor that describes the graph.
            **kwargs: Likewise.

        Raises:
            UnsupportedError: the engine cannot do what this call asks for.
        """


def convert(layer: nn.Module, quant: QuantConfig) -> QuantModule:
    """Turn `layer` in place into its quantized form and return it."""
    device = next((tensor.device for tensor in layer.parameters()), None)
    layer.__class__ = LAYERS[type(layer)]
    assert isinstance(layer, QuantModule)
    layer.attach(quant)
    for module in layer.modules():
        if isinstance(module, Quantizer) and not module.is_weight:
            _avoid_ties(module)
    layer.train(layer.training)
    return layer if device is None else layer.to(device)


def _avoid_ties(quantizer: Quantizer) -> None:
    """Keep sums of codes off the points halfway between two levels, where the order of additions would decide.

    Such a sum is often exactly 0, which is halfway on a grid of half steps; see `MinMaxObserver` for other multiples.
    """
    quantizer.has_half_grid = False
    if isinstance(quantizer, MinMax):
        quantizer.observer.margin = MARGIN


def check_features(layer: nn.Module, x: Any) -> Tensor:
    """Return `x`.

    Raises:
        ArgumentError: it is not a floating-point tensor [N, F].
    """
    if not isinstance(x, Tensor) or not x.is_floating_point() or x.dim() != 2:
        got = f"{x.dtype} {list(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ArgumentError(
            f"Expected `x` of {type(layer).__name__} to be floating point [N, F] (got {got}). "
            "Pass `x.float()`, one row for each node."
        )
    return x


def check_value(layer: nn.Module, name: str, value: Any) -> Value:
    """Return `value`, an argument of `emit`.

    Raises:
        UnsupportedError: it is not one tensor of nodes.
    """
    if not isinstance(value, Value):
        raise UnsupportedError(
            f"Expected `{name}` of {type(layer).__name__} to be one tensor of nodes (got {type(value).__name__}). "
            "The engine runs whole graphs: pass the features of all nodes."
        )
    return value


def check_graph(layer: nn.Module, role: str, value: Any) -> None:
    """Raise UnsupportedError where `value`, an argument of `emit`, is not the graph's own tensor `role`."""
    if not isinstance(value, GraphInput) or value.role != role:
        raise UnsupportedError(
            f"Expected `{role}` of {type(layer).__name__} to be that of the graph, as the network received it "
            f"(got {value!r}). Move changes of the graph in front of the network."
        )


def check_absent(layer: nn.Module, **arguments: Any) -> None:
    """Raise UnsupportedError where one of `arguments` is given."""
    for name, value in arguments.items():
        if value is not None:
            raise UnsupportedError(
                f"Expected `{name}` of {type(layer).__name__} to be None (got {type(value).__name__}). "
                "Leave it out, or keep the layer in float32 with `allow_float`."
            )


def check_option(is_met: bool, label: str, option: str, rule: str, value: object, remedy: str = "") -> None:
    """Raise UnsupportedError unless `is_met`: `option` of the layer `label` breaks `rule`."""
    if not is_met:
        raise UnsupportedError(
            f"Expected `{option}` of {label} to be {rule} (got {value!r}). "
            f"{remedy or 'Change it, or name the layer in `allow_float`.'}"
        )
