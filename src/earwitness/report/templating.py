"""Templates become text: one environment for the pages of reports, of studies and of the app."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache, partial
from importlib.resources import files

import jinja2

OURS = "earwitness.report"


def render_page(template: str, script: str, *, style: str, package: str = OURS, **content: object) -> str:
    """Return a whole page, whose content policy lets only our script run.

    Args:
        template: name of a template; it gets ``script``, ``script_hash`` and ``style`` besides the content.
        script: name of a script.
        style: name of a style sheet.
        package: the package whose folder ``templates`` holds these three.
        content: every text in it is shown literally.
    """
    code = template_text(script, package=package)
    return render_fragment(template, package=package, script=code, script_hash=content_hash(code),
                           style=template_text(style, package=package), **content)


def render_fragment(template: str, /, *, package: str = OURS, **content: object) -> str:
    """Return a part of a page; every text in ``content`` is shown literally."""
    return environment(package).get_template(template).render(content)


@lru_cache
def environment(package: str = OURS) -> jinja2.Environment:
    """Return what renders the templates of a package; every text is shown literally, an unknown name is an error."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(partial(template_text, package=package)), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def template_text(name: str, *, package: str = OURS) -> str:
    """Return a file of a package's templates folder."""
    return (files(package) / "templates" / name).read_text(encoding="utf-8")


def content_hash(script: str) -> str:
    """Return the hash by which a browser's content policy knows our script and refuses any other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
