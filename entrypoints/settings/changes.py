"""What is different between two trees of settings, by path and never by value: some are secrets."""

from collections.abc import Iterator, Mapping

import attrs


def changed_paths(old: object, new: object, path: str = "") -> Iterator[str]:
    """Yield the path of every setting that differs, e.g. ``grpc.port`` or ``providers.demo``."""
    kind = type(old)
    if kind is type(new) and attrs.has(kind):
        for field in attrs.fields(kind):
            yield from changed_paths(
                getattr(old, field.name), getattr(new, field.name), _below(path, field.name)
            )
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                yield _below(path, str(key))
    elif old != new:
        yield path


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
