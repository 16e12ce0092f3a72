"""What a process and its interpreter say of themselves, under the names that prometheus-client gives them.

For several processes that are one server: prometheus-client's own collectors see the one that they are in.
"""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

from adapters.telemetry.prometheus.series import Kind, Reading, Spec

_GENERATION = ("generation",)
MEMORY = Spec(Kind.GAUGE, "process_resident_memory_bytes", "Resident memory size in bytes.")
VIRTUAL = Spec(Kind.GAUGE, "process_virtual_memory_bytes", "Virtual memory size in bytes.")
CPU = Spec(Kind.COUNTER, "process_cpu_seconds", "Total user and system CPU time spent in seconds.")
STARTED = Spec(
    Kind.GAUGE,
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.",
)
FILES = Spec(Kind.GAUGE, "process_open_fds", "Number of open file descriptors.")
MOST_FILES = Spec(Kind.GAUGE, "process_max_fds", "Maximum number of open file descriptors.")
COLLECTED = Spec(
    Kind.COUNTER, "python_gc_objects_collected", "Objects collected during gc", _GENERATION
)
UNCOLLECTABLE = Spec(
    Kind.COUNTER, "python_gc_objects_uncollectable", "Uncollectable objects found during GC",
    _GENERATION,
)  # fmt: skip
COLLECTIONS = Spec(
    Kind.COUNTER, "python_gc_collections", "Number of times this generation was collected",
    _GENERATION,
)  # fmt: skip


def of_process(process: int, proc: Path = Path("/proc")) -> list[Reading]:
    """Return what the system says of a process; nothing where it says nothing, or when it is gone.

    Source: proc(5), `/proc/pid/stat`
    """
    try:
        return list(_said(proc, proc / str(process)))
    except (OSError, ValueError, IndexError):
        return []


def _said(proc: Path, folder: Path) -> Iterator[Reading]:
    # What the process is called may hold spaces and brackets; the third field comes after the last one.
    fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    yield _one(CPU, (int(fields[11]) + int(fields[12])) / ticks)
    yield _one(VIRTUAL, int(fields[20]))
    yield _one(MEMORY, int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))
    for line in (proc / "stat").read_text().splitlines():
        if line.startswith("btime "):
            yield _one(STARTED, int(line.split()[1]) + int(fields[19]) / ticks)
    yield _one(FILES, sum(1 for _ in (folder / "fd").iterdir()))
    for line in (folder / "limits").read_text().splitlines():
        if line.startswith("Max open files"):
            yield _one(MOST_FILES, float(line.split()[3]))


def of_the_collector() -> list[Reading]:
    """Return what the garbage collector of this process has done."""
    found = list(enumerate(gc.get_stats()))
    return [
        Reading(spec, {(str(generation),): each[what] for generation, each in found})
        for spec, what in (
            (COLLECTED, "collected"),
            (UNCOLLECTABLE, "uncollectable"),
            (COLLECTIONS, "collections"),
        )
    ]


def _one(spec: Spec, number: float) -> Reading:
    return Reading(spec, {(): number})
