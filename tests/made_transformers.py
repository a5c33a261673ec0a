"""Small transformers with random weights, and the feature extractors that belong to them; no network is needed."""

import warnings

import pytest
import torch

import earwitness as ew

transformers = pytest.importorskip("transformers")

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
LABELS = {"id2label": {0: "bird", 1: "car", 2: "rain"}, "num_labels": 3}
CONVOLVED = SMALL | {
    "conv_dim": (16, 16, 16), "conv_kernel": (10, 8, 4), "conv_stride": (5, 8, 4), "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2, "num_feat_extract_layers": 3, "classifier_proj_size": 16,
}
WHISPER = {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_layers": 1,
           "decoder_attention_heads": 2, "decoder_ffn_dim": 64, "max_source_positions": 100, "vocab_size": 8,
           "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3}
CLAP = {"window_size": 4, "num_mel_bins": 16, "spec_size": 64, "hidden_size": 32, "projection_dim": 16,
        "depths": (1, 1), "num_attention_heads": (2, 2), "patch_embeds_hidden_size": 16}
CLAP_SOUND = {"feature_size": 16, "sampling_rate": 16000, "hop_length": 160, "max_length_s": 2,
              "fft_window_size": 512, "frequency_max": 8000}
CLAP_TEXT = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
             "vocab_size": 8}


def ast_extractor(**settings):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "At least one mel filter")
        return transformers.ASTFeatureExtractor(**settings)


def ast():
    config = transformers.ASTConfig(**SMALL, **LABELS, max_length=126)
    return transformers.ASTForAudioClassification(config), ast_extractor(max_length=126)


def wav2vec2():
    config = transformers.Wav2Vec2Config(**CONVOLVED, **LABELS)
    return transformers.Wav2Vec2ForSequenceClassification(config), transformers.Wav2Vec2FeatureExtractor()


def hubert():
    config = transformers.HubertConfig(**CONVOLVED, **LABELS)
    return transformers.HubertForSequenceClassification(config), transformers.Wav2Vec2FeatureExtractor()


def whisper():
    config = transformers.WhisperConfig(**WHISPER, **LABELS, classifier_proj_size=16)
    return transformers.WhisperForAudioClassification(config), transformers.WhisperFeatureExtractor(chunk_length=2)


def whisper_encoder():
    return transformers.WhisperModel(transformers.WhisperConfig(**WHISPER)), whisper()[1]


def clap():
    model = transformers.ClapAudioModelWithProjection(transformers.ClapAudioConfig(**CLAP))
    return model, transformers.ClapFeatureExtractor(**CLAP_SOUND, truncation="rand_trunc")


def clap_fused():
    config = transformers.ClapConfig(audio_config=CLAP | {"enable_fusion": True}, text_config=CLAP_TEXT,
                                     projection_dim=16)
    return transformers.ClapModel(config), transformers.ClapFeatureExtractor(**CLAP_SOUND, truncation="fusion")


CLASSIFIERS = {"ast": ast, "wav2vec2": wav2vec2, "hubert": hubert, "whisper": whisper}
ENCODERS = {"whisper_encoder": whisper_encoder, "clap": clap, "clap_fused": clap_fused}


def made(name):
    """(model, extractor, AudioModel); weights are large enough for answers to depend on the sound."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, extractor = (CLASSIFIERS | ENCODERS)[name]()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval(), extractor, ew.AudioModel.from_transformers(model, extractor)


def speech_like(seconds, rate, generator):
    """A gliding voice with syllables and breath."""
    time = torch.arange(round(seconds * rate)) / rate
    voice = sum(torch.sin(2 * torch.pi * 120 * k * (time + 0.05 * time**2)) / k for k in range(1, 20))
    breath = torch.randn(len(time), generator=generator)
    return 0.1 * voice * (1 + torch.sin(8 * torch.pi * time)) + 0.003 * breath
