from __future__ import annotations

import torch

from smoothbit.quant.observers import MinMaxObserver


def test_first_batch_sets_the_range_and_later_ones_move_it():
    observer = MinMaxObserver(2, momentum=0.5)
    observer.update(torch.tensor([[-2.0, 4.0], [1.0, 3.0]]), is_first=True)
    observer.update(torch.tensor([[0.0, 8.0], [-4.0, 1.0]]), is_first=False)
    assert observer.lo.tolist() == [-1.0, -2.0]
    assert observer.hi.tolist() == [6.0, 2.0]


def test_range_always_holds_zero():
    observer = MinMaxObserver()
    observer.update(torch.tensor([[2.0, 4.0]]), is_first=True)
    assert (observer.lo.item(), observer.hi.item()) == (0.0, 4.0)


def test_repr_shows_the_momentum():
    assert repr(MinMaxObserver(momentum=0.3)) == "MinMaxObserver(momentum=0.3)"


def test_margin_widens_what_is_seen_and_what_is_set():
    observer = MinMaxObserver(margin=0.25)
    observer.update(torch.tensor([[-2.0, 4.0]]), is_first=True)
    assert (observer.lo.item(), observer.hi.item()) == (-2.5, 5.0)
    observer.set_range(torch.tensor([-4.0]), torch.tensor([8.0]))
    assert (observer.lo.item(), observer.hi.item()) == (-5.0, 10.0)
