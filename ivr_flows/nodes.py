"""One reader per kind of node: YAML mapping -> frozen node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from ivr_flows.errors import FlowError
from ivr_flows.fields import TEXT_KEY, Fields, KnownNames
from ivr_flows.model import (
    BranchNode,
    Condition,
    DisconnectNode,
    FieldNode,
    GotoNode,
    MarkKind,
    MarkNode,
    MenuNode,
    Node,
    OptOutNode,
    Prompt,
    PromptKind,
    RecordNode,
    Reprompt,
    ReturnNode,
    SaveNode,
    SayNode,
    Scope,
    SmsNode,
    SubdialogNode,
    TakeBackNode,
    TransferNode,
)
from ivr_flows.reader import Table, Text, Value

ANSWER_KINDS: Final = {"digits": PromptKind.DIGITS, "number": PromptKind.NUMBER, "hour": PromptKind.HOUR}
MAX_PROMPTS = 20
MAX_CASES = 20
_KEYS = frozenset("0123456789*#")
_INSTEAD = frozenset("*#")


def read_prompts(fields: Fields, key: str, names: KnownNames) -> tuple[Prompt, ...]:
    """The prompts under `key`: text keys, or mappings such as `{hour: closes_at}` and `{text: booth.until, with: [closes_at]}`."""
    items = fields.items(key)
    if len(items) > MAX_PROMPTS:
        raise fields.error(f"`{key}:` has more than {MAX_PROMPTS} prompts; split the node", key)
    return tuple(_read_prompt(item, fields, names) for item in items)


def _read_prompt(item: Value, fields: Fields, names: KnownNames) -> Prompt:
    if isinstance(item, Text):
        return Prompt(PromptKind.TEXT, _text_key(item.value, item.line, fields))
    if not isinstance(item, Table):
        raise FlowError(fields.file, item.line, fields.node, "has a list where a prompt must stand")
    inner = Fields(item, fields.file, fields.node)
    kinds = [key for key in inner.key_names() if key != "with"]
    if len(kinds) != 1 or kinds[0] not in set(PromptKind):
        problem = f"has a prompt that is not one of {', '.join(PromptKind)}; write for instance {{hour: closes_at}}"
        raise FlowError(fields.file, item.line, fields.node, problem)
    kind = PromptKind(kinds[0])
    if kind is PromptKind.TEXT:
        needs = tuple(_read_need(need, inner, names) for need in inner.items("with"))
        prompt = Prompt(kind, _text_key(inner.text("text"), item.line, fields), needs)
    elif kind is PromptKind.RECORDING:
        prompt = Prompt(kind, inner.name("recording"))
    else:
        name = inner.name(kind.value)
        if names.kind_of(name) is None:
            raise inner.error(
                f"speaks {name}, which is neither a fact nor an answer of this flow; declare it in `facts:`"
            )
        prompt = Prompt(kind, name)
    inner.finish()
    return prompt


def _read_need(item: Value, fields: Fields, names: KnownNames) -> tuple[str, PromptKind]:
    if not isinstance(item, Text):
        raise FlowError(fields.file, item.line, fields.node, "`with:` lists names of facts or answers")
    kind = names.kind_of(item.value)
    if kind is None:
        known = ", ".join(sorted({*names.facts, *names.answers})) or "none"
        problem = "`with:` names what is neither a fact nor an answer of this flow; "
        raise FlowError(fields.file, item.line, fields.node, f"{problem}declare it in `facts:` (there: {known})")
    return item.value, kind


def _text_key(value: str, line: int, fields: Fields) -> str:
    if not TEXT_KEY.fullmatch(value):
        problem = "has a text key that is not of the form `turnout.question` (a to z, 0 to 9, _ and dots)"
        raise FlowError(fields.file, line, fields.node, problem)
    return value


def read_reprompt(fields: Fields, key: str, names: KnownNames) -> Reprompt | None:
    """`no_input:` or `no_match:` of a node or of a whole flow; None where it is not given."""
    table = fields.table(key)
    if table is None:
        return None
    inner = Fields(table, fields.file, fields.node)
    reprompt = Reprompt(
        reprompts=inner.integer("reprompts", 1, 0, 9),
        prompts=read_prompts(inner, "say", names),
        then=inner.name("then"),
    )
    inner.finish()
    return reprompt


def _own_reprompt(fields: Fields, key: str, names: KnownNames, inherited: Reprompt | None) -> Reprompt:
    found = read_reprompt(fields, key, names) or inherited
    if found is None:
        raise fields.error(f"lacks `{key}:` and the flow has none; say what follows when the caller does not answer")
    return found


def _prompts_needed(fields: Fields, key: str, names: KnownNames) -> tuple[Prompt, ...]:
    prompts = read_prompts(fields, key, names)
    if not prompts:
        raise fields.error(f"`{key}:` has no prompts; give at least one text key", key)
    return prompts


def _read_say(fields: Fields, names: KnownNames) -> Node:
    return SayNode(
        fields.node,
        fields.line,
        prompts=_prompts_needed(fields, "say", names),
        barge_in=fields.yes("barge_in", False),
        next=fields.name("next"),
    )


def _read_menu(fields: Fields, names: KnownNames) -> Node:
    return MenuNode(
        fields.node,
        fields.line,
        prompts=_prompts_needed(fields, "menu", names),
        barge_in=fields.yes("barge_in", True),
        timeout_seconds=fields.number("timeout_seconds", 5, 1, 60),
        choices=MappingProxyType(_read_choices(fields, _KEYS, 'one of 0 to 9, "*" and "#"')),
        answer=fields.optional_name("answer"),
        no_input=_own_reprompt(fields, "no_input", names, names.no_input),
        no_match=_own_reprompt(fields, "no_match", names, names.no_match),
    )


def _read_choices(fields: Fields, keys: frozenset[str], known: str) -> dict[str, str]:
    table = fields.table("choices")
    if table is None or not table.values:
        raise fields.error("lacks `choices:`; add for instance `1: voted`")
    inner = Fields(table, fields.file, fields.node)
    for key in inner.key_names():
        if key not in keys:
            raise inner.error(f"has a choice that is no key of a telephone, or means something else; use {known}", key)
    return {key: inner.name(key) for key in inner.key_names()}


def _read_field(fields: Fields, names: KnownNames) -> Node:
    min_digits = fields.integer("min_digits", 1, 1, 20)
    max_digits = fields.integer("max_digits", None, 1, 20)
    if min_digits > max_digits:
        raise fields.error("`min_digits:` is more than `max_digits:`", "min_digits")
    choices: dict[str, str] = {}
    if "choices" in fields.key_names():
        choices = _read_choices(fields, _INSTEAD, '"#" or "*": what is keyed instead of digits')
    return FieldNode(
        fields.node,
        fields.line,
        prompts=_prompts_needed(fields, "say", names),
        barge_in=fields.yes("barge_in", True),
        answer=fields.name("field"),
        reads=ANSWER_KINDS[fields.choice("reads", list(ANSWER_KINDS), "digits")],
        min_digits=min_digits,
        max_digits=max_digits,
        terminator=fields.choice("terminator", ("#", "*", ""), "#"),
        timeout_seconds=fields.number("timeout_seconds", 5, 1, 60),
        between_seconds=fields.number("between_seconds", 3, 0.5, 30),
        lowest=_read_bound(fields, "lowest", names),
        highest=_read_bound(fields, "highest", names),
        one_of=_known_answer(fields, "one_of", names),
        choices=MappingProxyType(choices),
        no_input=_own_reprompt(fields, "no_input", names, names.no_input),
        no_match=_own_reprompt(fields, "no_match", names, names.no_match),
        next=fields.name("next"),
    )


def _read_bound(fields: Fields, key: str, names: KnownNames) -> int | str | None:
    bound = fields.bound(key)
    return _known(fields, key, bound, names) if isinstance(bound, str) else bound


def _known(fields: Fields, key: str, name: str, names: KnownNames) -> str:
    if names.kind_of(name) is None:
        raise fields.error(f"`{key}: {name}` is neither a fact nor an answer of this flow; declare it in `facts:`", key)
    return name


def _known_answer(fields: Fields, key: str, names: KnownNames) -> str | None:
    name = fields.optional_name(key)
    if name is not None and name not in names.answers and name not in names.facts:
        raise fields.error(f"`{key}: {name}` is no answer of this flow; use the name of a field", key)
    return name


def _read_branch(fields: Fields, names: KnownNames) -> Node:
    cases = fields.items("branch")
    if not 1 <= len(cases) <= MAX_CASES:
        raise fields.error(f"`branch:` has {len(cases)} cases; give 1 to {MAX_CASES}", "branch")
    conditions = tuple(_read_case(case, fields, names) for case in cases)
    return BranchNode(fields.node, fields.line, conditions=conditions, otherwise=fields.name("otherwise"))


def _read_case(case: Value, fields: Fields, names: KnownNames) -> Condition:
    if not isinstance(case, Table):
        problem = "a case of `branch:` is a mapping such as {when: pending_voters, above: 1, goto: household}"
        raise FlowError(fields.file, case.line, fields.node, problem)
    inner = Fields(case, fields.file, fields.node)
    tests = [key for key in ("known", "equals", "above", "below") if key in case.values]
    if len(tests) != 1:
        raise inner.error("a case of `branch:` has exactly one of known, equals, above, below")
    condition = Condition(
        name=_known(inner, "when", inner.name("when"), names),
        goto=inner.name("goto"),
        known=inner.yes("known", True) if tests == ["known"] else None,
        equals=inner.text("equals") if tests == ["equals"] else None,
        above=inner.integer("above", None, 0, 10**9) if tests == ["above"] else None,
        below=inner.integer("below", None, 0, 10**9) if tests == ["below"] else None,
    )
    inner.finish()
    return condition


def _read_mark(fields: Fields, names: KnownNames) -> Node:
    mark = MarkKind(fields.choice("mark", [kind.value for kind in MarkKind]))
    whom = Scope(fields.choice("scope", [kind.value for kind in Scope], "voter"))
    hour, serial = _known_answer(fields, "hour", names), _known_answer(fields, "serial", names)
    if (mark is MarkKind.LATER) != (hour is not None):
        raise fields.error("`mark: later` needs `hour:` with the field that asked for it, and no other mark takes one")
    if (whom is Scope.SERIAL) != (serial is not None):
        raise fields.error(
            "`scope: serial` needs `serial:` with the field that asked for it, and no other scope takes one"
        )
    part, unknown = _known_answer(fields, "part", names), fields.optional_name("unknown")
    if serial is None and (part is not None or unknown is not None):
        raise fields.error("`part:` and `unknown:` go with `scope: serial` alone")
    count = _known_answer(fields, "count", names)
    if count is not None and (whom is not Scope.HOUSEHOLD or mark is not MarkKind.NOT_YET):
        problem = (
            "`count:` goes with `mark: not-yet` and `scope: household` alone: of which voters else would it be known?"
        )
        raise fields.error(problem, "count")
    return MarkNode(
        fields.node,
        fields.line,
        mark=mark,
        scope=whom,
        hour=hour,
        serial=serial,
        part=part,
        unknown=unknown,
        count=count,
        next=fields.name("next"),
        failed=fields.name("failed"),
    )


def _read_take_back(fields: Fields, names: KnownNames) -> Node:
    fields.choice("take_back", ("serial",))
    return TakeBackNode(
        fields.node,
        fields.line,
        next=fields.name("next"),
        nothing=fields.name("nothing"),
        failed=fields.name("failed"),
    )


def _read_opt_out(fields: Fields, names: KnownNames) -> Node:
    fields.choice("opt_out", ("number",))
    return OptOutNode(fields.node, fields.line, next=fields.name("next"), failed=fields.name("failed"))


def _read_save(fields: Fields, names: KnownNames) -> Node:
    answers: list[str] = []
    for name in fields.items("save"):
        if not isinstance(name, Text) or name.value not in names.answers:
            raise fields.error("`save:` lists answers of this flow; use the names of its fields", "save")
        answers.append(name.value)
    if not answers:
        raise fields.error("`save:` lists no answers", "save")
    return SaveNode(
        fields.node, fields.line, answers=tuple(answers), next=fields.name("next"), failed=fields.name("failed")
    )


def _read_record(fields: Fields, names: KnownNames) -> Node:
    return RecordNode(
        fields.node,
        fields.line,
        prompts=read_prompts(fields, "say", names),
        answer=fields.name("record"),
        max_seconds=fields.number("max_seconds", 60, 1, 600),
        silence_seconds=fields.number("silence_seconds", 4, 1, 30),
        terminator=fields.choice("terminator", ("#", "*", ""), "#"),
        next=fields.name("next"),
        failed=fields.name("failed"),
    )


def _read_transfer(fields: Fields, names: KnownNames) -> Node:
    return TransferNode(
        fields.node,
        fields.line,
        to=fields.name("transfer"),
        prompts=read_prompts(fields, "say", names),
        failed=fields.name("failed"),
    )


def _read_sms(fields: Fields, names: KnownNames) -> Node:
    needs = tuple(_read_need(item, fields, names)[0] for item in fields.items("with"))
    return SmsNode(
        fields.node,
        fields.line,
        template=fields.name("send_sms"),
        needs=needs,
        next=fields.name("next"),
        failed=fields.name("failed"),
    )


def _read_subdialog(fields: Fields, names: KnownNames) -> Node:
    return SubdialogNode(fields.node, fields.line, flow=fields.name("subdialog"), next=fields.name("next"))


def _read_return(fields: Fields, names: KnownNames) -> Node:
    fields.choice("return", ("", "true", "null", "~"))
    return ReturnNode(fields.node, fields.line)


def _read_goto(fields: Fields, names: KnownNames) -> Node:
    return GotoNode(fields.node, fields.line, next=fields.name("goto"))


def _read_disconnect(fields: Fields, names: KnownNames) -> Node:
    return DisconnectNode(
        fields.node,
        fields.line,
        prompts=read_prompts(fields, "say", names),
        reason=fields.name("disconnect"),
    )


NODE_READERS: Mapping[str, Callable[[Fields, KnownNames], Node]] = MappingProxyType(
    {
        "menu": _read_menu,
        "field": _read_field,
        "branch": _read_branch,
        "mark": _read_mark,
        "take_back": _read_take_back,
        "opt_out": _read_opt_out,
        "save": _read_save,
        "record": _read_record,
        "transfer": _read_transfer,
        "send_sms": _read_sms,
        "subdialog": _read_subdialog,
        "return": _read_return,
        "goto": _read_goto,
        "disconnect": _read_disconnect,
        "say": _read_say,
    }
)
