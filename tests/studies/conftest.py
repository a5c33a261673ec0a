from tests.sweep.conftest import made, prepared

__all__ = ["made", "prepared"]
