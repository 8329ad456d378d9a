"""The page with the site's IVR flows: it shows their texts and diagrams, checks and saves changes, and tries flows out.

A changed flow is saved in the folder `desk.flows_folder`, and the dialler reloads its flows. If the dialler refuses
them, the file is restored. A flow that calls must not use is not saved.

A try-out is a simulated call in which the user is the caller. Nothing is stored: the page sends all entries so far, and
the desk plays the call again up to the next question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Response
from pydantic import Field

from dialer.desk.board import format_command_reply
from dialer.desk.edited_files import save_file_and_reload
from dialer.domain.clock import Clock
from dialer.domain.finding import Level
from dialer.domain.schema import MESSAGE
from dialer.domain.translatable import ShownText, get_error_text, translatable
from dialer.engine.command.base import SUPERVISOR_ONLY
from dialer.errors import MatdanError
from dialer.flows.catalogue import UNSAFE, load_flow_draft
from dialer.flows.check import check_flow
from dialer.flows.diagram import FlowDiagram, make_flow_diagram
from dialer.flows.errors import FlowError, describe_problem_at_part
from dialer.flows.flow import Flow
from dialer.flows.model import PromptKind, list_lawful_offers_to_voters
from dialer.flows.node import NODE_KINDS
from dialer.flows.schema import make_flow_schema
from dialer.flows.terminal_call import BadFact, list_kinds_of_declared_facts, make_sample_voter_data
from dialer.flows.texts import SMS, Texts, load_texts
from dialer.flows.try_out import TryOut, simulate_flow_call
from dialer.flows.yaml_document import MAX_BYTES, decode_yaml_file, read_undecoded_yaml_file, read_yaml_file
from dialer.mqtt.dialler_client import DiallerClient
from dialer.settings.file_change import EditedFileChanged, FileChange, calculate_file_digest, read_edited_file
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.site.flow_files import (
    FlowOrigin,
    SiteFlow,
    is_flow_in_flows_folder,
    list_changed_lines,
    list_flows_of_site,
)
from dialer.site.flow_sounds import SiteSounds
from dialer.site.flows import load_flow_library
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.refusals import RequestRefused

MAX_ENTRIES = 500
MAX_FACTS = 100
MAX_REQUEST_BYTES = 4 * MAX_BYTES  # JSON escapes characters such as quotes
WAV_TYPE = "audio/wav"

_Source = Annotated[str, Field(min_length=1, max_length=500)]
_Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ListedFlow:
    """A flow in the list of the page."""

    __pydantic_config__ = MESSAGE

    source: str
    """name of a shipped flow, or path of a file: the value of the setting `flow`"""
    name: str
    title: str
    purpose: str
    origin: FlowOrigin
    used_by: tuple[str, ...]
    """campaigns that use the flow"""
    errors: int
    """mistakes that prevent calls from using the flow"""
    warnings: int


@dataclass(frozen=True, slots=True)
class FlowsPage:
    """The content of the page with the site's flows."""

    __pydantic_config__ = MESSAGE

    flows: tuple[ListedFlow, ...]
    languages: tuple[str, ...]
    language: str
    """language of the centre"""
    folder: str | None
    """folder in which flows can be saved; null: desk.flows_folder is not set"""
    flow_schema: Any
    """JSON schema of flows, for completion in the editor"""
    node_kinds: tuple[str, ...]
    """keys that name the kind of a node, such as menu"""
    text_keys: tuple[str, ...]
    """keys of the texts that prompts can play"""


@dataclass(frozen=True, slots=True)
class FlowText:
    """The text of a flow's file, and the file's digest (SHA-256), which the page sends back when it saves the flow."""

    __pydantic_config__ = MESSAGE

    text: str
    digest: str
    is_editable: bool


@dataclass(frozen=True, slots=True)
class FlowProblem:
    """A mistake in the text of a flow. Line 0 means another file or the file as a whole."""

    __pydantic_config__ = MESSAGE

    level: Level
    line: int
    text: ShownText


