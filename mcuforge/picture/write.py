# SPDX-License-Identifier: Apache-2.0
"""Writes a PlanPicture as one self-contained file: SVG for documents, or a page to explore."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from jinja2 import Template
from markupsafe import Markup

from mcuforge.picture.head import HEAD, draw_head, figures_of, legend_of, title_of
from mcuforge.picture.layout import layout
from mcuforge.picture.record import PlanPicture
from mcuforge.picture.table import BUFFER_COLUMNS, buffer_rows, facts_of
from mcuforge.templates import templates

TEMPLATES = Path(__file__).resolve().parent / "templates"


def svg(picture: PlanPicture) -> str:
    """The picture as an SVG document without scripts; hovering shows a buffer's facts.

    The text depends only on the picture: it has no dates or paths, and loads no fonts or files.
    """
    drawing = layout(picture)
    texts, legend = draw_head(picture, drawing.left)
    return _template("plan.svg.j2").render(
        drawing=drawing,
        texts=texts,
        legend=legend,
        head_height=HEAD,
        width=drawing.width,
        height=drawing.height + HEAD,
        title=title_of(picture),
        about="; ".join(figures_of(picture)),
        style=_asset("picture.css"),
    )


def html(picture: PlanPicture) -> str:
    """The picture as a page with zoom, a filter by name and a sortable table; mouse or keyboard.

    Its content security policy allows its own script only, and no requests.
    """
    drawing = layout(picture)
    style, script = _asset("picture.css") + _asset("page.css"), _asset("page.js")
    return _template("plan.html.j2").render(
        drawing=drawing,
        plot_width=drawing.width - drawing.left,
        title=title_of(picture),
        facts=facts_of(picture),
        legend=legend_of(picture),
        buffers=buffer_rows(picture),
        buffer_columns=BUFFER_COLUMNS,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _template(name: str) -> Template:
    env = templates(TEMPLATES, html=True)
    env.finalize = _pixels
    return env.get_template(name)


def _pixels(value: object) -> object:
    """Round coordinates to a tenth of a pixel: '12', '12.5'."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def _asset(name: str) -> Markup:
    """A style sheet or script of ours, to put into the document unescaped."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()
