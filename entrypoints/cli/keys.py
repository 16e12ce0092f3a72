"""`llmservice keys`: callers' keys in the database of the configuration.

Laws: a token goes to stdout once, when it is made, and nothing else does with it; it is never an argument, is
written nowhere, and only its digest leaves this process.
"""

import argparse
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Awaitable, Callable, Mapping

import anyio

from adapters.callers.table import KnownCaller
from adapters.storage.sql.caller_keys import KeyMissing, KeyTaken, SqlCallerKeys
from adapters.storage.sql.database import DatabaseUnusable, open_database
from entrypoints.account import AccountUnusable, database_url
from entrypoints.cli.endings import DONE, BadUsage, OperationFailed
from entrypoints.cli.key_list import print_keys
from entrypoints.cli.key_options import changed, said
from entrypoints.known_callers import known_callers, settings_of
from entrypoints.settings.callers import FIT, is_fit
from entrypoints.settings.loading import SettingsError, load_settings
from entrypoints.settings.tree import Settings

PREFIX = "llmsk_"
"""How every token begins, so that scanners for secrets, and people, know one when they see it."""
_BYTES = 32


def command(asked: argparse.Namespace) -> int:
    """Do what is asked with the keys.

    Raises:
        BadUsage: The configuration or what is asked makes no sense.
        OperationFailed: There is no such key, or there is one already; or the database cannot be had.
    """
    try:
        settings = load_settings(asked.config)
        url = database_url(settings.account, os.environ)
    except (SettingsError, AccountUnusable) as error:
        raise BadUsage(str(error)) from error
    if url == "memory":
        raise BadUsage(
            "keys are kept in the account's database, and account.database is memory: name a database, or"
            " configure [callers.NAME]"
        )
    try:
        anyio.run(_do, url, settings, asked, backend="trio")
    except DatabaseUnusable as error:
        raise OperationFailed(str(error)) from error
    except KeyMissing as error:
        there = f"there are: {', '.join(error.names)}" if error.names else "there are none yet"
        raise OperationFailed(f"there is no key {asked.name!r}; {there}") from error
    return DONE


async def _do(url: str, settings: Settings, asked: argparse.Namespace) -> None:
    async with open_database(url) as database:
        await _ACTIONS[asked.action](SqlCallerKeys(database), settings, asked)


async def _create(keys: SqlCallerKeys, settings: Settings, asked: argparse.Namespace) -> None:
    name = asked.name
    if not is_fit(name):
        raise BadUsage(f"{name!r} is no fit name: {FIT}")
    if name in settings.callers:
        raise OperationFailed(
            f"{name!r} is in the configuration, [callers.{name}]: take another name"
        )
    token = _new_token()
    wanted = said(asked) | {"token_sha256": _digest(token).hex()}
    (known,) = known_callers({name: changed(None, wanted)})
    try:
        first = await keys.create(known)
    except KeyTaken as error:
        remedy = (
            f"it was revoked; `llmservice keys rotate {name}` gives it a new token"
            if error.revoked
            else f"`llmservice keys set {name}` changes it, `llmservice keys rotate {name}` replaces its"
            " token"
        )
        raise OperationFailed(f"there is a key {name!r} already: {remedy}") from error
    _hand_over(token)
    _tell(f"{name} may call; running servers know within 2 s. The token is not shown again.")
    if first and not settings.callers:
        _tell(
            "It is the first key: from now on servers with this database, running ones too, refuse calls"
            " without a valid one."
        )


async def _rotate(keys: SqlCallerKeys, _: Settings, asked: argparse.Namespace) -> None:
    token = _new_token()
    await keys.rotate(asked.name, _digest(token))
    _hand_over(token)
    _tell(
        f"{asked.name} has a new token; the old one is refused within 2 s. It is not shown again."
    )


async def _set(keys: SqlCallerKeys, _: Settings, asked: argparse.Namespace) -> None:
    wanted = said(asked)
    if not wanted:
        raise BadUsage(f"say what to change: `llmservice keys set {asked.name} --help`")

    def change(known: KnownCaller) -> KnownCaller:
        (new,) = known_callers({known.caller.name: changed(settings_of(known), wanted)})
        return new

    await keys.change(asked.name, change)
    _tell(f"{asked.name} is changed; running servers know within 2 s.")


async def _revoke(keys: SqlCallerKeys, _: Settings, asked: argparse.Namespace) -> None:
    if await keys.revoke(asked.name):
        _tell(f"{asked.name} is revoked; running servers refuse it within 2 s.")
    else:
        _tell(f"{asked.name} had been revoked already.")


async def _list(keys: SqlCallerKeys, _: Settings, asked: argparse.Namespace) -> None:
    print_keys(await keys.all(), as_json=asked.json)


_ACTIONS: Mapping[str, Callable[[SqlCallerKeys, Settings, argparse.Namespace], Awaitable[None]]] = {
    "create": _create,
    "rotate": _rotate,
    "set": _set,
    "revoke": _revoke,
    "list": _list,
}


def _new_token() -> str:
    return PREFIX + secrets.token_urlsafe(_BYTES)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _hand_over(token: str) -> None:
    print(token, flush=True)
    if _others_read_stdout():
        _tell(
            "note: others on this machine may read the file that the token went to: `chmod 600` it, and say"
            " `umask 077` before the next one"
        )


def _others_read_stdout() -> bool:
    try:
        status = os.fstat(sys.stdout.fileno())
    except OSError:
        # A program that calls this one has put something else in its place.
        return False
    return stat.S_ISREG(status.st_mode) and bool(status.st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)
