from tests.studies.pak2025.conftest import made as made
