"""What every layer stands on: types, errors, validation, files, memory."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["allocator", "atomic_files", "errors", "moved", "types", "validation"])
