"""Long runs of many small tasks: resumable, on one machine or on Ray."""
