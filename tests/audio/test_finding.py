"""Names, folders and patterns."""

import numpy as np
import pytest
import soundfile

from earwitness import audio
from earwitness.core.errors import AudioFileError


def test_files_folders_and_patterns(tmp_path):
    sound = tmp_path / "tick.wav"
    soundfile.write(sound, np.zeros(100), 16000)
    (tmp_path / "sub").mkdir()
    other = tmp_path / "sub" / "b.flac"
    soundfile.write(other, np.zeros(100), 16000)
    (tmp_path / "notes.txt").write_text("not sound")
    assert audio.find_files([str(tmp_path)]) == [sound]
    assert audio.find_files([str(tmp_path / "**" / "*.flac")]) == [other]
    assert audio.find_files([str(sound), str(tmp_path)]) == [sound]
    (tmp_path / "[odd].wav").write_bytes(sound.read_bytes())
    assert audio.find_files([str(tmp_path / "[odd].wav")]) == [tmp_path / "[odd].wav"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioFileError, match="no sound files"):
        audio.find_files([str(tmp_path / "empty")])
    with pytest.raises(AudioFileError, match="matches no file"):
        audio.find_files([str(tmp_path / "*.mp3")])
