"""What makes two calls the same: a digest of all that decides the answer, and of whose it is.

Laws: equal requests have equal digests, in every process and on every machine; two different ones have
different digests (SHA-256 over an encoding in which nothing can be taken for something else). A field at its
default counts as absent, so that a new one does not make old digests worthless. A field counts unless it
is in `ASIDE`.
"""

import hashlib
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from operator import attrgetter
from typing import Any

import attrs

from domain.model.call import ChatCall
from domain.model.chat import ChatRequest

ASIDE = frozenset(
    {
        "labels",  # attribution: for the account, not for the provider
        "timeouts",  # patience is the caller's own
        "routing",  # the plan counts, which is made of it, see below
        "on_disconnect",  # what happens when it leaves
        "response_cache",
        "idempotency_key",
        "provider_options",  # those of the providers that may be asked count, see below
    }
)
"""Fields of a request that do not change its answer."""
_VERSION = b"llmservice 1"


def fingerprint(call: ChatCall, makers: bytes) -> bytes:
    """Return the digest of `call`, whose plan is made.

    Args:
        call: Its caller and the scope it names are part of the digest.
        makers: Digests of how the providers of its plan are configured, which decides the answer too.
    """
    request = call.request
    policy = request.response_cache
    out = [_VERSION, makers]
    put = out.append
    _text(call.caller.name, put)
    _text(policy.scope if policy is not None else "", put)
    for (key, default), value in zip(_REQUEST, _VALUES(request), strict=True):
        if value is not default and value != default:
            put(key)
            (_RULES.get(type(value)) or _rule(type(value)))(value, put)
    _options(request, request.provider, put)
    for target in call.plan[1:]:
        put(b"or")
        _text(target.provider, put)
        _text(target.model, put)
        _options(request, target.provider, put)
    return hashlib.sha256(b"".join(out)).digest()


def digest(value: Any) -> bytes:
    """Return the digest of `value`: plain values, mappings, sequences and attrs classes of them."""
    out: list[bytes] = [_VERSION]
    _rule(type(value))(value, out.append)
    return hashlib.sha256(b"".join(out)).digest()


_Put = Callable[[bytes], None]


def _options(request: ChatRequest, provider: str, put: _Put) -> None:
    options = request.provider_options.get(provider)
    if options:
        put(b"options")
        _mapping(options, put)


def _text(value: str, put: _Put) -> None:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair may come in JSON.
        data = value.encode("utf-8", "surrogatepass")
    put(b"s%d:" % len(data))
    put(data)


def _bytes(value: bytes, put: _Put) -> None:
    put(b"b%d:" % len(value))
    put(value)


def _number(value: float, put: _Put) -> None:
    put(f"{type(value).__name__}{value!r};".encode())


def _none(_: None, put: _Put) -> None:
    put(b"n;")


def _sequence(value: Any, put: _Put) -> None:
    put(b"l%d:" % len(value))
    for each in value:
        (_RULES.get(type(each)) or _rule(type(each)))(each, put)


def _set(value: Any, put: _Put) -> None:
    _sequence(sorted(value), put)


def _mapping(value: Mapping[str, Any], put: _Put) -> None:
    put(b"m%d:" % len(value))
    for name in sorted(value):
        _text(name, put)
        each = value[name]
        _rule(type(each))(each, put)


def _word(value: Enum, put: _Put) -> None:
    # `name` is a property that costs as much as the rest.
    _text(f"{type(value).__name__}.{value._name_}", put)


_RULES: dict[type, Callable[[Any, _Put], None]] = {
    str: _text,
    bytes: _bytes,
    bool: _number,
    int: _number,
    float: _number,
    type(None): _none,
    tuple: _sequence,
    list: _sequence,
    frozenset: _set,
    dict: _mapping,
}


def _rule(kind: type) -> Callable[[Any, _Put], None]:
    found = _RULES.get(kind)
    if found is None:
        found = _RULES[kind] = _made(kind)
    return found


def _made(kind: type) -> Callable[[Any, _Put], None]:
    if attrs.has(kind):
        return partial(_object, f"o{kind.__name__}:".encode(), _fields(kind))
    if issubclass(kind, Enum):
        return _word
    if issubclass(kind, Mapping):
        return _mapping
    raise TypeError(f"{kind.__name__} has no canonical form")


_Fields = tuple[tuple[str, bytes, Any], ...]


def _object(head: bytes, fields: _Fields, value: Any, put: _Put) -> None:
    put(head)
    for name, key, default in fields:
        each = getattr(value, name)
        if each is not default and each != default:
            put(key)
            (_RULES.get(type(each)) or _rule(type(each)))(each, put)
    put(b".")


def _fields(kind: Any) -> _Fields:
    # What is derived from other fields says nothing new.
    return tuple(
        (each.name, f"f{each.name}:".encode(), _default(each))
        for each in attrs.fields(kind)
        if each.init
    )


def _default(field: "attrs.Attribute[Any]") -> Any:
    # NOTHING, where there is none, is equal to nothing else.
    default: Any = field.default
    if not isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return default
    return attrs.NOTHING if default.takes_self else default.factory()


_COUNTED = tuple(each for each in _fields(ChatRequest) if each[0] not in ASIDE)
_REQUEST = tuple((key, default) for _, key, default in _COUNTED)
_VALUES = attrgetter(*(name for name, _, _ in _COUNTED))
