"""The app in the browser: steps that need no browser, what they look like, and the server."""

from earwitness.app.limits import Limits

__all__ = ["Limits"]
