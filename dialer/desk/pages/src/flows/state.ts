// The list of call flows, and the opened flow: its text, its check by the desk, and its diagram.
import { computed, signal } from "@preact/signals";
import { narrowing } from "../shared/address";
import { ask, isProblem, type Problem } from "../shared/server";
import type { CheckedFlow, FlowDiagram, FlowsPage, FlowText, ListedFlow } from "../shared/wire";

/** The list of flows; null = not loaded yet. */
export const page = signal<FlowsPage | Problem | null>(null);
/** The opened flow, as in the setting `flow`; "" = none. The address contains it. */
export const source = narrowing("flow", /^.{1,500}$/);
/** The language of the diagram and of the try-out. */
export const spoken = signal("en");
export const opened = signal<FlowText | Problem | null>(null);
/** The text as it is shown. */
export const text = signal("");
const answered = signal<{ asked: string; check: CheckedFlow | Problem } | null>(null);

const draft = computed(() => ({ source: source.value, text: text.value, language: spoken.value }));
const asked = computed(() => JSON.stringify(draft.value));

/** The result of the check of the text as it is shown; null = not known yet. */
export const check = computed((): CheckedFlow | Problem | null =>
  answered.value?.asked === asked.value ? answered.value.check : null,
);
/** The latest diagram. While the text is no flow, the diagram of the last one that was stays. */
export const diagram = signal<FlowDiagram | null>(null);

/** The opened flow in the list. */
export const listed = computed((): ListedFlow | undefined => {
  const shown = page.value;
  return shown && !isProblem(shown) ? shown.flows.find((each) => each.source === source.value) : undefined;
});

/** Check the text as it is shown, and redraw its diagram. */
export async function checkText(): Promise<void> {
  const [sent, body] = [asked.value, draft.value];
  const found = await ask<CheckedFlow>("POST", "/api/flows/check", body);
  if (sent !== asked.value) return;
  answered.value = { asked: sent, check: found };
  if (!isProblem(found) && found.diagram) diagram.value = found.diagram;
}

/** Load the list, and the flow that the address names. */
export async function loadPage(): Promise<void> {
  const found = await ask<FlowsPage>("GET", "/api/flows");
  if (!isProblem(found) && page.value === null) spoken.value = found.language;
  page.value = found;
  if (source.value && !opened.value) await openFlow(source.value);
}

/** Open a flow, and check it. */
export async function openFlow(name: string): Promise<void> {
  source.value = name;
  opened.value = null;
  diagram.value = null;
  const found = await ask<FlowText>("GET", `/api/flows/text?source=${encodeURIComponent(name)}`);
  if (source.value !== name) return;
  opened.value = found;
  text.value = isProblem(found) ? "" : found.text;
  if (!isProblem(found)) await checkText();
}

/** Return to the list. */
export function closeFlow(): void {
  source.value = "";
  opened.value = null;
}

/** Show diagram and try-out in another language. */
export function chooseSpoken(code: string): void {
  spoken.value = code;
  void checkText();
}
