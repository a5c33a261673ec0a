"""How the reference shows docstrings: examples as code, "Source" and "Differs" in bold."""

import re

import griffe

EXAMPLE = re.compile(r"^>>> .*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
LABEL = re.compile(r"(^|(?<=[.)] )|(?<=\n))(Source|Differs|Raises):(?= \S)")


class ReadableDocstrings(griffe.Extension):
    """Prepare each docstring before it is parsed."""

    def on_object(self, *, obj, **kwargs):
        """Rewrite the docstring of a module, class or function."""
        if obj.docstring is not None:
            obj.docstring.value = readable(obj.docstring.value)


def readable(text):
    """Return Markdown of a docstring."""
    return LABEL.sub(r"\1**\2:**", EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", text))
