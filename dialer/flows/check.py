"""The checks of a loaded flow, as run by `dialer flow check`.

Each rule is a function that yields the problems of a flow. `check_flow` runs all rules on a flow and its subdialogs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dialer.domain.translatable import TranslatableText, translatable
from dialer.flows.acknowledgements import find_premature_acknowledgements
from dialer.flows.content_rules import describe_stored_choice_of_candidate, find_forbidden_wording
from dialer.flows.fields import Prompt
from dialer.flows.finding import FlowFinding
from dialer.flows.flow import Flow
from dialer.flows.graph import (
    can_call_end_at_node,
    can_caller_opt_out,
    can_caller_opt_out_at_node,
    can_return_to_calling_flow,
    find_loops_in_graph,
    find_nodes_reachable_from,
    list_flow_edges,
    make_subgraph_of_nodes,
    reverse_edges_of_graph,
)
from dialer.flows.known import can_prompt_be_skipped
from dialer.flows.limits import MAX_PROMPT_SECONDS
from dialer.flows.model import FlowPurpose, Offer, PromptKind
from dialer.flows.node import Node, QuestionNode
from dialer.flows.texts import Texts, find_placeholders
from dialer.flows.wording import estimate_spoken_seconds, is_answer_name_for_candidate_choice

_NEEDS_OPT_OUT = frozenset(FlowPurpose) - {FlowPurpose.WORKER, FlowPurpose.PART}


@dataclass(frozen=True, slots=True)
class Subject:
    """The input of a check: the flow, its texts and languages, and the offers to voters that are allowed."""

    flow: Flow
    purpose: FlowPurpose  # of the outermost flow, which also applies to its subdialogs
    offers: frozenset[Offer]  # declared by the outermost flow or this subdialog
    may_offer: frozenset[Offer]  # allowed by the site's profile
    texts: Texts
    languages: tuple[str, ...]
    max_prompt_seconds: float

    def make_finding_about_node(self, rule: str, node: Node, problem: TranslatableText) -> FlowFinding:
        """Return a finding (a problem with file, line and remedy) for a node of the flow."""
        return FlowFinding(rule, self.flow.file, node.line_number, node.name, problem)


Problems = Iterator[tuple[str, Node, TranslatableText]]
"""(name of the rule, node, what is wrong and what to do)."""
Rule = Callable[[Subject], Problems]


def check_flow(
    flow: Flow,
    texts: Texts,
    languages: Sequence[str] | None = None,
    max_prompt_seconds: float = MAX_PROMPT_SECONDS,
    *,
    may_offer: frozenset[Offer] = frozenset(),
) -> list[FlowFinding]:
    """Return all problems of a flow and its subdialogs, in the order of file and line.

    Args:
        flow: the flow.
        texts: the texts of prompts and SMS.
        languages: the languages in which every text is required. By default all languages of `texts`.
        max_prompt_seconds: the maximum duration of the prompts of one node.
        may_offer: the offers to voters (such as a ride) that the profile allows.
    """
    spoken = tuple(languages) if languages is not None else tuple(texts.list_languages_with_texts())
    found: dict[FlowFinding, None] = {}
    for part in flow.list_flow_and_its_subdialogs():
        offers = flow.offers | part.offers
        subject = Subject(part, flow.purpose, offers, may_offer, texts, spoken, max_prompt_seconds)
        for rule in RULES if part is not flow else (*RULES, _find_missing_opt_out):
            found.update((subject.make_finding_about_node(*problem), None) for problem in rule(subject))
    found.update(dict.fromkeys(find_premature_acknowledgements(flow, texts, spoken)))
    return sorted(found, key=lambda finding: (finding.file, finding.line, finding.rule))


def _find_unreachable_nodes(subject: Subject) -> Problems:
    flow = subject.flow
    found = find_nodes_reachable_from(list_flow_edges(flow), [flow.start])
    for node in flow.nodes.values():
        if node.name not in found:
            yield "unreachable", node, translatable("unreachable", "cannot be reached; lead to it or delete it")


def _find_loops_without_exit(subject: Subject) -> Problems:
    """Find nodes from which a call can never end, because every path stays in a loop."""
    flow = subject.flow
    edges = list_flow_edges(flow)
    ends = [node.name for node in flow.nodes.values() if can_call_end_at_node(flow, node) or not edges[node.name]]
    lost = find_nodes_reachable_from(edges, [flow.start]) - find_nodes_reachable_from(
        reverse_edges_of_graph(edges), ends
    )
    inside = make_subgraph_of_nodes(edges, lost)
    endless = find_loops_in_graph(inside)
    for loop in endless:
        problem = translatable(
            "loop-without-exit", "is in a loop without an exit ({loop}); add a way out", loop=" -> ".join(loop)
        )
        yield "no-exit", flow.nodes[loop[0]], problem
    in_loops = {name for loop in endless for name in loop}
    for name in inside:
        if name not in in_loops:
            problem = translatable("leads-to-endless-loop", "leads only into a loop without an exit; add a way out")
            yield "no-exit", flow.nodes[name], problem


def _find_silent_loops(subject: Subject) -> Problems:
    """Find loops in which nothing is played, asked or stored. At run time, such a loop would end the call as a fault."""
    flow = subject.flow
    silent = {name for name, node in flow.nodes.items() if _can_pass_node_without_action(flow, node)}
    for loop in find_loops_in_graph(make_subgraph_of_nodes(list_flow_edges(flow), silent)):
        problem = translatable(
            "silent-loop",
            "is in a loop in which nothing may be said or asked ({loop}); add a prompt or a question",
            loop=" -> ".join(loop),
        )
        yield "silent-loop", flow.nodes[loop[0]], problem


def _can_pass_node_without_action(flow: Flow, node: Node) -> bool:
    """Return whether a call can pass a node, or the subdialog of the node, without any action such as a prompt."""
    if node.subdialog_flow_name is None:
        return node.can_call_pass_silently
    subflow = flow.subflows[node.subdialog_flow_name]
    edges = list_flow_edges(subflow)
    silent = {name for name, part in subflow.nodes.items() if _can_pass_node_without_action(subflow, part)}
    passed = find_nodes_reachable_from({name: edges[name] if name in silent else () for name in edges}, [subflow.start])
    return any(subflow.nodes[name].returns for name in passed)


def _find_loops_that_trap_silent_callers(subject: Subject) -> Problems:
    """Find loops that a caller who presses no key never leaves.

    A flow should end such a call itself. Otherwise the call ends as a fault when it reaches the limit of turns.
    """

    def can_silent_caller_follow_edge(node: Node, label: str) -> bool:
        """Return whether a call may take this edge of the flow's graph although the caller presses no key."""
        return label == "no-input" if isinstance(node, QuestionNode) else True

    flow = subject.flow
    for loop in find_loops_in_graph(list_flow_edges(flow, can_silent_caller_follow_edge)):
        problem = translatable(
            "silent-caller-loop",
            "asks a silent caller again without end ({loop}); lead `no_input` out of the loop",
            loop=" -> ".join(loop),
        )
        yield "silent-caller", flow.nodes[loop[0]], problem


