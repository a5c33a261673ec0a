"""Finding singing in songs, and training the detector that does."""
