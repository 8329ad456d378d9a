// The list of call flows, and the opened flow: its text, the desk's check of each change, its diagram, and its saving.
import { computed, signal } from "@preact/signals";
import { narrowing } from "../shared/address";
import { ask, isProblem, type Problem } from "../shared/server";
import type { CheckedFlow, FlowDiagram, FlowsPage, FlowText, ListedFlow } from "../shared/wire";

interface Reply {
  status: string;
  text: string;
}

/** Milliseconds from the last change of a text to its check. */
export const CHECK_MS = 400;
const NAME = /^[a-z][a-z0-9_]{0,39}$/;

/** The list of flows; null = not loaded yet. */
export const page = signal<FlowsPage | Problem | null>(null);
/** The opened flow, as in the setting `flow`; "" = none. The address contains it. */
export const source = narrowing("flow", /^.{1,500}$/);
/** The language of the diagram and of the try-out. */
export const spoken = signal("en");
export const opened = signal<FlowText | Problem | null>(null);
/** The text in the editor, which may be unsaved. */
export const text = signal("");
const answered = signal<{ asked: string; check: CheckedFlow | Problem } | null>(null);

const draft = computed(() => ({ source: source.value, text: text.value, language: spoken.value }));
const asked = computed(() => JSON.stringify(draft.value));

/** The result of the check of the text in the editor; null = not known yet. */
export const check = computed((): CheckedFlow | Problem | null =>
  answered.value?.asked === asked.value ? answered.value.check : null,
);
/** The diagram of the latest valid text. It stays while the text has errors. */
export const diagram = signal<FlowDiagram | null>(null);

/** The opened flow in the list. */
export const listed = computed((): ListedFlow | undefined => {
  const shown = page.value;
  return shown && !isProblem(shown) ? shown.flows.find((each) => each.source === source.value) : undefined;
});

/** The name of the opened flow. */
export const flowName = computed(() => listed.value?.name ?? /([^/]*)\.yaml$/.exec(source.value)?.[1] ?? source.value);

const file = computed(() => {
  const found = opened.value;
  return found && !isProblem(found) ? found : null;
});
export const isEditable = computed(() => file.value?.is_editable ?? false);
/** Whether the text differs from the file. */
export const isChanged = computed(() => file.value !== null && file.value.text !== text.value);
export const isSaving = signal(false);
/** Whether the text can be saved: it was changed and checked, and calls may use it. */
export const isSavable = computed(() => {
  const found = check.value;
  const isUsable = found !== null && !isProblem(found) && found.problems.every(({ level }) => level !== "error");
  return isEditable.value && isChanged.value && isUsable && !isSaving.value;
});
let waiting: ReturnType<typeof setTimeout> | undefined;

/** Replace the text, and check it after a pause. */
export function changeText(changed: string): void {
  if (changed === text.value) return;
  text.value = changed;
  clearTimeout(waiting);
  waiting = setTimeout(() => void checkText(), CHECK_MS);
}

/** Check the text in the editor, and redraw its diagram. */
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
  void loadPage();
}

/** Open an unsaved copy of the opened flow. Returns the problem if that is impossible. */
export async function copyFlow(name: string): Promise<"wrong" | "taken" | null> {
  const shown = page.value;
  if (!shown || isProblem(shown) || shown.folder === null || !NAME.test(name)) return "wrong";
  const copy = `${shown.folder.replace(/\/$/, "")}/${name}.yaml`;
  if (shown.flows.some((each) => each.source === copy)) return "taken";
  const changed = text.value.replace(/^# yaml-language-server:.*\n/, "").replace(/^flow:.*$/m, `flow: ${name}`);
  source.value = copy;
  opened.value = { text: "", digest: "", is_editable: true };
  text.value = changed;
  await checkText();
  return null;
}

/** Save the text, and return the answer. */
export async function saveFlow(): Promise<Reply | Problem> {
  isSaving.value = true;
  const saved = text.value;
  const body = { ...draft.value, id: crypto.randomUUID(), digest: file.value?.digest ?? "" };
  const answer = await ask<Reply>("POST", "/api/flows", body);
  if (!isProblem(answer) && answer.status !== "refused") {
    const found = await ask<FlowText>("GET", `/api/flows/text?source=${encodeURIComponent(body.source)}`);
    if (!isProblem(found) && found.text === saved) opened.value = found;
    page.value = await ask<FlowsPage>("GET", "/api/flows");
    await checkText();
  }
  isSaving.value = false;
  return answer;
}

/** Show diagram and try-out in another language. */
export function chooseSpoken(code: string): void {
  spoken.value = code;
  void checkText();
}
