import pytest
import torch

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.models.overlap_add import OverlapAdd
from earwitness.models.windows import Windows
from tests.made_models import FRONT_END, SHAPE, Additive


def model_of(generator, hop_s=None, **more):
    weights = torch.randn(2, *SHAPE, generator=generator) / 1000
    return ew.AudioModel(Additive(weights), FRONT_END, labels=["a", "b"], window_s=0.496, hop_s=hop_s, **more)


def clip_of(generator, samples=4000):
    return ew.Clip(torch.randn(samples, generator=generator), 2000)


@pytest.mark.parametrize("hop_s", [0.496, 0.256, 0.2, 0.1235, 0.048])
def test_times_rise_and_maps_are_joined_where_they_belong(hop_s, generator):
    model, clip = model_of(generator, hop_s), clip_of(generator)
    found = ew.explain(model, clip, "saliency", "a")
    assert found.values.shape == (33, len(found.times_s))
    steps = found.times_s.diff()
    assert (steps >= 0).all()
    if hop_s < 0.4:
        torch.testing.assert_close(steps, torch.full_like(steps, 32 / 2000))
        windows = model.windows(clip)
        alone = [ew.explain(model, ew.Clip(piece, 2000), "saliency", "a").values for piece in windows.pieces]
        column = len(found.times_s) // 2
        total, weight = torch.zeros(33), 0
        for k, values in enumerate(alone):
            place = column - round(k * round(hop_s * 2000) / 32)
            if 0 <= place < 32:
                share = min(place + 1, 32 - place)
                total, weight = total + share * values[:, place], weight + share
        torch.testing.assert_close(found.values[:, column], total / weight)


@pytest.mark.parametrize("hop_s", [None, 0.256, 0.1235])
@pytest.mark.parametrize("normalise", [None, "peak"])
def test_overlapping_windows_add_up_to_the_recording(hop_s, normalise, generator):
    model, clip = model_of(generator, hop_s, normalise=normalise), clip_of(generator)
    mask = torch.rand(33, model.windows(clip).layout.length, generator=generator)
    heard = ew.listen(model, clip, mask)
    torch.testing.assert_close(heard.kept + heard.removed, clip.waveform, atol=1e-4, rtol=1e-4)
    assert heard.kept.abs().max() > 0.1
    everything = ew.listen(model, clip, torch.ones_like(mask))
    torch.testing.assert_close(everything.kept, clip.waveform, atol=1e-4, rtol=1e-4)


def test_a_joined_mask_keeps_the_sound_at_its_time(generator):
    model, clip = model_of(generator, 0.248), clip_of(generator)
    times_s = ew.explain(model, clip, target="a").times_s
    mask = ((times_s > 0.8) & (times_s < 1.2)).float().expand(33, -1)
    heard = ew.listen(model, clip, mask)
    torch.testing.assert_close(heard.kept[1700:2300], clip.waveform[1700:2300], atol=1e-4, rtol=1e-4)
    assert heard.kept[:1500].abs().max() < 1e-5
    assert heard.kept[2500:].abs().max() < 1e-5


def test_split_gives_each_window_its_part_and_join_undoes_it(generator):
    model, clip = model_of(generator, 0.256), clip_of(generator)
    layout = model.windows(clip).layout
    plane = torch.rand(33, layout.length, generator=generator)
    parts = layout.split(plane)
    assert parts.shape == (layout.n_windows, 33, 32)
    torch.testing.assert_close(layout.join(parts), plane)
    measures, _ = ew.metrics.measure(model, model.windows(clip)[1], parts[1], 0)
    assert measures.kept_area == pytest.approx(float(parts[1].mean()))
    with pytest.raises(ParameterError, match="windows of 32 columns, joined"):
        layout.split(plane[:, 1:])


def test_patches_whose_frames_do_not_overlap_stay_side_by_side(generator):
    model = ew.AudioModel(ew.models.VGGish(), ew.frontends.VggishLogMel(), window_s=0.975, hop_s=0.96)
    layout = model.windows(ew.Clip(torch.randn(16000 * 3, generator=generator), 16000)).layout
    assert not layout.overlaps
    assert layout.length == layout.n_windows * 96
    torch.testing.assert_close(layout.times_s.diff(), torch.full((layout.length - 1,), 0.01, dtype=torch.float64))


def test_windows_are_made_one_at_a_time(generator, monkeypatch):
    model, clip = model_of(generator, 0.256), clip_of(generator)
    whole, sizes = model.features(clip), []
    transform = type(FRONT_END).__call__

    def watched(self, waveform):
        sizes.append(len(waveform))
        return transform(self, waveform)

    monkeypatch.setattr(type(FRONT_END), "__call__", watched)
    for k, item in enumerate(model.windows(clip)):
        assert torch.equal(item.values[0], whole.values[k])
    ew.explain(model, clip, "saliency")
    ew.listen(model, clip, torch.ones(33, model.windows(clip).layout.length))
    assert set(sizes) == {1}
    with pytest.raises(IndexError):
        Windows(model, clip)[99]


@pytest.mark.parametrize("crossfade", [False, True])
def test_what_the_joiner_gives_back_does_not_change(crossfade, generator):
    pieces = torch.rand(7, 2, 10, generator=generator)
    overlap_add = OverlapAdd(crossfade=crossfade)
    parts = [overlap_add.add(piece, 4 * k) for k, piece in enumerate(pieces)]
    assert [part.shape[1] for part in parts] == [0, 4, 4, 4, 4, 4, 4]
    joined = torch.cat([*parts, overlap_add.flush()], 1)
    assert joined.shape == (2, 34)
    if not crossfade:
        assert torch.equal(joined[:, 4:8], pieces[1][:, :4])
    else:
        wanted = sum(w * pieces[k][:, 9 - 4 * k] for k, w in zip((0, 1, 2), (1.0, 5.0, 2.0), strict=True)) / 8
        torch.testing.assert_close(joined[:, 9], wanted)


def test_gaps_between_windows_are_silent(generator):
    model, clip = model_of(generator, 0.6), clip_of(generator)
    layout = model.windows(clip).layout
    heard = ew.listen(model, clip, torch.ones(33, layout.length))
    torch.testing.assert_close(heard.kept[1200:2192], clip.waveform[1200:2192], atol=1e-4, rtol=1e-4)
    assert not heard.kept[992:1200].any()
