"""Which models a caller may use.

A glob of ``provider/model`` is matched as a whole, with case: ``*`` stands for any characters, slashes among
them, ``?`` for one, ``[ab]`` for one of these.
"""

from fnmatch import fnmatchcase

from domain.model.caller import Caller
from domain.model.errors import AccessDenied

GRANT = "models/"
"""What a glob begins with that grants public names."""
READ_ALL_USAGE = "usage.read_all"
"""The scope of those who may read everybody's records."""

READ_METRICS = "metrics.read"
"""The scope of those who may read the metrics from other machines."""
READ_CONSOLE = "console"
"""The scope of those who may look at the console from other machines."""
CANCEL_CALLS = "console.cancel"
"""The scope of those who may look at the console, and cancel anybody's calls there."""
SCOPES = (READ_ALL_USAGE, READ_METRICS, READ_CONSOLE, CANCEL_CALLS)
"""All that there are."""


def may_use(caller: Caller, provider: str, model: str) -> bool:
    """Return whether `caller` may use `model` of `provider`, both as resolved."""
    if not caller.allow:
        return True
    name = f"{provider}/{model}"
    return any(fnmatchcase(name, glob) for glob in caller.allow)


def is_granted(caller: Caller, public: str) -> bool:
    """Return whether `caller` may use whatever the public name `public` stands for.

    Only a glob that says so grants it, ``models/NAME``: one of providers does not become one of names.
    """
    name = GRANT + public
    return any(glob.startswith(GRANT) and fnmatchcase(name, glob) for glob in caller.allow)


def may_reach(caller: Caller, provider: str) -> bool:
    """Return whether `caller` might use a model of `provider`, and so may hear of that provider."""
    return not caller.allow or any(
        fnmatchcase(provider, glob.partition("/")[0]) for glob in caller.allow
    )


def usage_readable(caller: Caller) -> str | None:
    """Return whose records `caller` may read: its own by default; None: everybody's."""
    return None if READ_ALL_USAGE in caller.scopes else caller.name


def demand_use(caller: Caller, provider: str, model: str) -> None:
    """Do nothing if `caller` may use `model` of `provider`, both as resolved.

    Raises:
        AccessDenied: It may not. The message names the model, and no other.
    """
    if not may_use(caller, provider, model):
        raise AccessDenied(
            f"caller {caller.name!r} may not use {provider}/{model}: ask the operator of the service"
            " to allow it"
        )
