import hashlib
import http.server
import pickle
import threading

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import earwitness as ew
from earwitness.core.errors import WeightsError
from earwitness.models import weights


@pytest.fixture
def server(tmp_path):
    """A local web server over a folder, counting requests."""
    folder = tmp_path / "served"
    folder.mkdir()
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def do_GET(self):
            requests.append(self.path)
            super().do_GET()

        def log_message(self, *_args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_address[1]}", requests
        httpd.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_fetch_downloads_once_and_checks(server, cache, algorithm):
    folder, url, requests = server
    (folder / "w=1.pth").write_bytes(b"weights")
    digest = hashlib.new(algorithm, b"weights").hexdigest()
    for _ in range(2):
        path = weights.fetch(f"{url}/w%3D1.pth?download=1", f"{algorithm}:{digest}")
        assert path == cache / "w=1.pth"
        assert path.read_bytes() == b"weights"
    assert len(requests) == 1
    assert weights.fetch(f"{url}/w%3D1.pth", f"{algorithm}:{digest[:8]}") == path


def test_a_wrong_checksum_is_refused_and_not_kept(server, cache):
    folder, url, _ = server
    (folder / "w.pth").write_bytes(b"another file")
    with pytest.raises(WeightsError, match="expected 00000000"):
        weights.fetch(f"{url}/w.pth", "sha256:00000000")
    assert not list(cache.iterdir())


def test_a_damaged_cache_is_named(server, cache):
    folder, url, _ = server
    (folder / "w.pth").write_bytes(b"weights")
    checksum = "sha256:" + hashlib.sha256(b"weights").hexdigest()
    weights.fetch(f"{url}/w.pth", checksum).write_bytes(b"wreights")
    with pytest.raises(WeightsError, match="damaged or another one"):
        weights.fetch(f"{url}/w.pth", checksum)


@pytest.mark.parametrize("name", ["..%2F..%2Fevil.pth", "%2Ftmp%2Fevil.pth", "a%2Fb.pth"])
def test_a_download_stays_in_the_cache(server, cache, tmp_path, name):
    folder, url, _ = server
    from urllib.parse import unquote

    target = (folder / unquote(name).lstrip("/")).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"evil")
    before = set(tmp_path.rglob("*"))
    try:
        path = weights.fetch(f"{url}/{name}", "sha256:" + hashlib.sha256(b"evil").hexdigest())
        assert path.parent == cache
    except WeightsError:
        pass
    assert all(new == cache or cache in new.parents for new in set(tmp_path.rglob("*")) - before)


def test_a_card_of_ones_own_may_not_download(tmp_path):
    import json
    from dataclasses import asdict

    card = asdict(ew.models.cards()["vggish"]) | {"weights": "http://127.0.0.1:9/..%2Fevil.pth"}
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(WeightsError, match="may not download"):
        ew.load_model(tmp_path)


def test_weights_that_are_no_numbers_are_refused():
    network = nn.Linear(2, 1)
    state = {"weight": torch.tensor([[1.0, torch.nan]]), "bias": torch.zeros(1)}
    with pytest.raises(WeightsError, match="weight has NaN"):
        weights.load_into(network, state, source="x.pth")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/w.pth", "http://name.invalid/w.pth"])
def test_no_network_says_what_to_do(cache, url):
    with pytest.raises(WeightsError, match="pass it with --weights FILE"):
        weights.fetch(url, "sha256:00")


def test_missing_on_the_server_says_what_to_do(server, cache):
    with pytest.raises(WeightsError, match="cannot be downloaded"):
        weights.fetch(f"{server[1]}/missing.pth", "sha256:00")


def test_the_published_panns_checkpoint_loads_by_name(server, cache, parity_states, monkeypatch):
    """The stand-in has the published layout: key ``model``, front end entries beside the network's."""
    folder, url, _ = server
    state = parity_states("cnn14")
    front_end = {"spectrogram_extractor.stft.conv_real.weight": torch.zeros(2), "logmel_extractor.melW": torch.zeros(2)}
    torch.save({"iteration": 1, "model": state | front_end}, folder / "Cnn14_mAP=0.431.pth")
    digest = hashlib.md5((folder / "Cnn14_mAP=0.431.pth").read_bytes()).hexdigest()
    card = ew.models.cards()["panns-cnn14"]
    assert card.weights.startswith("https://zenodo.org/records/3987831/")
    assert card.checksum == "md5:541141fa2ee191a88f24a3219fff024e"
    object.__setattr__(card, "weights", f"{url}/Cnn14_mAP%3D0.431.pth?download=1")
    object.__setattr__(card, "checksum", f"md5:{digest}")
    monkeypatch.setattr("earwitness.models.catalogue.cards", lambda: {card.name: card})
    model = ew.load_model("panns-cnn14")
    assert len(model.labels) == 527
    assert torch.equal(model.network.fc1.weight, state["fc1.weight"])
    local = ew.load_model("panns-cnn14", weights=folder / "Cnn14_mAP=0.431.pth")
    assert torch.equal(local.network.fc1.weight, state["fc1.weight"])


def test_the_published_vggish_loads_from_a_local_file(tmp_path, parity_states):
    torch.save(parity_states("vggish"), tmp_path / "vggish.pth")
    model = ew.load_model("vggish", weights=tmp_path / "vggish.pth")
    features = model.features(ew.Clip(torch.zeros(5 * 16000), 16000))
    assert features.values.shape == (5, 64, 96)
    assert model.embed(features).shape == (5, 128)


class Bomb:
    def __reduce__(self):
        return (open, ("/tmp/earwitness-was-here", "w"))


def test_nothing_is_unpickled(tmp_path):
    (tmp_path / "bomb.pth").write_bytes(pickle.dumps(Bomb()))
    torch.save({"model": Bomb()}, tmp_path / "bomb2.pth")
    for name in ("bomb.pth", "bomb2.pth"):
        with pytest.raises(WeightsError, match="cannot be read safely"):
            weights.read_state_dict(tmp_path / name)
    from pathlib import Path

    assert not Path("/tmp/earwitness-was-here").exists()


def test_damaged_weights_are_one_line(tmp_path):
    for name in ("x.safetensors", "x.pth"):
        (tmp_path / name).write_bytes(b"not weights at all")
        with pytest.raises(WeightsError, match=name) as caught:
            weights.read_state_dict(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match="no such file"):
        weights.read_state_dict(tmp_path / "missing.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="expected tensors by parameter name"):
        weights.read_state_dict(tmp_path / "list.pth")


@pytest.mark.parametrize("content", [{1: torch.zeros(2)}, {"w": torch.zeros(2).to_sparse()}, {"w": 3}])
def test_what_is_no_plain_tensor_by_name_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match="expected tensors by parameter name"):
        weights.read_state_dict(tmp_path / "odd.pth")


def test_weights_that_do_not_fit_say_how():
    network = nn.Linear(2, 3)
    with pytest.raises(WeightsError, match=r"missing: bias; left over: extra; other shape: weight is \(1,\)"):
        weights.load_into(network, {"weight": torch.zeros(1), "extra": torch.zeros(1)}, source="x.pth")


def test_half_precision_weights_become_the_networks_dtype(tmp_path):
    save_file({"weight": torch.ones(3, 2).half(), "bias": torch.ones(3).half()}, tmp_path / "x.safetensors")
    network = nn.Linear(2, 3)
    weights.load_into(network, weights.read_state_dict(tmp_path / "x.safetensors"), source="x")
    assert network.weight.dtype == torch.float32
    assert torch.equal(network.weight, torch.ones(3, 2))
