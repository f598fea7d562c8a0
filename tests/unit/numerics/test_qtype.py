from __future__ import annotations

import pytest

from smoothbit.errors import ArgumentError
from smoothbit.numerics.qtype import QTYPES, check_num_bits


@pytest.mark.parametrize(("num_bits", "name", "qmax"), [(1, "u1", 1), (2, "u2", 3), (4, "u4", 15), (8, "u8", 255)])
def test_code_types(num_bits, name, qmax):
    qtype = QTYPES[check_num_bits(num_bits)]
    assert (qtype.name, qtype.num_bits, qtype.qmin, qtype.qmax) == (name, num_bits, 0, qmax)


@pytest.mark.parametrize("num_bits", [0, 3, 16, 32, -1, "2", None])
def test_other_widths(num_bits):
    with pytest.raises(ArgumentError, match=rf"`num_bits` to be one of 1, 2, 4, 8 \(got {num_bits!r}\). Use the next"):
        check_num_bits(num_bits)