def _find_questions_without_audible_prompt(subject: Subject) -> Problems:
    """Find questions whose prompts may all be skipped, because the values that they speak may be unknown."""
    for node in subject.flow.nodes.values():
        if isinstance(node, QuestionNode) and all(can_prompt_be_skipped(prompt) for prompt in node.prompts):
            needed = {name for prompt in node.prompts for name in _list_values_spoken_by_prompt(prompt)}
            if not _is_any_value_always_known(subject.flow, node, needed):
                problem = translatable(
                    "question-may-be-silent",
                    "has no prompt if {names} is unknown; branch on it before, or add a prompt without it",
                    names=", ".join(sorted(needed)),
                )
                yield "silent-question", node, problem


def _list_values_spoken_by_prompt(prompt: Prompt) -> tuple[str, ...]:
    return tuple(name for name, _ in prompt.needs) if prompt.kind.is_prompt_same_for_every_voter else (prompt.value,)


def _is_any_value_always_known(flow: Flow, node: Node, needed: set[str]) -> bool:
    """Return whether at least one of the values `needed` is known on every path to `node`.

    A value is known after a question for it, or after a branch that tested that it is known.
    """
    return any(not _is_node_reachable_without_value(flow, node, name) for name in needed)


def _is_node_reachable_without_value(flow: Flow, node: Node, name: str) -> bool:
    """Return whether a call can reach `node` on a path where the value `name` may be unknown.

    On such a path no question asks for the value, and no branch tests that it is known.
    """
    edges = dict(list_flow_edges(flow))
    for other in flow.nodes.values():
        targets = other.list_next_nodes_without_value(name)
        if targets is not None:
            edges[other.name] = targets
    return node.name in find_nodes_reachable_from(edges, [flow.start])


def _find_missing_texts(subject: Subject) -> Problems:
    for node in subject.flow.nodes.values():
        for key, needs in node.list_texts_needed_by_node():
            missing = [tag for tag in subject.languages if subject.texts.find_text_in_language(key, tag) is None]
            if missing:
                problem = translatable(
                    "text-missing-in-languages",
                    "has no text {key} in {languages}; add it to {file}",
                    key=key,
                    languages=", ".join(missing),
                    file=f"texts/{missing[0]}.yaml",
                )
                yield "missing-text", node, problem
            for tag in subject.languages:
                text = subject.texts.find_text_in_language(key, tag)
                if text is not None and find_placeholders(text) != needs:
                    yield "placeholders", node, _describe_placeholder_mismatch(key, tag, find_placeholders(text), needs)


