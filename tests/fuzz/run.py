"""Fuzzes a target for as long as it is let, guided by coverage; outside the tests and their dependencies.

pip install atheris                                  # in an environment of its own: it is not in the lock
python -m tests.fuzz.run frames CORPUS_FOLDER        # or: headers, bodies; libFuzzer's options may follow
python -m tests.fuzz.run frames crash-FILE           # plays one input again; this needs no atheris
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.fuzz.targets import TARGETS


def main(name: str, words: list[str]) -> None:
    """Play the files that `words` names, or fuzz."""
    target = TARGETS[name]
    files = [Path(word) for word in words]
    if files and all(each.is_file() for each in files):
        for each in files:
            target(each.read_bytes())
            print(f"{each}: nothing wrong")
        return
    try:
        atheris: Any = import_module("atheris")
    except ImportError:
        sys.exit("atheris is not installed here: pip install atheris")
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *words], target)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
