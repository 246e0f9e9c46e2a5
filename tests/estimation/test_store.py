"""Saved fits come back as they were; anything else is a clear error."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import clvmodels as clv


@pytest.mark.parametrize("method", ["mle", "laplace"])
def test_a_saved_fit_comes_back_as_it_was(method, cdnow, tmp_path) -> None:
    fit = clv.fit(clv.BG_NBD, cdnow, method=method, draws=100)
    again = clv.load(clv.save(fit, tmp_path / "deep" / "fit.parquet"))
    assert again.theta == fit.theta and again.loglik == fit.loglik and again.diagnostics == fit.diagnostics
    assert again.priors == fit.priors and again.period == fit.period and again.fingerprint == fit.fingerprint
    assert np.array_equal(again.covariance, fit.covariance)
    assert again.p_alive(cdnow).equals(fit.p_alive(cdnow))
    assert again.summary().equals(fit.summary())


def test_saving_is_whole_or_not_at_all(cdnow, tmp_path, monkeypatch) -> None:
    path = tmp_path / "fit.parquet"
    path.write_bytes(b"the old file")

    def fails(*_: object, **__: object) -> None:
        raise OSError("disk full")

    fit = clv.fit(clv.BG_NBD, cdnow, method="mle")
    monkeypatch.setattr(pq, "write_table", fails)
    with pytest.raises(OSError, match="disk full"):
        clv.save(fit, path)
    assert path.read_bytes() == b"the old file"
    assert [p.name for p in tmp_path.iterdir()] == ["fit.parquet"]


def test_what_is_not_a_saved_fit_is_refused(cdnow, tmp_path) -> None:
    with pytest.raises(clv.SavedFitError, match="There is no file"):
        clv.load(tmp_path / "nothing.parquet")
    (tmp_path / "text.parquet").write_text("not parquet")
    with pytest.raises(clv.SavedFitError, match="damaged or is not a fit"):
        clv.load(tmp_path / "text.parquet")
    cdnow.to_frame().to_parquet(tmp_path / "other.parquet")
    with pytest.raises(clv.SavedFitError, match="damaged or is not a fit"):
        clv.load(tmp_path / "other.parquet")
    path = clv.save(clv.fit(clv.BG_NBD, cdnow, draws=50), tmp_path / "fit.parquet")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(clv.SavedFitError, match="damaged"):
        clv.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "has format 99"),
        ({"model": "XYZ"}, "There is no model 'XYZ'"),
        ({"theta": [1.0]}, "lacks part"),
    ],
)
def test_a_header_from_elsewhere_is_refused(change, message, cdnow, tmp_path) -> None:
    path = clv.save(clv.fit(clv.BG_NBD, cdnow, draws=50), tmp_path / "fit.parquet")
    table = pq.read_table(path)
    header = json.loads(table.schema.metadata[b"clvmodels"]) | change
    pq.write_table(table.replace_schema_metadata({b"clvmodels": json.dumps(header).encode()}), path)
    with pytest.raises(clv.SavedFitError, match=message):
        clv.load(path)


def test_what_is_no_fit_of_a_model_is_refused(cdnow_bg_nbd, tmp_path) -> None:
    with pytest.raises(clv.SavedFitError, match="Stack cannot be saved"):
        clv.save(clv.stack({"one": cdnow_bg_nbd}, {"one": 1.0}), tmp_path / "stack.parquet")
    assert not list(tmp_path.iterdir())
