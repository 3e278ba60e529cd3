# SPDX-License-Identifier: Apache-2.0
"""What all pictures share: their templates, their style sheets and scripts, and hashes of these."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from mcuforge.templates import templates

TEMPLATES = Path(__file__).resolve().parent / "templates"


def documents() -> Environment:
    """Open the templates of pictures: values are escaped, coordinates rounded."""
    env = templates(TEMPLATES, html=True)
    env.finalize = pixels
    return env


def asset(name: str) -> Markup:
    """A style sheet or script of ours, to put into the document unescaped."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def content_hash(text: str) -> str:
    """The SHA-256 by which a content security policy admits a style or script."""
    return b64encode(sha256(text.encode()).digest()).decode()


def pixels(value: object) -> object:
    """Round coordinates to a tenth of a pixel: '12', '12.5'."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value
