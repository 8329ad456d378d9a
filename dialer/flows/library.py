"""The flows, texts and scripts of a running dialler, which can be reloaded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from dialer.domain.enums import Purpose
from dialer.flows.catalogue import load_flow, refuse_flow_that_breaks_rules
from dialer.flows.errors import UnknownFlow
from dialer.flows.flow import Flow
from dialer.flows.model import Offer
from dialer.flows.script_library import ScriptLibrary
from dialer.flows.texts import Texts


class FlowLibrary:
    """The flows of a running dialler.

    After a reload, a call continues with the version of the flow with which it started. So earlier versions stay in
    memory, and `get_flow_version` returns them. Twilio's calls need this too, because only the state of their flow is
    stored between two requests.
    """

    def __init__(
        self,
        sources: Iterable[str],
        texts: Texts,
        may_offer: frozenset[Offer] = frozenset(),
        scripts: ScriptLibrary | None = None,
        read_texts: Callable[[], Texts] | None = None,
    ) -> None:
        """Load the flows. Raises FlowError for the first flow that is invalid or unsafe.

        Args:
            sources: names or paths of the flows, as for `load_flow`.
            texts: the texts of prompts.
            may_offer: the offers to voters (such as a ride) that the profile allows.
            scripts: the agents' scripts, which are reloaded together with the flows.
            read_texts: reads the texts again at a reload. Without it, `texts` are never reloaded.
        """
        self.scripts = scripts or ScriptLibrary({})
        self._sources = tuple(sources)
        self.texts = texts
        self._read_texts = read_texts
        self._may_offer = may_offer
        self._current: dict[str, Flow] = {}
        self._versions: dict[tuple[str, str], Flow] = {}
        self.reload_flows_and_scripts()

    def reload_flows_and_scripts(self) -> list[str]:
        """Reload all flows, texts and scripts from their files. Return the names of changed flows and scripts, and
        "texts" if texts have changed.

        Raises:
            FlowError: a file is invalid. Then nothing has changed.
        """
        again = self.texts if self._read_texts is None else self._read_texts()
        texts = self.texts if again == self.texts else again
        scripts, loaded = self.scripts.load_scripts(), self._load_flows(self._sources, texts)
        changed = [flow.name for source, flow in loaded.items() if self._current.get(source) is not flow]
        changed += [] if texts is self.texts else ["texts"]
        self.texts = texts
        self._replace_loaded_flows(loaded)
        return changed + self.scripts.replace_scripts_of_campaigns(scripts)

    def prepare_library_reload(
        self, sources: Collection[str], scripts: Mapping[str, tuple[str, Purpose]]
    ) -> Callable[[], None]:
        """Load new flows and scripts, and return a function that puts them into use.

        Later reloads with `reload_flows_and_scripts` then use these `sources` and `scripts` only.

        Raises:
            FlowError: a file is invalid. Then nothing has changed.
        """
        loaded = self._load_flows(sorted(set(sources) - set(self._sources)), self.texts)
        use_scripts = self.scripts.prepare_script_reload(scripts)

        def replace_flows_and_scripts() -> None:
            self._sources = tuple(sorted(sources))
            self._replace_loaded_flows(loaded)
            use_scripts()

        return replace_flows_and_scripts

    def _load_flows(self, sources: Iterable[str], texts: Texts) -> dict[str, Flow]:
        fresh = {source: load_flow(source) for source in sources}
        for flow in fresh.values():
            if (flow.name, flow.version) not in self._versions or texts is not self.texts:
                refuse_flow_that_breaks_rules(flow, texts, self._may_offer)
        return {source: self._versions.get((flow.name, flow.version), flow) for source, flow in fresh.items()}

    def _replace_loaded_flows(self, loaded: Mapping[str, Flow]) -> None:
        self._current = {**self._current, **loaded}
        self._versions.update(((flow.name, flow.version), flow) for flow in loaded.values())

    def get_current_flow(self, source: str) -> Flow:
        """Return the current version of a flow, for a call that starts now. Raises UnknownFlow."""
        flow = self._current.get(source)
        if flow is None:
            raise UnknownFlow(source, self._sources)
        return flow

    def get_flow_version(self, name: str, version: str) -> Flow:
        """Return one version of a flow, for a call that started with this version. Raises UnknownFlow if it was never
        loaded.
        """
        flow = self._versions.get((name, version))
        if flow is None:
            raise UnknownFlow(f"{name} {version}", sorted(f"{known} {of}" for known, of in self._versions))
        return flow
