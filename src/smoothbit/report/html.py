"""The page: one HTML file that needs nothing else, no network and no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from smoothbit.errors import MissingExtraError
from smoothbit.report.content import Report, Section
from smoothbit.report.interactive import plotly_script, to_plotly
from smoothbit.report.tables import to_html

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined
except ImportError as error:
    raise MissingExtraError("jinja2", "report") from error


def to_page(report: Report, images: dict[str, bytes]) -> str:
    """Return the page.

    Args:
        report: What to show.
        images: PNG of each chart by slug, for readers without JavaScript.
    """
    environment = Environment(
        loader=PackageLoader("smoothbit.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    encoded = {slug: base64.b64encode(image).decode("ascii") for slug, image in images.items()}
    return environment.get_template("page.html").render(
        report=report,
        plotly_script=plotly_script(),
        to_plotly=to_plotly,
        to_html=to_html,
        images=encoded,
        environment=dict(environment_rows(report.sections)),
        commands=list(dict.fromkeys(command for section in report.sections for command in section.commands)),
    )


def environment_rows(sections: tuple[Section, ...]) -> Iterator[tuple[str, str]]:
    """Yield name and value of everything the sections say about their machine, nested names joined."""
    for section in sections:
        yield from _flat(section.environment, "")


def _flat(record: dict[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in record.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, dict):
            yield from _flat(value, "" if name in ("packages", "versions") else f"{name} ")
        elif isinstance(value, (list, tuple)):
            yield label, ", ".join(map(str, value))
        elif value is not None:
            yield label, str(value)
