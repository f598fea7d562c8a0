"""The states a network passes through, for studies of depth."""

from __future__ import annotations

from torch import Tensor, nn

from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.inputs import Inputs
from smoothbit.nn.models import Network
from smoothbit.nn.state_note import StateNote


def hidden_states(model: Network, inputs: Inputs, graph: TorchGraph) -> list[Tensor]:
    """Return the state after each propagation step, or after each layer of an MLP, GCN or GCNII.

    The pass is one of evaluation: fake-quantized states of a quantized network, whose float
    counterparts are those of `model.float_twin()`. The training flag stays as it was.

    Args:
        model: Network; if quantized, one that has seen a batch.
        inputs: Node features [N, F].
        graph: Graph with N nodes.

    Returns:
        h_1, h_2, ..., each [N, H] or [N, C] float32, in h, not in u = D^-1/2 h.
    """
    states: list[Tensor] = []

    def keep(_: nn.Module, arguments: tuple[Tensor, Tensor | None], state: Tensor) -> None:
        scale = arguments[1] if len(arguments) > 1 else None
        states.append(state if scale is None else scale * state)

    handles = [m.register_forward_hook(keep) for m in model.modules() if isinstance(m, StateNote)]
    try:
        model.evaluate(inputs, graph)
    finally:
        for handle in handles:
            handle.remove()
    return states