@dataclass(frozen=True, slots=True)
class FlowFact:
    """A fact about the voter that a flow uses, with an example value for the try-out.

    An empty value means that the fact is unknown.
    """

    __pydantic_config__ = MESSAGE

    name: str
    kind: PromptKind
    example: str


@dataclass(frozen=True, slots=True)
class CheckedFlow:
    """The result of the check of a flow's text. The diagram is missing if the text cannot be read as a flow."""

    __pydantic_config__ = MESSAGE

    problems: tuple[FlowProblem, ...]
    diagram: FlowDiagram | None = None
    facts: tuple[FlowFact, ...] = ()
    difference: tuple[str, ...] = ()
    """lines that differ from the file, as a unified diff; empty for a flow that cannot be saved here"""


class FlowDraft(PageRequest):
    """The text of a flow as the page shows it, which may be unsaved. `language` is that of the diagram or try-out."""

    source: _Source
    text: Annotated[str, Field(max_length=MAX_BYTES)]
    language: _Language


class FlowSaveRequest(FlowDraft):
    """A request to save the text of a flow.

    `digest` identifies the content of the file when the page opened it. The digest is empty if there was no file.
    """

    id: CommandId
    digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class TryOutRequest(FlowDraft):
    """A request to try out a flow's text, with everything that the caller has entered so far.

    An entry is keys, "" for silence, or null to hang up.
    """

    facts: Annotated[dict[str, Annotated[str, Field(max_length=200)]], Field(max_length=MAX_FACTS)]
    entries: Annotated[list[Annotated[str, Field(pattern=r"^[0-9*#]{0,40}$")] | None], Field(max_length=MAX_ENTRIES)]
    agent_available: bool
    store_works: bool


