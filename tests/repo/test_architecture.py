"""ARCHITECTURE.md is a true map: every package, module and folder of the tree stands in it."""

from __future__ import annotations

from pathlib import Path


def test_every_place_is_on_the_map(root: Path) -> None:
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = [path for path in (root / "qsanc").iterdir() if path.is_dir() and path.name != "__pycache__"]
    modules = [path for path in (root / "qsanc").glob("*.py") if not path.name.startswith("__")]
    backends = [path for path in (root / "backends").iterdir() if (path / "__init__.py").exists()]
    for path in (*packages, *backends):
        assert f"| `{path.relative_to(root)}/` |" in text
    for path in modules:
        assert f"| `{path.relative_to(root)}` |" in text


def test_the_floors_are_those_of_the_contract(root: Path) -> None:
    import tomllib

    config = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(c["layers"] for c in config["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    present = [layer.replace("qsanc.", "").replace("(", "").replace(")", "") for layer in layers]
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    block = text.split("## Floors")[1].split("## ")[0]
    drawn = [line.strip().split("  ")[0] for line in block.splitlines() if line.startswith("    ")]
    assert drawn == present
