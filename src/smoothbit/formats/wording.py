"""The one sentence every format error is made of; hostile values are cut short."""

from __future__ import annotations

MAX_SHOWN = 80
REWRITE = "Write the file again with smoothbit"
UPDATE = "Update smoothbit to read this file"


def expected(field: str, rule: str, got: object, remedy: str = REWRITE) -> str:
    """Return the sentence: Expected `<field>` to be <rule> (got <value>). <remedy>.

    Args:
        field: Path of the field, e.g. "plan.ops[2].num_steps"; made by us, never by the file.
        rule: What the field must be.
        got: Offending value; its repr is cut to 80 characters, since a file may hold megabytes.
        remedy: What the reader of the message can do, without the final full stop.
    """
    shown = repr(got)
    if len(shown) > MAX_SHOWN:
        shown = shown[: MAX_SHOWN - 3] + "..."
    return f"Expected `{field}` to be {rule} (got {shown}). {remedy}."
