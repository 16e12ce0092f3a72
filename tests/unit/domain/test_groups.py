"""A task group's failure, as itself."""

import pytest
import trio

from domain.groups import only_error_as_itself, single_error_unwrapped


def raised(error: Exception) -> Exception:
    """Return what comes out of the block that `error` ends."""
    try:
        with single_error_unwrapped():
            raise error
    except Exception as outcome:  # noqa: BLE001 - it is what the test is about
        return outcome


def test_a_single_error_comes_out_as_itself_from_any_depth() -> None:
    error = ValueError("x")
    assert raised(ExceptionGroup("a", [error])) is error
    assert raised(ExceptionGroup("a", [ExceptionGroup("b", [error])])) is error


def test_a_single_error_keeps_its_cause() -> None:
    error, cause = ValueError("x"), KeyError("y")
    error.__cause__ = cause
    assert raised(ExceptionGroup("a", [error])).__cause__ is cause


def test_several_errors_stay_together() -> None:
    group = ExceptionGroup("a", [ValueError("x"), KeyError("y")])
    assert raised(group) is group


def test_the_innermost_group_of_several_comes_out() -> None:
    inner = ExceptionGroup("b", [ValueError("x"), KeyError("y")])
    assert raised(ExceptionGroup("a", [inner])) is inner


def test_an_error_without_a_group_is_let_through() -> None:
    error = ValueError("x")
    assert raised(error) is error


def test_no_error_is_no_error() -> None:
    with single_error_unwrapped():
        done = True
    assert done


async def test_what_is_not_an_error_is_let_through() -> None:
    with pytest.RaisesGroup(KeyboardInterrupt, ValueError), single_error_unwrapped():
        await trio.lowlevel.checkpoint()
        raise BaseExceptionGroup("a", [KeyboardInterrupt(), ValueError("x")])


async def test_an_error_beside_cancellation_comes_out_as_itself() -> None:
    error = ValueError("x")

    async def fails_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise error

    async def side_by_side() -> None:
        with trio.CancelScope() as scope, single_error_unwrapped():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fails_when_cancelled)
                nursery.start_soon(trio.sleep_forever)
                scope.cancel()

    with pytest.raises(ValueError, match="x") as caught:
        await side_by_side()
    assert caught.value is error


async def test_cancellation_alone_is_let_through() -> None:
    with trio.CancelScope() as scope, single_error_unwrapped():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            scope.cancel()
    assert scope.cancelled_caught


def test_the_only_error_comes_out_as_itself_and_several_stay_together() -> None:
    error = ValueError("x")
    with pytest.raises(ValueError, match="x") as caught, only_error_as_itself():
        raise ExceptionGroup("a", [error])
    assert caught.value is error
    with pytest.RaisesGroup(ValueError, KeyError), only_error_as_itself():
        raise ExceptionGroup("a", [error, KeyError("y")])


def test_a_group_that_the_block_raised_itself_stays_one() -> None:
    inner = ExceptionGroup("b", [ValueError("x")])
    with pytest.RaisesGroup(ValueError) as caught, only_error_as_itself():
        raise ExceptionGroup("a", [inner])
    assert caught.value is inner
