import pandas as pd
import pytest
import soundfile
import torch

import earwitness as ew
from earwitness.cli.main import main
from earwitness.core.errors import ParameterError
from earwitness.studies.relax2023 import embed_clip, embed_files, embed_windows
from tests.made_models import Additive, additive, deep


@pytest.fixture
def model(generator):
    return deep(generator)


def sound(generator, samples, rate=2000):
    return ew.Clip(0.3 * torch.randn(samples, generator=generator), rate, "noise")


def test_one_embedding_per_window_with_its_share_of_sound(model, generator):
    clip = sound(generator, 992 + 248)
    embeddings, shares = embed_windows(model, clip)
    assert embeddings.shape == (2, 16)
    assert shares.tolist() == [1.0, 0.25]
    wanted = model.embed(model.features(clip)).detach()
    torch.testing.assert_close(embeddings, wanted)
    torch.testing.assert_close(embed_clip(model, clip), (wanted[0] + 0.25 * wanted[1]) / 1.25)


def test_padding_hardly_moves_the_mean(model, generator):
    clip = sound(generator, 992)
    longer = ew.Clip(torch.cat([clip.waveform, clip.waveform[:2]]), 2000, "a little longer")
    torch.testing.assert_close(embed_clip(model, longer), embed_clip(model, clip), rtol=0.05, atol=0.05)


def test_a_model_without_embedding_is_named(generator):
    class Plain(torch.nn.Module):
        def forward(self, x):
            return x.mean((1, 2))[:, None]

    model = ew.AudioModel(Plain(), additive(generator).front_end)
    with pytest.raises(ParameterError, match="has no embed method"):
        embed_clip(model, sound(generator, 992))
    assert hasattr(Additive, "embed")


def test_tables(model, generator, tmp_path):
    for name, samples in (("a.wav", 992), ("b.wav", 2480)):
        soundfile.write(tmp_path / name, sound(generator, samples).waveform.numpy(), 2000, subtype="FLOAT")
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    done = []
    pooled = embed_files(model, paths, progress=lambda k, n: done.append((k, n)))
    assert list(pooled.columns[:4]) == ["file", "start_s", "duration_s", "sound"]
    assert pooled.shape == (2, 20)
    assert done == [(1, 2), (2, 2)]
    windows = embed_files(model, paths, pooled=False)
    assert windows["start_s"].tolist() == pytest.approx([0, 0, 0.496, 0.992])
    assert windows["sound"].tolist() == pytest.approx([1, 1, 1, 0.5])
    vectors = pooled.filter(regex=r"^e\d+$").to_numpy()
    wanted = embed_clip(model, ew.load(paths[1])).numpy()
    assert vectors[1] == pytest.approx(wanted, abs=1e-6)
    with pytest.raises(ParameterError, match="no files"):
        embed_files(model, [])


def test_the_command_writes_parquet(tmp_path, capsys):
    scene = ew.synthetic.make_scene("dog over hum").clip
    soundfile.write(tmp_path / "dog.wav", scene.waveform.numpy(), scene.sample_rate_hz)
    assert main(["embed", str(tmp_path), "--out", str(tmp_path / "x" / "e.parquet")]) == 0
    assert "1 rows, 512 numbers each" in capsys.readouterr().out
    assert pd.read_parquet(tmp_path / "x" / "e.parquet").shape == (1, 516)
    assert main(["embed", str(tmp_path), "--out", str(tmp_path / "e.csv")]) == 2
    assert "expected the name of a file that ends in .parquet" in capsys.readouterr().err
    assert main(["embed", str(tmp_path / "none.wav"), "--out", str(tmp_path / "f.parquet")]) == 2
    assert not (tmp_path / "f.parquet").exists()
