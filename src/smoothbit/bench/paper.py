"""What the paper reports, to stand beside what we measure."""

from __future__ import annotations

PAPER = "Wang, Eravci, Guliyev, Ferhatosmanoglu, CIKM 2023"
SPEEDUPS = {2: 5.11, 4: 4.70}
"""Time of full precision over that of each width, as `PAPER` reports it. Its machine
and its baseline are others, and its public code holds no integer kernel: the numbers stand beside ours for
orientation and are no measurement of this run."""
NOTE = (
    f"Paper: the speed-up over full precision that {PAPER} report, on their machine against their FP32; "
    "not measured here."
)
