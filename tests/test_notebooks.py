"""Every notebook runs from its first cell to its last, shows its figures, and is kept without outputs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jupyter keeps connection files and settings in folders of its own; not in those of whoever runs the tests."""
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_and_figures_are_shown(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(shutil.copy(path, tmp_path), as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    for cell in _code(notebook):
        shown = [set(output.get("data", {})) for output in cell.outputs]
        assert not [output for output in cell.outputs if output.output_type == "stream"], f"warnings: {cell.source}"
        if "clv.figures." in cell.source:
            assert any("image/png" in kinds for kinds in shown), cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_outputs_are_kept(path: Path) -> None:
    for cell in _code(nbformat.read(path, as_version=4)):
        assert cell.outputs == []
        assert cell.execution_count is None


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
