import re
from pathlib import Path

import torch

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "targets.md"


def test_the_examples_run(tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 7
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng():
        exec(compile("\n".join(blocks), str(PAGE), "exec"), {})
