"""From a model of one's own to a page that is read: a network over waveforms and a function that is only asked."""

import numpy as np
import pytest
import torch
from torch import nn

import earwitness as ew
from earwitness.pipeline.explain_file import explain_file
from earwitness.pipeline.request import ExplainRequest
from earwitness.report import write_html
from tests.e2e.conftest import until

pytestmark = pytest.mark.browser

RATE_HZ = 8000
HIGH_HZ = (2500, 3500)


class Bands(nn.Module):
    """Loudness of two bands, "low" and "high", by two long filters over the waveform."""

    def __init__(self):
        super().__init__()
        self.filters, self.act = nn.Conv1d(1, 2, 128), nn.ReLU()
        t = torch.arange(128) / RATE_HZ
        window = torch.hann_window(128)
        with torch.no_grad():
            tones = [torch.cos(2 * torch.pi * hz * t) * window for hz in (500, 3000)]
            self.filters.weight.copy_(torch.stack(tones)[:, None])
            self.filters.bias.zero_()

    def forward(self, sounds):
        return self.act(self.filters(sounds[:, None])).mean(2)


def asked(sounds):
    """Share of the power above and below 2 kHz."""
    power = np.abs(np.fft.rfft(sounds)) ** 2
    cut = 2000 * sounds.shape[1] // RATE_HZ
    low = power[:, :cut].sum(1) + 1e-6
    high = power[:, cut:].sum(1) + 1e-6
    return np.stack([low, high], axis=1) / (low + high)[:, None]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """One second: a low tone all the time, a louder high one from 0.3 to 0.6 s."""
    t = torch.arange(RATE_HZ) / RATE_HZ
    high = 0.6 * torch.sin(2 * torch.pi * 3000 * t) * ((t >= 0.3) & (t < 0.6))
    path = tmp_path_factory.mktemp("sounds") / "two tones.wav"
    ew.audio.save(path, ew.Clip(0.1 * torch.sin(2 * torch.pi * 500 * t) + high, RATE_HZ))
    return path


MODELS = {
    "network": (lambda: ew.AudioModel(Bands().eval(), sample_rate_hz=RATE_HZ, labels=["low", "high"], window_s=1.0),
                "occlusion", {}),
    "function": (lambda: ew.AudioModel.from_callable(asked, ["low", "high"], RATE_HZ, returns="probabilities",
                                                     window_s=1.0), "rise", {"n_masks": 400}),
}


@pytest.mark.parametrize("kind", MODELS)
def test_its_evidence_is_found_put_to_the_test_and_heard(kind, sound, open_file, tmp_path):
    make, method, settings = MODELS[kind]
    report = explain_file(sound, make(), ExplainRequest(method=method, target="high", check=True, settings=settings))
    (section,) = report.sections
    found = section.attribution
    rows, columns = torch.where(found.values >= 0.99 * found.values.max())
    assert HIGH_HZ[0] <= float(found.frequencies_hz[rows].median()) <= HIGH_HZ[1]
    assert 0.25 <= float(found.times_s[columns].median()) <= 0.65

    page = open_file(write_html(report, tmp_path / "report.html"))
    assert page.inner_text("h1") == "two tones.wav"
    assert "high" in page.inner_text("#section-1")
    words = page.inner_text("body")
    assert ew.checks.TITLE in words
    verdict = dict(report.extra[ew.checks.TITLE])["verdict"]
    assert verdict in words
    assert ("remains open" in verdict) == (kind == "function")
    page.click(".panel-kept .play")
    until(page, "document.querySelector('.panel-kept audio').currentTime > 0.2")
