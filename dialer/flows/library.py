"""The flows, texts and scripts that a running dialler uses, and how they are reloaded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from dialer.domain.enums import Purpose
from dialer.flows.catalogue import load_flow, refuse_unsafe
from dialer.flows.errors import UnknownFlow
from dialer.flows.flow import Flow
from dialer.flows.model import Offer
from dialer.flows.script_library import ScriptLibrary
from dialer.flows.texts import Texts


class FlowLibrary:
    """The flows of a running dialler. A call keeps the version with which it began; a reload is for later calls.

    Earlier versions are kept, so that a driver that stores only the state between two requests can continue with
    `version_of`.
    """

    def __init__(
        self,
        sources: Iterable[str],
        texts: Texts,
        may_offer: frozenset[Offer] = frozenset(),
        scripts: ScriptLibrary | None = None,
        read_texts: Callable[[], Texts] | None = None,
    ) -> None:
        """Load the flows of `sources`, which are names or paths as for `load_flow`.

        `texts` are those that they speak; `may_offer` is what the profile allows. Scripts are reloaded together with
        the flows, and so are the texts if `read_texts` is given. Raises FlowError for the first flow that is wrong or
        unsafe.
        """
        self.scripts = scripts or ScriptLibrary({})
        self._sources = tuple(sources)
        self.texts = texts
        self._read_texts = read_texts
        self._may_offer = may_offer
        self._current: dict[str, Flow] = {}
        self._versions: dict[tuple[str, str], Flow] = {}
        self.reload()

    def reload(self) -> list[str]:
        """Reload everything, and return the names of changed flows and scripts, and "texts" if these changed.

        Raises FlowError, and changes nothing, if anything is wrong.
        """
        again = self.texts if self._read_texts is None else self._read_texts()
        texts = self.texts if again == self.texts else again
        scripts, loaded = self.scripts.read(), self._load(self._sources, texts)
        changed = [flow.name for source, flow in loaded.items() if self._current.get(source) is not flow]
        changed += [] if texts is self.texts else ["texts"]
        self.texts = texts
        self._use(loaded)
        return changed + self.scripts.use(scripts)

    def prepare(self, sources: Collection[str], scripts: Mapping[str, tuple[str, Purpose]]) -> Callable[[], None]:
        """Load the new ones of these sources and scripts of campaigns, and return a function that starts using them.

        From then on only these are reloaded; calls end with the version with which they began. Raises FlowError, and
        changes nothing, if anything is wrong.
        """
        loaded = self._load(sorted(set(sources) - set(self._sources)), self.texts)
        use_scripts = self.scripts.prepare(scripts)

        def use() -> None:
            self._sources = tuple(sorted(sources))
            self._use(loaded)
            use_scripts()

        return use

    def _load(self, sources: Iterable[str], texts: Texts) -> dict[str, Flow]:
        fresh = {source: load_flow(source) for source in sources}
        for flow in fresh.values():
            if (flow.name, flow.version) not in self._versions or texts is not self.texts:
                refuse_unsafe(flow, texts, self._may_offer)
        return {source: self._versions.get((flow.name, flow.version), flow) for source, flow in fresh.items()}

    def _use(self, loaded: Mapping[str, Flow]) -> None:
        self._current = {**self._current, **loaded}
        self._versions.update(((flow.name, flow.version), flow) for flow in loaded.values())

    def current(self, source: str) -> Flow:
        """Return the version for a call that begins now. Raises UnknownFlow."""
        flow = self._current.get(source)
        if flow is None:
            raise UnknownFlow(source, self._sources)
        return flow

    def version_of(self, name: str, version: str) -> Flow:
        """Return the version with which a call began. Raises UnknownFlow if this process has never loaded it."""
        flow = self._versions.get((name, version))
        if flow is None:
            raise UnknownFlow(f"{name} {version}", sorted(f"{known} {of}" for known, of in self._versions))
        return flow
