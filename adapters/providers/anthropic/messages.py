"""The conversation as ``system`` and ``messages``.

Laws: leading system text is the request's ``system``; a later system message stays one where the model takes
it and its place is allowed (directly after a user's turn, and before the assistant's or at the end), and
else joins the user's turn, with a warning. Turns of one role that follow one another are one turn. The first
turn is the user's. The results of one assistant turn are all in the next user turn, before everything else
in it.

Source: https://platform.claude.com/docs/en/api/messages,
.../build-with-claude/mid-conversation-system-messages, .../agents-and-tools/tool-use/handle-tool-calls
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from adapters.providers.anthropic.blocks import blocks
from adapters.providers.anthropic.draft import Block, Draft, Turn
from domain.model.chat import Message, Role

_ROLES: Mapping[Role, str] = {
    Role.SYSTEM: "system",
    Role.DEVELOPER: "system",
    Role.USER: "user",
    Role.TOOL: "user",
    Role.ASSISTANT: "assistant",
}


def conversation(
    messages: Sequence[Message], draft: Draft
) -> tuple[Sequence[Block], Sequence[Turn]]:
    """Return `messages` as system text and turns, each of them with at least one block."""
    turns = [
        Turn(
            role := _ROLES[message.role],
            path := f"messages[{index}]",
            blocks(message, role, path, draft),
        )
        for index, message in enumerate(messages)
    ]
    leading = 0
    while leading < len(turns) and turns[leading].role == "system":
        leading += 1
    system = [block for turn in turns[:leading] for block in turn.blocks]
    said = _joined(_placed(_joined(turns[leading:]), draft))
    for turn in said:
        if turn.role == "user":
            turn.blocks.sort(key=lambda block: block.type != "tool_result")
    _end(said, draft)
    _check(said, draft)
    return system, said


def _joined(turns: Iterable[Turn]) -> list[Turn]:
    said: list[Turn] = []
    for turn in turns:
        if not turn.blocks:
            continue
        if said and said[-1].role == turn.role:
            said[-1].blocks += turn.blocks
        else:
            said.append(turn)
    return said


def _placed(turns: Sequence[Turn], draft: Draft) -> Sequence[Turn]:
    for index, turn in enumerate(turns):
        if turn.role != "system":
            continue
        follows = index > 0 and turns[index - 1].role == "user"
        precedes = index + 1 == len(turns) or turns[index + 1].role == "assistant"
        if not (draft.facts.system_in_messages and follows and precedes):
            turn.role = "user"
            draft.adjust(
                turn.path, f"is no system message to {draft.model} here: it joins the user's turn"
            )
    return turns


def _end(turns: list[Turn], draft: Draft) -> None:
    """Make the end of the conversation one that the model can go on from."""
    if not turns or turns[-1].role != "assistant":
        return
    last = turns[-1]
    if last.blocks[-1].type == "tool_use":
        draft.refuse(last.blocks[-1].path, "has no result: send one in a message with role 'tool'")
    elif not draft.facts.prefill:
        draft.refuse(
            last.path, f"{draft.model} cannot go on from an assistant message: end with the user's"
        )
    elif last.blocks[-1].type == "text":
        text: str = last.blocks[-1].fields["text"]
        if text != text.rstrip():
            last.blocks[-1].fields["text"] = text.rstrip()
            draft.adjust(last.path, "ends in white space, which is left out")


def _check(turns: Sequence[Turn], draft: Draft) -> None:
    if not turns:
        draft.refuse("messages", "hold nothing to answer: send a user message that is not empty")
        return
    if turns[0].role != "user":
        draft.refuse(f"{turns[0].path}.role", "the user speaks first: put a user message before it")
    _check_results((), turns[0], draft)
    for before, after in pairwise(turns):
        calls = [block for block in before.blocks if block.type == "tool_use"]
        _check_results(calls, after, draft)


def _check_results(calls: Sequence[Block], answer: Turn, draft: Draft) -> None:
    """Hold that `answer` has one result for each of `calls`, and no other."""
    open_calls: dict[str, Block] = {}
    for call in calls:
        if call.fields["id"] in open_calls:
            draft.refuse(f"{call.path}.tool_call.id", "is another call's id too")
        open_calls[call.fields["id"]] = call
    for block in answer.blocks:
        if (
            block.type == "tool_result"
            and open_calls.pop(block.fields["tool_use_id"], None) is None
        ):
            draft.refuse(
                f"{block.path}.tool_result.tool_call_id",
                "answers no open call of the assistant message before it",
            )
    for call in open_calls.values():
        draft.refuse(call.path, "has no result: send one in the message after it, with role 'tool'")
