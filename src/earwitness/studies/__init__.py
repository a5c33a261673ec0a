"""Published systems as studies: each a plan, tables and figures."""

from earwitness.studies import pak2025

__all__ = ["pak2025"]
