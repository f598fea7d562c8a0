from __future__ import annotations

from smoothbit.bench.peers import mkl_csr


def test_mkl_of_the_environment_is_found(monkeypatch, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libmkl_rt.so.2").touch()
    monkeypatch.setattr(mkl_csr.sys, "prefix", str(tmp_path))
    monkeypatch.delenv("MKL_RT", raising=False)
    mkl_csr._point_to_mkl()
    assert mkl_csr.os.environ["MKL_RT"].endswith("libmkl_rt.so.2")
