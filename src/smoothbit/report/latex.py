"""Tables as LaTeX, with the rules of the booktabs package."""

from __future__ import annotations

import re

from smoothbit.report.content import Table
from smoothbit.report.tables import is_numeric

SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "±": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$", "µ": r"$\mu$", "\N{MINUS SIGN}": "$-$",
}  # fmt: skip
"""How LaTeX writes the signs that it reads in another way or not at all."""


def to_latex(table: Table) -> str:
    """Return a table environment with caption and label; cells of numbers are right-aligned."""
    columns = "".join("r" if is_numeric(table, column) else "l" for column in range(len(table.columns)))
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_text(table.title)}}}"]
    lines += [rf"\label{{tab:{table.name}}}"] if table.name else []
    lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _line(table.columns), r"\midrule"]
    lines += [_line(row) for row in table.rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _line(cells: tuple[str, ...]) -> str:
    return " & ".join(map(_text, cells)) + r" \\"


def _text(text: str) -> str:
    return re.sub("|".join(map(re.escape, SIGNS)), lambda found: SIGNS[found[0]], text)