def _describe_placeholder_mismatch(key: str, tag: str, in_text: set[str], given: set[str]) -> TranslatableText:
    shown, listed = ", ".join(f"{{{name}}}" for name in sorted(in_text)), ", ".join(sorted(given))
    if not shown:
        return translatable(
            "no-placeholders-in-text",
            "fills {key} with {given}, but its {language} text has no placeholder; make `with:` and the text agree",
            key=key,
            given=listed,
            language=tag,
        )
    if not listed:
        return translatable(
            "placeholders-not-filled",
            "fills {key} with nothing, but its {language} text has {placeholders}; make `with:` and the text agree",
            key=key,
            language=tag,
            placeholders=shown,
        )
    return translatable(
        "placeholders-differ",
        "fills {key} with {given}, but its {language} text has {placeholders}; make `with:` and the text agree",
        key=key,
        given=listed,
        language=tag,
        placeholders=shown,
    )


def _find_forbidden_wording(subject: Subject) -> Problems:
    """Find forbidden wording in all texts that the flow plays or sends, in every language of the texts."""
    for node in subject.flow.nodes.values():
        for key, _ in node.list_texts_needed_by_node():
            for tag in subject.texts.list_languages_with_texts():
                text = subject.texts.find_text_in_language(key, tag) or ""
                for rule, problem in find_forbidden_wording(text, f"{key}, {tag}", subject.purpose, subject.offers):
                    yield rule, node, problem


def _find_answers_that_store_vote_choices(subject: Subject) -> Problems:
    for node in subject.flow.nodes.values():
        if node.name_of_stored_answer is not None and is_answer_name_for_candidate_choice(node.name_of_stored_answer):
            yield "forbidden-question", node, describe_stored_choice_of_candidate(node.name_of_stored_answer)


def _find_forbidden_campaign_recordings(subject: Subject) -> Problems:
    """Find prompts that play campaign recordings although their flow may not.

    A flow may not if its purpose forbids such recordings, or if the caller cannot opt out by one key.
    """
    for node in subject.flow.nodes.values():
        recordings = [prompt.value for prompt in node.prompts_and_reprompts if prompt.kind is PromptKind.RECORDING]
        if not recordings:
            continue
        recording = recordings[0]
        if subject.purpose is not FlowPurpose.MATERIAL:
            problem = translatable(
                "campaign-material-in-other-flow",
                "plays campaign material ({recording}) in a flow for {purpose}; move it to a flow with `purpose: material`",
                recording=recording,
                purpose=subject.purpose.value,
            )
            yield "material", node, problem
        elif not any(
            can_caller_opt_out_at_node(subject.flow, subject.flow.nodes[target])
            for target in node.list_nodes_reachable_by_one_key()
        ):
            problem = translatable(
                "campaign-material-without-opt-out",
                "plays {recording}, and no key opts out; play it in a menu with barge-in and an opt-out choice",
                recording=recording,
            )
            yield "material", node, problem


def _find_forbidden_transport_offer(subject: Subject) -> Problems:
    if not subject.flow.offers <= subject.may_offer:
        problem = translatable(
            "flow-offers-forbidden-transport",
            "starts a flow that offers transport, which the profile forbids (`transport.may_offer`); remove the offer",
        )
        yield "transport", subject.flow.nodes[subject.flow.start], problem


def _find_missing_opt_out(subject: Subject) -> Problems:
    flow = subject.flow
    if subject.purpose in _NEEDS_OPT_OUT and not can_caller_opt_out(flow):
        problem = translatable(
            "flow-without-opt-out",
            "starts a flow without an opt-out; add a choice `9:` that leads to an `opt_out: number` node",
        )
        yield "missing-opt-out", flow.nodes[flow.start], problem


def _find_long_prompts(subject: Subject) -> Problems:
    most = subject.max_prompt_seconds
    for node in subject.flow.nodes.values():
        keys = [prompt.value for prompt in node.prompts_played_at_entry if prompt.kind is PromptKind.TEXT]
        for tag in subject.languages:
            seconds = sum(
                estimate_spoken_seconds(subject.texts.find_text_in_language(key, tag) or "", tag) for key in keys
            )
            if seconds > most:
                problem = translatable(
                    "prompts-too-long",
                    "takes about {seconds} s in {language}, at most {most:g} s are allowed; shorten it",
                    seconds=round(seconds),
                    language=tag,
                    most=most,
                )
                yield "too-long", node, problem


def _find_subdialogs_without_return(subject: Subject) -> Problems:
    """Find subdialogs that never return to the calling flow."""
    flow = subject.flow
    if flow.purpose is FlowPurpose.PART and not can_return_to_calling_flow(flow):
        problem = translatable("subdialog-never-returns", "starts a part that never returns; add a `return:`")
        yield "never-returns", flow.nodes[flow.start], problem


RULES: tuple[Rule, ...] = (
    _find_unreachable_nodes,
    _find_loops_without_exit,
    _find_silent_loops,
    _find_loops_that_trap_silent_callers,
    _find_questions_without_audible_prompt,
    _find_missing_texts,
    _find_forbidden_wording,
    _find_answers_that_store_vote_choices,
    _find_forbidden_campaign_recordings,
    _find_forbidden_transport_offer,
    _find_long_prompts,
    _find_subdialogs_without_return,
)
