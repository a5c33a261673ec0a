"""What keeps the code in order: layers, names, files."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import earwitness as ew

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "earwitness"
# From the lowest layer up: a package imports only from its own layer and from lower ones.
LAYERS = [
    "core", "audio", "frontends", "models", "synthetic", "targets", "perturb", "listening", "methods", "masks",
    "metrics", "checks", "report", "datasets", "training", "pipeline", "singing", "experiments", "studies", "bench",
    "app", "cli", "__main__",
]


def layer_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_layers(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "earwitness":
            parts = node.module.split(".")
            yield from ([parts[1]] if len(parts) > 1 else [alias.name for alias in node.names])
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("earwitness."))


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_downwards(path):
    layer = layer_of(path)
    if layer == "__init__":
        return
    assert layer in LAYERS, f"layer {layer!r} has no place among the layers"
    for other in imported_layers(path):
        if other in LAYERS:  # names such as __version__ come from the package itself
            assert LAYERS.index(other) <= LAYERS.index(layer), f"{layer} imports from {other}, which is above it"


def module_graph():
    """Module -> modules of the package that it imports, inside functions too; a package stands for its __init__."""
    paths = {".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__"): path
             for path in SOURCE.rglob("*.py")}
    graph = {}
    for module, path in paths.items():
        imported = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("earwitness"):
                imported |= {name if (name := f"{node.module}.{alias.name}") in paths else node.module
                             for alias in node.names}
        graph[module] = {name for name in imported if name in paths and not module.startswith(f"{name}.")} - {module}
    return graph


def circles(graph):
    """Groups of modules that import each other, by Tarjan's algorithm."""
    order, low, stack, groups = {}, {}, [], []

    def visit(module):
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in graph[module]:
            if other not in order:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == order[module]:
            group = [stack.pop()]
            while group[-1] != module:
                group.append(stack.pop())
            groups.append(sorted(group))

    for module in graph:
        if module not in order:
            visit(module)
    return [group for group in groups if len(group) > 1]


def test_no_modules_import_each_other():
    assert circles(module_graph()) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def public_definitions():
    """Name of a public type or function -> the files that define it at their top level."""
    homes = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, set()).add(str(path.relative_to(SOURCE)))
    return homes


def test_a_public_name_means_one_thing():
    assert {name: sorted(homes) for name, homes in public_definitions().items() if len(homes) > 1} == {}


def test_the_guard_sees_imports(tmp_path):
    lines = ("from earwitness.report import html", "from earwitness import cli", "import earwitness.bench.row")
    (tmp_path / "x.py").write_text("\n".join(lines))
    assert list(imported_layers(tmp_path / "x.py")) == ["report", "cli", "bench"]


def test_every_public_name_exists():
    assert sorted(ew.__all__) == list(dict.fromkeys(sorted(ew.__all__)))
    for name in ew.__all__:
        assert getattr(ew, name) is not None
    for name in ("load", "load_model", "AudioModel", "explain", "listen", "masks", "metrics", "models", "frontends",
                 "audio", "Clip", "Features", "Attribution"):
        assert name in ew.__all__


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_are_short_and_honest(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 360, "split it: one idea per file"
    assert path.name != "utils.py"
    for word in ("manual_seed(", "pickle.load", "weights_only=False", "print("):
        for line in text.splitlines():
            own_generator = "torch.Generator" in line or "def borrowed_rng" in text
            assert word not in line or (word == "manual_seed(" and own_generator), f"{word} in {line.strip()}"


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == ew.__version__
    assert f"## [{ew.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_constraints_cover_the_dependencies_and_nothing_with_cuda():
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [d for group in project["optional-dependencies"].values() for d in group]
    for requirement in wanted:
        name = re.match(r"[\w-]+", requirement)[0].lower()
        assert name in pinned, f"{name} is not in constraints.txt"
    assert pinned["torch"] == "2.13.0"
    assert not [name for name in pinned if name.startswith("nvidia") or name in ("torchvision", "torchaudio", "triton")]


def test_importing_the_package_needs_no_optional_package():
    import subprocess
    import sys

    hidden = ["gradio", "ray", "pandas", "captum", "lime", "shap", "quantus", "sklearn", "playwright",
              "transformers"]
    code = f"import sys; [sys.modules.__setitem__(n, None) for n in {hidden}]; import earwitness, earwitness.cli; " \
           "earwitness.load_model('esc10-mel')"
    subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], check=True, timeout=120)


def test_the_readme_names_every_method_and_model():
    text = (ROOT / "README.md").read_text()
    for name in [*ew.METHODS, *ew.models.cards()]:
        assert f"| `{name}` |" in text


def test_the_readme_states_the_figures_of_the_cards():
    lines = (ROOT / "README.md").read_text().splitlines()
    for name in ("esc10-mel", "esc10-stft"):
        measured = ew.models.cards()[name].measured
        (line,) = (line for line in lines if line.startswith(f"| `{name}` |"))
        share, mean = (f"{100 * measured[key]:.1f} %" for key in ("test_accuracy", "cv_accuracy_mean"))
        assert f"{share} on fold 5, {mean} over five folds" in line