class FlowRoutes:
    """The routes of the page with the site's flows, for supervisors only."""

    def __init__(self, settings: Settings, dialler_client: DiallerClient, clock: Clock) -> None:
        self._dialler_client = dialler_client
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self.replace_flow_settings(settings)

    def replace_flow_settings(self, settings: Settings) -> None:
        """Use the campaigns, texts, sounds and rules of these settings from now on."""
        self._settings = settings
        self._sounds = SiteSounds(settings, self._clock)

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that list, check, try and save flows."""
        rights = allow_users_with_roles(SUPERVISOR_ONLY, max_body_bytes=MAX_REQUEST_BYTES)
        router = APIRouter(prefix="/api/flows", route_class=PageRoute, dependencies=rights)
        router.get("")(self.describe_flows_page)
        router.post("")(self.save_flow)
        router.get("/text")(self.read_flow_text)
        router.post("/check")(self.check_flow_text)
        router.post("/try")(self.try_flow_text)
        router.get("/sound", response_class=Response, responses={200: {"content": {WAV_TYPE: {}}}})(self.read_sound)
        return router

    async def _run_in_thread(self, work: Callable[[], _T]) -> _T:
        """Run blocking work in a thread, one at a time. Raises RequestRefused with the text of the error if it fails."""
        async with self._one_at_a_time:
            try:
                return await asyncio.to_thread(work)
            except (MatdanError, OSError) as error:
                raise RequestRefused(409, "flows-unreadable", text=get_error_text(error)) from error

    async def describe_flows_page(self) -> FlowsPage:
        """Return all flows of the site, with the number of errors and warnings of each."""
        return await self._run_in_thread(self._build_flows_page)

    def _build_flows_page(self) -> FlowsPage:
        texts = load_texts(self._settings.flows.texts)
        listed = tuple(self._build_listed_flow(each, texts) for each in list_flows_of_site(self._settings))
        folder = self._settings.desk.flows_folder
        keys = sorted({key for every in texts.by_language.values() for key in every if not key.startswith(SMS)})
        return FlowsPage(
            listed,
            tuple(texts.list_languages_with_texts()),
            self._settings.centre.language,
            None if folder is None else str(folder),
            make_flow_schema(),
            tuple(NODE_KINDS),
            tuple(keys),
        )

    def _build_listed_flow(self, each: SiteFlow, texts: Texts) -> ListedFlow:
        title = purpose = ""
        try:
            flow = load_flow_draft(read_yaml_file(each.path), each.path)
        except FlowError as error:
            problems = [_convert_flow_error_to_problem(error, each.path)]
        else:
            title, purpose = flow.title, flow.purpose.value
            problems = self._find_problems_of_flow(flow, each.path, texts)
        errors = sum(problem.level is Level.ERROR for problem in problems)
        return ListedFlow(
            each.source, each.path.stem, title, purpose, each.origin, each.used_by, errors, len(problems) - errors
        )

    async def read_flow_text(self, source: Annotated[str, Query(min_length=1, max_length=500)]) -> FlowText:
        """Return the text of a flow's file."""
        path = self._find_flow_path(source)

        def read_text_and_digest() -> FlowText:
            content = read_undecoded_yaml_file(path)
            text = decode_yaml_file(content, path)
            return FlowText(text, calculate_file_digest(content), is_flow_in_flows_folder(self._settings, source))

        return await self._run_in_thread(read_text_and_digest)

    def _find_flow_path(self, source: str) -> Path:
        """Return the path of a flow's file. Raises RequestRefused for a path that is no flow of the site."""
        if is_flow_in_flows_folder(self._settings, source):
            return Path(source)
        for each in list_flows_of_site(self._settings):
            if each.source == source:
                return each.path
        raise RequestRefused(409, "flow-unknown")

    async def check_flow_text(self, asked: FlowDraft) -> CheckedFlow:
        """Check the text of a flow. Return its mistakes, its diagram, and the facts that a try-out needs."""
        path = self._find_flow_path(asked.source)
        return await self._run_in_thread(lambda: self._build_checked_flow(asked, path))

    def _build_checked_flow(self, asked: FlowDraft, path: Path) -> CheckedFlow:
        texts = load_texts(self._settings.flows.texts)
        difference: tuple[str, ...] = ()
        if is_flow_in_flows_folder(self._settings, asked.source):
            difference = list_changed_lines(read_edited_file(path), asked.text)
        try:
            flow = load_flow_draft(asked.text, path)
        except FlowError as error:
            return CheckedFlow((_convert_flow_error_to_problem(error, path),), difference=difference)
        kinds, examples = list_kinds_of_declared_facts(flow), make_sample_voter_data(flow, {})
        return CheckedFlow(
            tuple(self._find_problems_of_flow(flow, path, texts)),
            make_flow_diagram(flow, texts, asked.language),
            tuple(FlowFact(name, kind, str(examples.get(name, ""))) for name, kind in kinds.items()),
            difference,
        )

    def _find_problems_of_flow(self, flow: Flow, path: Path, texts: Texts) -> list[FlowProblem]:
        may_offer = list_lawful_offers_to_voters(load_site_profile(self._settings))
        found: list[FlowProblem] = []
        if flow.name != path.stem:
            text = translatable(
                "flow-named-unlike-file",
                "the flow is called {flow}, but its file is {file}; give both the same name",
                flow=flow.name,
                file=path.name,
            )
            found.append(FlowProblem(Level.ERROR, 1, text))
        for each in check_flow(flow, texts, may_offer=may_offer):
            level = Level.ERROR if each.rule in UNSAFE else Level.WARNING
            found.append(_make_flow_problem(level, each.file, each.line, each.node_and_problem, path))
        return found

    async def try_flow_text(self, asked: TryOutRequest) -> TryOut:
        """Try out the text of a flow: play a call with the caller's entries up to the next question. Nothing is stored."""
        path = self._find_flow_path(asked.source)
        return await self._run_in_thread(lambda: self._build_try_out(asked, path))

    def _build_try_out(self, asked: TryOutRequest, path: Path) -> TryOut:
        texts = load_texts(self._settings.flows.texts)
        try:
            flow = load_flow_draft(asked.text, path)
            known = list_kinds_of_declared_facts(flow)
            facts = make_sample_voter_data(
                flow, {name: value.strip() for name, value in asked.facts.items() if name in known}
            )
        except FlowError as error:
            raise RequestRefused(422, "flow-invalid", text=error.text_with_file_name) from error
        except BadFact as error:
            raise RequestRefused(422, "fact-invalid", text=get_error_text(error)) from error
        return simulate_flow_call(
            flow,
            texts,
            asked.language,
            facts,
            asked.entries,
            agent_available=asked.agent_available,
            store_works=asked.store_works,
            find_sounds=self._sounds.create_playable_sounds_finder(asked.language, texts),
        )

    async def save_flow(self, asked: FlowSaveRequest, who: SignedIn) -> dict[str, str]:
        """Save a flow and let the dialler reload its flows. Return the dialler's reply.

        A flow with errors is not saved (RequestRefused). If the dialler refuses the flow, the file is restored.
        """
        async with self._one_at_a_time:
            change = await asyncio.to_thread(self._prepare_flow_change, asked)
            try:
                change.path.parent.mkdir(exist_ok=True)
                reply = await save_file_and_reload(
                    change, self._load_flows_as_dialler, self._dialler_client, who.name, asked.id, "reload-flows"
                )
            except EditedFileChanged as error:
                raise RequestRefused(409, "flow-changed") from error
            except FlowError as error:
                raise RequestRefused(422, "flow-invalid", text=error.text_with_file_name) from error
            except (MatdanError, OSError) as error:
                raise RequestRefused(422, "flow-not-written", text=get_error_text(error)) from error
            return format_command_reply(reply)

    def _load_flows_as_dialler(self) -> None:
        """Load the flows in use as the dialler does at its start. Raises MatdanError."""
        load_flow_library(self._settings, load_site_profile(self._settings))

    def _prepare_flow_change(self, asked: FlowSaveRequest) -> FileChange:
        """Return the change of a flow's file.

        Raises RequestRefused if the file has changed since the page opened it, or if the new text has errors.
        """
        if not is_flow_in_flows_folder(self._settings, asked.source):
            raise RequestRefused(409, "flow-read-only")
        path = Path(asked.source)
        try:
            change = FileChange(path, "desk.flows_folder", read_edited_file(path), asked.text.encode())
            checked = self._build_checked_flow(asked, path)
        except (MatdanError, OSError) as error:
            raise RequestRefused(409, "flows-unreadable", text=get_error_text(error)) from error
        if change.digest_before != asked.digest:
            raise RequestRefused(409, "flow-changed")
        mistake = next((each for each in checked.problems if each.level is Level.ERROR), None)
        if mistake is not None:
            raise RequestRefused(
                422, "flow-invalid", text=_add_file_and_line_to_problem(path, mistake.line, mistake.text)
            )
        return change

    async def read_sound(self, name: Annotated[str, Query(min_length=1, max_length=400)]) -> Response:
        """Return a sound that calls may play, as a WAV file."""

        def read_sound_file() -> bytes | None:
            return self._sounds.read_sound_as_wav(name, load_texts(self._settings.flows.texts))

        content = await self._run_in_thread(read_sound_file)
        if content is None:
            raise RequestRefused(409, "sound-missing")
        return Response(content, media_type=WAV_TYPE)


def _convert_flow_error_to_problem(error: FlowError, path: Path) -> FlowProblem:
    text = describe_problem_at_part("node", error.node, error.problem) if error.node else error.problem
    return _make_flow_problem(Level.ERROR, error.file, error.line, text, path)


def _make_flow_problem(level: Level, file: str, line: int, text: str, path: Path) -> FlowProblem:
    """Return a problem in a flow. If it is in another file (a subdialog), its text begins with that file and line."""
    if file == str(path):
        return FlowProblem(level, line, text)
    return FlowProblem(level, 0, _add_file_and_line_to_problem(Path(file), line, text))


def _add_file_and_line_to_problem(path: Path, line: int, problem: str) -> str:
    """Return a problem with the place of the mistake before it, such as "survey.yaml:5: starts at hello"."""
    return translatable("problem-in-file", "{file}:{line}: {problem}", file=path.name, line=line, problem=problem)
