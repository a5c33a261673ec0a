"""What every layer stands on: types, errors, validation, files, memory."""
