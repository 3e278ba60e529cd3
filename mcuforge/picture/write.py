# SPDX-License-Identifier: Apache-2.0
"""Writes a PlanPicture as one self-contained file: SVG for documents, or a page to explore."""

from mcuforge.picture.document import asset, content_hash, documents
from mcuforge.picture.head import HEAD, draw_head, figures_of, legend_of, title_of
from mcuforge.picture.layout import layout
from mcuforge.picture.record import PlanPicture
from mcuforge.picture.table import BUFFER_COLUMNS, buffer_rows, facts_of


def svg(picture: PlanPicture) -> str:
    """The picture as an SVG document without scripts; hovering shows a buffer's facts.

    The text depends only on the picture: it has no dates or paths, and loads no fonts or files.
    """
    drawing = layout(picture)
    texts, legend = draw_head(picture, drawing.left)
    template = documents().get_template("plan.svg.j2")
    return template.render(
        drawing=drawing,
        texts=texts,
        legend=legend,
        head_height=HEAD,
        width=drawing.width,
        height=drawing.height + HEAD,
        title=title_of(picture),
        about="; ".join(figures_of(picture)),
        style=asset("picture.css"),
    )


def html(picture: PlanPicture) -> str:
    """The picture as a page with zoom, a filter by name and a sortable table; mouse or keyboard.

    Its content security policy allows its own script only, and no requests.
    """
    drawing = layout(picture)
    style, script = asset("picture.css") + asset("page.css"), asset("page.js")
    template = documents().get_template("plan.html.j2")
    return template.render(
        drawing=drawing,
        plot_width=drawing.width - drawing.left,
        title=title_of(picture),
        facts=facts_of(picture),
        legend=legend_of(picture),
        buffers=buffer_rows(picture),
        buffer_columns=BUFFER_COLUMNS,
        style=style,
        script=script,
        style_hash=content_hash(style),
        script_hash=content_hash(script),
    )
