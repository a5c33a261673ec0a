import base64
import io

import pytest
import soundfile
import torch

from earwitness.core.errors import ParameterError
from earwitness.listening import SplitSound
from earwitness.report.sounds import adds_up, common_gain, describe_gain, sound_uri


def heard(original, kept, removed):
    return SplitSound(torch.tensor(original), torch.tensor(kept), torch.tensor(removed), 16000)


def test_the_original_peaks_at_nine_tenths():
    assert common_gain(heard([0.1, -0.3], [0.1], [0.0])) == pytest.approx(3.0)


def test_nothing_clips_where_the_removed_sound_is_louder_than_the_original():
    sounds = heard([0.5], [-1.5], [2.0])
    assert common_gain(sounds) * 2.0 <= 1.0


def test_silence_keeps_its_level():
    assert common_gain(heard([0.0], [0.0], [0.0])) == 1.0
    assert describe_gain(1.0) == ""
    assert "quieter" in describe_gain(0.5)


def test_sound_that_is_not_finite_is_refused():
    with pytest.raises(ParameterError, match="NaN or infinite"):
        common_gain(heard([0.1], [float("nan")], [0.0]))


@pytest.mark.parametrize(("compact", "form"), [(False, "wav"), (True, "flac")])
def test_the_uri_holds_16_bit_sound_with_the_gain(compact, form):
    uri = sound_uri(torch.tensor([0.1, -0.2]), sample_rate_hz=32000, gain=2.0, compact=compact)
    kind, data = uri.split(",")
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert (kind, rate) == (f"data:audio/{form};base64", 32000)
    assert samples.tolist() == pytest.approx([0.2, -0.4], abs=1e-4)


def test_adding_up():
    assert adds_up(heard([0.5, 0.5], [0.5, 0.0], [0.0, 0.5]))
    assert not adds_up(heard([0.5, 0.5], [0.5, 0.0], [0.0, 0.4]))
