"""Text of strangers on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text from a file with control characters spelled out, so that no terminal obeys them."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
