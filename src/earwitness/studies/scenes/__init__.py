"""Which method finds evidence that is known? Every method on every synthetic scene, against random maps."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "plan": ["ScenesPlan"], "run": ["read_scene_models", "run_scenes"]})
