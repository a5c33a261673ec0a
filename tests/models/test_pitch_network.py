"""A published network over waveforms: what CREPE hears of a note lies on the note's harmonics."""

import pytest
import torch
from torch import nn

import earwitness as ew
from tests.crepe import FRAME, RATE_HZ, load_crepe, on_harmonics, pitch_hz, sing


@pytest.fixture(scope="module")
def crepe():
    return load_crepe()


@pytest.mark.parametrize("f0_hz", [110.0, 196.0, 330.0, 523.25])
def test_the_evidence_for_a_note_lies_on_its_harmonics(crepe, generator, f0_hz):
    """Vibrato over noise of the same power: half of the energy is on the harmonics, more of the evidence is."""
    clip, pitch = sing(f0_hz, generator, seconds=0.3, vibrato_cents=30.0, snr_db=0.0)
    heard = int(crepe.probabilities(clip).argmax())
    assert pitch_hz(heard) == pytest.approx(f0_hz, rel=0.02)
    found, features = ew.explain(crepe, clip, "saliency", heard), crepe.features(clip)
    on = on_harmonics(pitch, crepe.front_end, features.values.shape[2])
    evidence, energy = found.values.clamp(min=0), features.stft[0].abs().square()
    assert float(evidence[on].sum() / evidence.sum()) > float(energy[on].sum() / energy.sum()) + 0.03
    assert float(evidence[on].sum() / evidence.sum()) > 8 * float(on.float().mean())
    kept = ew.Clip(ew.listen(crepe, clip, ew.masks.make(found, "topK_5_pos")).kept, RATE_HZ)
    assert int(crepe.probabilities(kept).argmax()) == pytest.approx(heard, abs=1)  # a bin is 20 cents


def test_a_network_with_random_weights_does_not_know_the_harmonics(crepe, generator):
    clip, pitch = sing(196.0, generator, seconds=0.3, vibrato_cents=30.0, snr_db=0.0)
    network = type(crepe.network)().eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator) / module.weight[0].numel())
                module.bias.zero_()
    model = ew.AudioModel(network, sample_rate_hz=RATE_HZ, labels=crepe.labels, activation="sigmoid")
    found, features = ew.explain(model, clip, "saliency", 180), model.features(clip)
    on = on_harmonics(pitch, model.front_end, features.values.shape[2])
    evidence, energy = found.values.clamp(min=0), features.stft[0].abs().square()
    assert float(evidence[on].sum() / evidence.sum()) < float(energy[on].sum() / energy.sum()) + 0.03


def test_one_frame_is_enough(crepe, generator):
    clip, _ = sing(220.0, generator, seconds=FRAME / RATE_HZ, snr_db=20.0)
    assert clip.waveform.numel() == FRAME
    assert pitch_hz(int(crepe.probabilities(clip).argmax())) == pytest.approx(220.0, rel=0.02)
