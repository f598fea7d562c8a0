"""The places of a network where `hidden_states` listens."""

from __future__ import annotations

from torch import Tensor, nn


class StateNote(nn.Module):
    """Pass a state on unchanged; a forward hook sees it (`nn.hidden_states`)."""

    def forward(self, state: Tensor, row_scale: Tensor | None = None) -> Tensor:
        """Return `state` [N, F].

        Args:
            state: State h, or u = D^-1/2 h with `row_scale` D^1/2.
            row_scale: [N, 1] factor that makes it h, or None.
        """
        return state
