import math

import pytest
import torch

import earwitness as ew
from earwitness.core.errors import ParameterError
from earwitness.studies.relax2023 import EmbeddingClassifier, fit_classifier, measure_accuracy
from earwitness.studies.relax2023.classifier import Accuracy, together
from tests.made_models import deep, noise_clip


def clouds(generator, n_classes=3, per_class=40, spread=0.5):
    """Well separated clouds on axes of very different size."""
    targets = torch.arange(n_classes).repeat_interleave(per_class)
    centres = 2 * torch.eye(n_classes, 6)[targets]
    scale = torch.tensor([1e-3, 1.0, 1e3, 1, 1, 1])
    return (centres + spread * torch.randn(len(targets), 6, generator=generator)) * scale, targets.tolist()


def test_clouds_are_told_apart_whatever_their_scale(generator):
    embeddings, targets = clouds(generator)
    fitted = fit_classifier(embeddings, targets, range(len(targets)))
    fresh, truth = clouds(generator)
    found = measure_accuracy(fitted, fresh, truth, ["a", "b", "c"])
    assert found.share > 0.95
    assert found.interval[0] < found.share < found.interval[1]
    assert sum(sum(row) for row in found.confusion) == found.n == 120


def test_the_logits_are_scikit_learns(generator):
    from sklearn.linear_model import LogisticRegression

    embeddings, targets = clouds(generator, n_classes=3)
    fitted = fit_classifier(embeddings, targets, range(len(targets)))
    scaled = ((embeddings - embeddings.mean(0)) / embeddings.std(0, correction=0)).double().numpy()
    peer = LogisticRegression(C=fitted.strength, max_iter=2000).fit(scaled, targets)
    wanted = torch.from_numpy(peer.decision_function(scaled)).float()
    torch.testing.assert_close(fitted.logits(embeddings), wanted, atol=2e-3, rtol=1e-3)


def test_two_classes_have_two_logits(generator):
    embeddings, targets = clouds(generator, n_classes=2)
    fitted = fit_classifier(embeddings, targets, range(len(targets)))
    assert fitted.logits(embeddings).shape == (80, 2)
    assert measure_accuracy(fitted, embeddings, targets, ["a", "b"]).share > 0.95


def test_repeated_recordings_do_not_flatter_the_choice_within(generator):
    noise = torch.randn(60, 30, generator=generator)
    embeddings, targets = noise.repeat_interleave(2, 0), torch.randint(2, (60,), generator=generator)
    doubled = targets.repeat_interleave(2).tolist()
    grouped = fit_classifier(embeddings, doubled, [k // 2 for k in range(120)])
    leaky = fit_classifier(embeddings, doubled, range(120))
    assert leaky.valid_accuracy > grouped.valid_accuracy + 0.1


def test_encoder_and_classifier_are_one_network(generator):
    model = deep(generator)
    embeddings = torch.randn(60, 16, generator=generator).abs()
    fitted = fit_classifier(embeddings, [k % 3 for k in range(60)], range(60))
    whole = ew.AudioModel(EmbeddingClassifier(model.network, fitted), model.front_end, labels=["x", "y", "z"],
                          window_s=0.496)
    features = model.features(noise_clip(generator))
    torch.testing.assert_close(whole.logits(features), fitted.logits(model.embed(features)), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(whole.embed(features), model.embed(features))
    assert ew.explain(whole, noise_clip(generator), "rise", "y", n_masks=20).target == "y"


def test_counts_add_up():
    first = Accuracy(3, 4, ((2, 0), (1, 1)), ("a", "b"))
    both = together([first, first])
    assert (both.n_right, both.n, both.confusion) == (6, 8, ((4, 0), (2, 2)))
    assert both.recall == {"a": 1.0, "b": 0.5}
    assert both.precision == {"a": pytest.approx(2 / 3), "b": 1.0}
    empty = Accuracy(1, 1, ((1, 0), (0, 0)), ("a", "b"))
    assert math.isnan(empty.recall["b"])


def test_what_does_not_fit_is_refused(generator):
    with pytest.raises(ParameterError, match="at least two classes"):
        fit_classifier(torch.randn(3, 2, generator=generator), [0, 0, 0], [0, 1, 2])
