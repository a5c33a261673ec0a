"""The published systems, and our own measurements, each run whole from one command."""

import lazy_loader

# lazy: a study brings pandas and a runner along, which nobody needs who asks for another one
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["domains", "mishra2020", "pak2025", "relax2023", "scenes"])
