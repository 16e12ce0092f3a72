"""What a figure was measured on: without it a figure says nothing."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LIBRARIES = (
    "trio",
    "anyio",
    "ngh2",
    "h2",
    "purerpc",
    "protobuf",
    "httptools",
    "httpx",
    "orjson",
    "sqlalchemy",
    "grpcio",
    "grpclib",
)


def facts(**more: str) -> dict[str, str]:
    """Return processor, cores, system and versions, and `more`."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return {
        "cpu": _cpu(),
        "cores": f"{len(cores())} of {os.cpu_count()}",
        "load": load,
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: _version(name) for name in _LIBRARIES},
        **more,
    }


def cores() -> list[int]:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def subject_core() -> int:
    """Return the core of what is measured."""
    return cores()[0]


def other_core() -> int:
    """Return the core of everything else; the same one where there is no other."""
    return cores()[-1]


def _cpu() -> str:
    found = Path("/proc/cpuinfo")
    lines = found.read_text().splitlines() if found.exists() else []
    named = (x.partition(": ")[2] for x in lines if x.startswith("model name"))
    return next(named, platform.processor() or "unknown")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
