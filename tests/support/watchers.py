"""Somebody who watches calls and notes what it is told."""

import attrs

from domain.model.errors import ErrorReason
from domain.model.usage import Attempt
from domain.model.watch import LiveAttempt, Resort
from ports.telemetry import CallEnd, LiveCall


@attrs.define(eq=False)
class Notes:
    """Watches everything.

    Attributes:
        told: In the order told, each with who was told.
        calls: All that began.
        ended: All that ended.
        attempts: All that were about to be made.
        settled: What became of them; ``None``: no provider was asked.
        span: Is put in the place of every traceparent, if it is not empty.
    """

    name: str = ""
    span: str = ""
    told: list[tuple[str, str]] = attrs.field(factory=list)
    calls: list[LiveCall] = attrs.field(factory=list)
    ended_: list[tuple[LiveCall, CallEnd]] = attrs.field(factory=list)
    attempts: list[LiveAttempt] = attrs.field(factory=list)
    settled: list[Attempt | None] = attrs.field(factory=list)
    admitted_: list[float] = attrs.field(factory=list)
    refused_: list[ErrorReason] = attrs.field(factory=list)
    resorts: list[Resort] = attrs.field(factory=list)
    rejections: list[tuple[str, str]] = attrs.field(factory=list)

    def call(self, call: LiveCall, /) -> "CallNotes":
        self.told.append((self.name, "call"))
        self.calls.append(call)
        if self.span:
            call.traceparent = self.span
        return CallNotes(self)

    def rejected(self, code: str, reason: str, /) -> None:
        self.told.append((self.name, "rejected"))
        self.rejections.append((code, reason))


@attrs.frozen
class CallNotes:
    """Watches one call."""

    notes: Notes

    def attempt(self, live: LiveAttempt, /) -> "AttemptNotes":
        self.notes.told.append((self.notes.name, "attempt"))
        self.notes.attempts.append(live)
        if self.notes.span:
            live.traceparent = f"{live.traceparent}/attempt"
        return AttemptNotes(self.notes)

    def admitted(self, queued_s: float, /) -> None:
        self.notes.told.append((self.notes.name, "admitted"))
        self.notes.admitted_.append(queued_s)

    def refused(self, reason: ErrorReason, /) -> None:
        self.notes.told.append((self.notes.name, "refused"))
        self.notes.refused_.append(reason)

    def resorted(self, resort: Resort, /) -> None:
        self.notes.told.append((self.notes.name, "resorted"))
        self.notes.resorts.append(resort)

    def ended(self, call: LiveCall, end: CallEnd, /) -> None:
        self.notes.told.append((self.notes.name, "call ended"))
        self.notes.ended_.append((call, end))


@attrs.frozen
class AttemptNotes:
    """Watches one attempt."""

    notes: Notes

    def ended(self, live: LiveAttempt, attempt: Attempt | None, /) -> None:
        self.notes.told.append((self.notes.name, "attempt ended"))
        self.notes.settled.append(attempt)
