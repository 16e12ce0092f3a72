"""`llmservice serve`: the server as a process.

Ready is told last: the log line `serving` and the address file come once calls are accepted. The first SIGINT
or SIGTERM takes no new connections and lets calls finish for as long as the grace lasts; a second one cuts
them. SIGHUP reloads what can be reloaded.
"""

import argparse
import gc
import os
from collections.abc import Callable
from functools import partial

import attrs
import trio
from loguru import logger

from domain.groups import single_error_unwrapped
from domain.services.watching import together
from entrypoints.account import AccountUnusable, open_account
from entrypoints.answer_store import CacheUnusable
from entrypoints.callers import open_callers
from entrypoints.cli.address_file import told_in
from entrypoints.cli.endings import DONE, BadUsage, OperationFailed
from entrypoints.cli.logs import open_log, told_to
from entrypoints.cli.reload import certificates, known, reload_on_hangup
from entrypoints.cli.signals import stop_on_signals
from entrypoints.cli.voice import Alone, Voice, Worker
from entrypoints.cli.workers import supervise
from entrypoints.compose import open_service
from entrypoints.exposure import exposed
from entrypoints.grpc.authentication import Admission
from entrypoints.grpc.serve import serve_grpc
from entrypoints.grpc.told import Told
from entrypoints.grpc.transport.draining import Draining
from entrypoints.grpc.transport.listeners import CannotListen
from entrypoints.grpc.transport.tls import Tls, TlsUnusable
from entrypoints.known_callers import caller_table
from entrypoints.limit_store import LimitsUnusable
from entrypoints.seeing import open_seeing
from entrypoints.settings.grpc import GrpcSettings
from entrypoints.settings.loading import SettingsError, load_settings
from entrypoints.settings.tree import Settings
from entrypoints.traces import TracesUnusable, open_traces
from ports.telemetry import Telemetry


def command(asked: argparse.Namespace) -> int:
    """Serve until told to stop.

    Raises:
        BadUsage: The configuration makes no sense, or is not safe.
        OperationFailed: The address cannot be bound, the file not written, or the account not opened.
    """
    try:
        settings = _load(asked)
    except SettingsError as error:
        raise BadUsage(str(error)) from error
    draining = Draining()
    voice: Voice = Worker.at(asked.link) if asked.worker else Alone()
    # Of several workers, which one it is stands in every line.
    with open_log(settings, fields={"worker": asked.worker} if asked.worker else {}) as log:
        if asked.workers > 1:
            return supervise(asked, settings)
        told = told_to(log, settings.logs)
        try:
            tls = Tls.load(settings.grpc.tls) if settings.grpc.tls.certificate else None
            with (
                open_traces(settings, os.environ, logger.warning) as traces,
                single_error_unwrapped(),
            ):
                trio.run(_serve, settings, tls, asked, draining, voice, told, traces)
        except (TlsUnusable, TracesUnusable) as error:
            raise BadUsage(str(error)) from error
        except (AccountUnusable, LimitsUnusable, CacheUnusable, CannotListen) as error:
            raise OperationFailed(str(error)) from error
        voice.stopped(draining)
    return DONE


def _load(asked: argparse.Namespace) -> Settings:
    """Return the settings in force: those of the file and the environment, and what was asked for.

    Raises:
        SettingsError: They make no sense.
    """
    loaded = load_settings(asked.config)
    return attrs.evolve(loaded, grpc=_asked_address(loaded.grpc, asked))


async def _serve(
    settings: Settings,
    tls: Tls | None,
    asked: argparse.Namespace,
    draining: Draining,
    voice: Voice,
    told: Told,
    traces: Telemetry | None,
) -> None:
    callers = caller_table(settings.callers)
    async with trio.open_nursery() as outer:
        # Before calls are accepted there is nothing to be waited for.
        draining.when_begun(lambda: None if draining.serving else outer.cancel_scope.cancel())
        await outer.start(stop_on_signals, draining.begin, draining.hurry)
        outer.start_soon(voice.follow, draining)
        # What can change while the server runs.
        reloaders = [known(callers)] if tls is None else [known(callers), certificates(tls)]
        await outer.start(reload_on_hangup, settings, lambda: _load(asked), reloaders)
        # First, so that it is open until every record is written.
        async with (
            open_account(settings.account, os.environ, logger.warning) as account,
            open_callers(callers, account, logger.info) as admission,
        ):
            _demand_safety(settings, admission, asked)
            async with (
                # Before the service, so that whoever looks on sees it open, and its end.
                open_seeing(
                    settings.http,
                    account,
                    admission,
                    draining,
                    told.dropped,
                    voice.shows if asked.worker else None,
                ) as seeing,
                open_service(
                    settings, account=account, progress=logger.info, inside=seeing.inside
                ) as service,
                # Inside, so that calls end before what serves them is closed.
                trio.open_nursery() as nursery,
            ):
                serve = partial(
                    serve_grpc,
                    service,
                    settings.grpc,
                    admission,
                    tls=tls,
                    draining=draining,
                    # Traces first: the others are told of a call with its place in the trace.
                    telemetry=together(
                        [each for each in (traces, seeing.telemetry) if each is not None]
                    ),
                    show=seeing.show,
                    told=told,
                )
                try:
                    address = await nursery.start(serve)
                except CannotListen as error:
                    raise OperationFailed(str(error)) from error
                # Outside, so that a second signal is heard while the service is left; it is only told times.
                outer.start_soon(
                    _end_with,
                    draining,
                    service.end_by,  # noqa: ASYNC111
                    settings.grpc.drain_grace_s,
                )
                # What is there now stays: the garbage collector need not look at it again.
                gc.freeze()
                with told_in(asked.address_file, f"{address}\n"):
                    voice.serving(address)
                    seeing.begin()
                    await draining.wait()
        # Not before the account is closed, which counts until then.
        await voice.tell_last()
        outer.cancel_scope.cancel()


async def _end_with(draining: Draining, end_by: Callable[[float], None], grace_s: float) -> None:
    """Have what is read on for callers that are gone end when calls have to."""
    await draining.wait()
    end_by(trio.current_time() + grace_s)
    await draining.wait_hurried()
    end_by(trio.current_time())


def _demand_safety(settings: Settings, admission: Admission, asked: argparse.Namespace) -> None:
    unsafe = exposed(settings, demanding=admission.demanding())
    if unsafe is not None and not asked.insecure:
        raise BadUsage(unsafe)


def _asked_address(grpc: GrpcSettings, asked: argparse.Namespace) -> GrpcSettings:
    """Return `grpc` with the address of the command line, which is the only one if it says any."""
    if asked.host is None and asked.port is None:
        return grpc
    return attrs.evolve(
        grpc,
        host=grpc.host if asked.host is None else asked.host,
        port=grpc.port if asked.port is None else asked.port,
        listen=(),
    )
