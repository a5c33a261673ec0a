import pytest
import torch

from earwitness import metrics
from earwitness.core.errors import ParameterError


@pytest.fixture
def evidence():
    mask = torch.zeros(20, 30)
    mask[3:8, 5:15] = 1
    return mask


def test_perfect_and_reversed_maps(evidence):
    for function in (metrics.pointing_game, metrics.localisation_auc, metrics.top_k_iou):
        assert float(function(evidence + 0.1, evidence)) == 1
        assert float(function(-evidence, evidence)) == 0


def test_chance(evidence, generator):
    area = float(evidence.mean())
    chance = torch.rand(2000, 20, 30, generator=generator)
    truth = evidence.expand(chance.shape)
    assert float(metrics.pointing_game(chance, truth).mean()) == pytest.approx(area, abs=0.02)
    assert float(metrics.localisation_auc(chance, truth).mean()) == pytest.approx(0.5, abs=0.005)
    constant = torch.ones(20, 30)
    assert float(metrics.pointing_game(constant, evidence)) == pytest.approx(area)
    assert float(metrics.localisation_auc(constant, evidence)) == pytest.approx(0.5)
    assert float(metrics.top_k_iou(constant, evidence)) == pytest.approx(area / (2 - area))


def test_the_area_is_the_share_of_won_pairs(generator):
    values = torch.randint(0, 5, (4, 5), generator=generator).float()
    truth = torch.rand(4, 5, generator=generator) > 0.6
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in values[truth] for b in values[~truth]]
    assert float(metrics.localisation_auc(values, truth)) == pytest.approx(sum(wins) / len(wins), abs=1e-6)


def test_top_k_counts_bins(evidence):
    values = torch.arange(600.0).view(20, 30)
    assert float(metrics.top_k_iou(values, values > 500, k=99)) == 1
    assert float(metrics.top_k_iou(values, values > 500, k=198)) == pytest.approx(0.5)
    with pytest.raises(ParameterError, match="k is 601"):
        metrics.top_k_iou(values, evidence, k=601)


def test_without_evidence_nothing_is_known():
    for function in (metrics.pointing_game, metrics.localisation_auc, metrics.top_k_iou):
        assert function(torch.rand(3, 4), torch.zeros(3, 4)).isnan()
    assert metrics.localisation_auc(torch.rand(3, 4), torch.ones(3, 4)).isnan()


def test_rank_correlation_is_spearmans(generator):
    from scipy.stats import spearmanr

    first = torch.randint(0, 9, (6, 7), generator=generator).float()
    second = first**3 + torch.randn(6, 7, generator=generator) * 50
    wanted = spearmanr(first.flatten(), second.flatten()).statistic
    assert float(metrics.rank_correlation(first, second)) == pytest.approx(wanted, abs=1e-12)
    assert metrics.rank_correlation(first, torch.ones(6, 7)).isnan()
    with pytest.raises(ParameterError, match="maps have shapes"):
        metrics.rank_correlation(first, second[1:])
