import math

import numpy as np
import pytest
import torch

from earwitness.core.errors import ParameterError
from earwitness.report.axes import clock, frequency_axis, tick_centres, time_axis
from tests.report.made_reports import MEL, STFT


def mel(frequency_hz):
    return 2595 * math.log10(1 + frequency_hz / 700)


def test_mel_ticks_are_round_and_sit_where_the_mel_formula_puts_them():
    axis = frequency_axis(tick_centres(MEL.frequencies_hz), 64)
    assert axis.unit == "Hz"
    assert [t.label for t in axis.ticks] == ["200", "500", "1k", "2k", "5k"]
    step = (mel(8000) - mel(50)) / 65
    for tick in axis.ticks:  # row k is centred at mel(50) + (k + 1)·step and covers [k, k + 1] of 64
        row = (mel(tick.value) - mel(50)) / step - 1
        assert tick.position == pytest.approx((row + 0.5) / 64, abs=0.1 / 64)


def test_stft_ticks_are_linear_in_khz_and_sit_on_their_bins():
    axis = frequency_axis(tick_centres(STFT.frequencies_hz), 257)
    assert axis.unit == "kHz"
    assert [t.label for t in axis.ticks] == ["0", "1", "2", "3", "4", "5", "6", "7", "8"]
    for tick in axis.ticks:  # 31.25 Hz per bin
        assert tick.position == pytest.approx((tick.value / 31.25 + 0.5) / 257)


@pytest.mark.parametrize("f_max_hz", [4000, 14000, 16000])
def test_mel_ticks_never_touch(f_max_hz):
    centres = np.geomspace(60, f_max_hz, 64)
    places = [t.position for t in frequency_axis(list(centres), 64).ticks]
    assert min(np.diff(places)) >= 0.05
    assert 0 <= min(places) < max(places) <= 1


def test_time_ticks_carry_the_start_of_the_stretch_in_their_labels_only():
    times_s = tick_centres(MEL.times_s(501))
    here, later = time_axis(times_s, 501), time_axis(times_s, 501, start_s=30)
    assert [t.label for t in here.ticks] == ["0", "0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5", "5"]
    assert [t.label for t in later.ticks][:3] == ["30", "30.5", "31"]
    assert [t.position for t in here.ticks] == pytest.approx([t.position for t in later.ticks])
    assert here.ticks[2].position == pytest.approx((100 + 0.5) / 501)  # 1 s is the centre of column 100
    assert (here.low, here.high) == pytest.approx((-0.005, 5.005))


def test_long_times_are_written_as_minutes():
    axis = time_axis([0.0, 1.0, 2.0, 3.0, 4.0], 5, start_s=125)
    assert axis.unit == "min:s"
    assert [t.label for t in axis.ticks][:2] == ["2:05.0", "2:05.5"]
    assert clock(3725.5) == "1:02:05.5"
    assert clock(119.96) == "2:00.0"


@pytest.mark.parametrize(("duration_s", "labels"), [
    (150.0, ["0:00", "0:20", "0:40"]), (3600.0, ["0:00", "10:00", "20:00"]), (36000.0, ["0:00", "1:00:00", "2:00:00"]),
])
def test_long_axes_step_in_minutes_and_hours(duration_s, labels):
    ticks = time_axis(None, 10, duration_s=duration_s).ticks
    assert [t.label for t in ticks][:3] == labels
    assert len(ticks) <= 11


def test_missing_axes_count_rows_and_spread_columns():
    assert frequency_axis(None, 10).unit == "band"
    assert time_axis(None, 10, duration_s=2.0).high == 2.0
    assert tick_centres(None) is None


@pytest.mark.parametrize("n_bins", [1, 2])
def test_a_picture_of_one_or_two_rows_has_an_axis(n_bins):
    assert frequency_axis([440.0, 880.0][:n_bins], n_bins).ticks
    assert time_axis([0.0], 1, duration_s=1.0).ticks


def test_axes_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="frequencies_hz has 3 entries; expected 4"):
        frequency_axis([1.0, 2.0, 3.0], 4)
    with pytest.raises(ParameterError, match="times_s has 1 entries; expected 2"):
        time_axis([0.0], 2)
    with pytest.raises(ParameterError, match="does not rise"):
        frequency_axis(tick_centres(torch.tensor([2.0, 1.0])), 2)
