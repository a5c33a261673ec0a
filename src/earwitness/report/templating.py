"""Templates: the one Jinja environment, scripts and styles that are part of the page they serve."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import Any

import jinja2

OURS = "earwitness.report"


def render(
    template: str, /, *, package: str = OURS, script: str | None = None, style: str | None = None, **content: Any
) -> str:
    """Fill a template; every text in ``content`` is shown literally, and a browser runs no script but ours.

    Args:
        template: name of a file in the package's templates folder.
        package: whose templates, scripts and styles these are.
        script: name of the page's script; the page gets its text as ``script`` and, for the content policy by which a
            browser refuses any other, its hash as ``script_hash``.
        style: name of the page's style sheet; the page gets its text as ``style``.
        content: what the template names.
    """
    if script is not None:
        code = template_text(script, package)
        content |= {"script": code, "script_hash": content_hash(code)}
    if style is not None:
        content["style"] = template_text(style, package)
    return _environment(package).get_template(template).render(content)


def template_text(name: str, package: str = OURS) -> str:
    """Return a file of a package's templates folder."""
    return (files(package) / "templates" / name).read_text(encoding="utf-8")


def content_hash(script: str) -> str:
    """Return the hash by which a browser's content policy knows a script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


@lru_cache(maxsize=8)
def _environment(package: str) -> jinja2.Environment:
    loader = jinja2.FunctionLoader(lambda name: template_text(name, package))
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)
