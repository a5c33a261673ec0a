"""Published systems as studies: each a plan, tables and figures."""

from earwitness.studies import mishra2020, pak2025, relax2023

__all__ = ["mishra2020", "pak2025", "relax2023"]
