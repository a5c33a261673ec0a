"""How much do metrics on features say about the sound? Clips of ESC-10 in both domains."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "plan": ["DomainsPlan"], "run": ["read_domain_clips", "run_domains"]})
