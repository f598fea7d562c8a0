from __future__ import annotations

import pytest

from smoothbit.report import wording


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (wording.percent(0.8123), "81.2 %"),
        (wording.percent(0.8123, 0.01), "81.2 ± 1.0 %"),
        (wording.milliseconds(12.345), "12.3 ms"),
        (wording.milliseconds(1234.5), "1,234 ms"),
        (wording.milliseconds(0.0123), "12.3 µs"),
        (wording.quartiles(1.0, 2.0), "1.00 ms to 2.00 ms"),
        (wording.size(0), "0 B"),
        (wording.size(999), "999 B"),
        (wording.size(25_900), "25.9 kB"),
        (wording.size(3.2e9), "3.20 GB"),
        (wording.ratio(14.4), f"14.4{wording.TIMES}"),
        (wording.speed(3.0), f"3.00{wording.TIMES} faster"),
        (wording.speed(0.5), f"2.00{wording.TIMES} slower"),
        (wording.count(169343.0), "169,343"),
        (wording.plain(0.01), "0.01"),
        (wording.plain(True), "True"),
        (wording.plain(12000), "12,000"),
        (wording.plain("x"), "x"),
    ],
)
def test_numbers_as_text(text, wanted):
    assert text == wanted


@pytest.mark.parametrize("write", [wording.percent, wording.milliseconds, wording.size, wording.ratio, wording.speed])
def test_missing_numbers(write):
    assert write(None) == wording.MISSING


def test_missing_others():
    assert wording.quartiles(None, 1.0) == wording.count(None) == wording.plain(None) == wording.MISSING


@pytest.mark.parametrize("value", [None, "1", True, float("nan"), float("inf")])
def test_number_refuses_what_is_none(value):
    assert wording.number({"x": value}, "x") is None


def test_number_takes_integers():
    assert wording.number({"x": 3}, "x") == 3.0
