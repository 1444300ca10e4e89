"""Pages from the templates of this package.

html = render("gallery.html", title="Misses and false alarms", ...)
"""

from pathlib import Path
from typing import Any

import jinja2

from dimjax.atomic_files import write_text
from dimjax.drawing import charts, pictures
from dimjax.report.tables import three_digits
from dimjax.runs.context import RoundContext


def render(template: str, **values: Any) -> str:
    """Render a template of this package; all of them share the styles and their colours."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dimjax", "report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "colours": charts.COLOURS,
        "category_colours": pictures.COLOURS,
        "three_digits": three_digits,
    }
    return environment.get_template(template).render(**values)


def replace_by_note(page: Path) -> None:
    """Replace an earlier page, whose pictures are about to be replaced, by a note.

    If that is interrupted, the page must not show pictures of other entries.
    """
    if page.exists():
        text = "This page was not finished: give the command that writes it again."
        write_text(page, f'<!DOCTYPE html>\n<html lang="en"><title>Unfinished</title><p>{text}\n')


def ratio_name(context: RoundContext) -> str:
    """Return the ratio that orders the misses of a run: "SNR" in simulated data, else "SCR"."""
    return "SNR" if "snr" in context.reference else "SCR"
