"""Training: from a folder of labelled clips to a model with a card."""

from earwitness.training.augment import Augmentation
from earwitness.training.classifier import Split, load_features, train_classifier, write_card
from earwitness.training.fitting import borrowed_rng, fit, predict
from earwitness.training.settings import (
    PUBLISHED_RECIPE,
    SMALL_RECIPE,
    SMALL_STFT_RECIPE,
    Epoch,
    FitResult,
    FitSettings,
    LabelledFeatures,
    recipe,
)
from earwitness.training.start import start_network

__all__ = ["PUBLISHED_RECIPE", "SMALL_RECIPE", "SMALL_STFT_RECIPE", "Augmentation", "Epoch", "FitResult", "FitSettings",
           "LabelledFeatures", "Split", "borrowed_rng", "fit", "load_features", "predict", "recipe", "start_network",
           "train_classifier", "write_card"]
