"""Pages from the templates of this package.

html = render("gallery.html", title="Misses and false alarms", ...)
"""

from typing import Any

import jinja2

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


def ratio_name(context: RoundContext) -> str:
    """Return the ratio that orders the misses of a run: "SNR" in simulated data, else "SCR"."""
    return "SNR" if "snr" in context.reference else "SCR"
