"""Networks: features in, logits out."""
