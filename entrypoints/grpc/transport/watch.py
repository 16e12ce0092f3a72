"""The task that looks at the clock for a connection."""

from collections.abc import Callable, Mapping

import attrs
import trio

from entrypoints.grpc.transport.vigil import Due, Vigil


@attrs.define(eq=False)
class Watch:
    """Does what is due when it is due."""

    _vigil: Vigil
    _rules: Mapping[Due, Callable[[], object]]
    _sleep: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            now_s = trio.current_time()
            at_s, due = self._vigil.next(now_s)
            if at_s > now_s:
                with trio.CancelScope() as self._sleep:
                    await trio.sleep_until(at_s)
            else:
                rule = self._rules.get(due)
                if rule is not None:
                    rule()
                await trio.lowlevel.checkpoint()

    def look_again(self) -> None:
        """Notice at once what may now be due sooner."""
        self._sleep.cancel()
