from __future__ import annotations

from smoothbit.formats.wording import expected


def test_sentence_follows_the_template():
    assert expected("plan.scores", "in [1, 4]", 9, "Use 4") == (
        "Expected `plan.scores` to be in [1, 4] (got 9). Use 4."
    )


def test_hostile_value_is_cut_short():
    message = expected("x", "short", "a" * 10_000)
    assert len(message) < 200
    assert "aaa..." in message
