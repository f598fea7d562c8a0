"""The states a network passes through, for studies of depth."""

from __future__ import annotations

from torch import Tensor, nn

from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.inputs import Inputs
from smoothbit.nn.models import SMPNet


def hidden_states(model: SMPNet, inputs: Inputs, graph: TorchGraph) -> list[Tensor]:
    """Return the state after each propagation step, in evaluation: fake-quantized where the network is quantized.

    Args:
        model: Network; if quantized, one that has seen a batch.
        inputs: Node features [N, F].
        graph: Graph with N nodes.

    Returns:
        h_1 .. h_K, each [N, H] or [N, C] float32, in h, not in u = D^-1/2 h.
    """
    updates: list[Tensor] = []

    def keep(module: nn.Module, arguments: tuple[Tensor], update: Tensor) -> None:
        updates.append(update)

    handles = [stage.register_forward_hook(keep) for stage in model.propagation.updates]
    try:
        model.evaluate(inputs, graph)
    finally:
        for handle in handles:
            handle.remove()
    return [graph.sqrt_degree * state for state in updates[:-1]] + updates[-1:]
