from tests.sweep.conftest import made as made
