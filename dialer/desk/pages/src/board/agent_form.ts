// The values in the form of an agent, the desk's check of each change, and its saving. The PIN is sent only when saving.
import { computed, signal } from "@preact/signals";
import { ask, isProblem, loadUser, type Problem } from "../shared/server";
import type { AgentsPage, CheckedAgent, ListedAgent, SavedAgent } from "../shared/wire";
import { loadFont } from "../shared/words";

/** What saving does: it adds the agent, edits or removes it. */
export type ChangeKind = "add" | "edit" | "remove";
export type PinChoice = "keep" | "generate" | "enter";

interface Entered {
  number: string;
  full_name: string;
  languages: readonly string[];
  skills: readonly string[];
  pin: PinChoice;
  newPin: string;
  repeatedPin: string;
}

/** The form is checked when nothing was entered for so long. */
const CHECK_MS = 400;
const PIN = /^\d{4,12}$/;

export const page = signal<AgentsPage | Problem | null>(null);
/** What the open form does; null = no form is open. */
export const kind = signal<ChangeKind | null>(null);
export const entered = signal<Entered>(valuesOf());
export const isSaving = signal(false);
/** A generated PIN, which is shown once and stored nowhere. */
export const generatedPin = signal<{ agent: string; pin: string } | null>(null);
const answered = signal<{ sent: string; check: CheckedAgent | Problem } | null>(null);
let waiting: ReturnType<typeof setTimeout> | undefined;

function valuesOf(agent?: ListedAgent): Entered {
  const { number = "", full_name = "", languages = [], skills = [] } = agent ?? {};
  return { number, full_name, languages, skills, pin: agent ? "keep" : "generate", newPin: "", repeatedPin: "" };
}

/** The change in the form that the desk expects, without the PIN. */
const asked = computed(() => {
  const { number, full_name, languages, skills, pin } = entered.value;
  if (kind.value === "remove") return { kind: "remove", number };
  return { kind: kind.value, number: number.trim(), full_name, languages, skills, new_pin: pin !== "keep" };
});
const sent = computed(() => JSON.stringify(asked.value));

export const isComplete = computed(() => entered.value.number.trim() !== "");

/** The result of the check of what is entered now; null = not known yet. */
export const check = computed((): CheckedAgent | Problem | null =>
  answered.value?.sent === sent.value ? answered.value.check : null,
);

export const doPinsDiffer = computed(() => {
  const { pin, newPin, repeatedPin } = entered.value;
  return pin === "enter" && repeatedPin !== "" && newPin !== repeatedPin;
});

/** The check if what is entered now can be saved. */
export const savable = computed((): CheckedAgent | null => {
  const { pin, newPin, repeatedPin } = entered.value;
  const found = check.value;
  if (!found || isProblem(found) || !found.difference || isSaving.value) return null;
  return pin !== "enter" || (PIN.test(newPin) && newPin === repeatedPin) ? found : null;
});

/** Return what is wrong with a field; "" = with the form as a whole. */
export function problemsOf(field: string): string[] {
  const found = check.value;
  if (!found || isProblem(found)) return [];
  return found.problems.filter((each) => each.field === field).map(({ text }) => text);
}

/** Open the form for a change: empty for a new agent, otherwise with the values of the agent. */
export function openForm(next: ChangeKind, agent?: ListedAgent): void {
  clearTimeout(waiting);
  entered.value = valuesOf(agent);
  kind.value = next;
  answered.value = null;
  void checkForm();
}

/** Close the form and discard what was entered, such as a PIN. */
export function closeForm(): void {
  clearTimeout(waiting);
  kind.value = null;
  entered.value = valuesOf();
}

/** Load the agents, and the fonts in which the names of the languages are shown. */
export async function loadPage(): Promise<void> {
  const answer = await ask<AgentsPage>("GET", "/api/agents");
  if (!isProblem(answer)) await Promise.all(answer.languages.map(loadFont));
  page.value = answer;
}

/** Enter values, and check the form after a pause. */
export function enter(values: Partial<Entered>): void {
  entered.value = { ...entered.value, ...values };
  clearTimeout(waiting);
  if (sent.value !== answered.value?.sent) waiting = setTimeout(() => void checkForm(), CHECK_MS);
}

async function checkForm(): Promise<void> {
  if (!isComplete.value || kind.value === null) return;
  const [current, body] = [sent.value, asked.value];
  const found = await ask<CheckedAgent>("POST", "/api/agents/check", body);
  if (current === sent.value) answered.value = { sent: current, check: found };
}

/** Save the checked change, and return the answer. A saved change closes the form; otherwise the form is checked again. */
export async function saveChange(): Promise<SavedAgent | Problem> {
  const { pin, newPin, number } = entered.value;
  const body = {
    id: crypto.randomUUID(),
    digest: savable.value?.digest ?? "",
    change: asked.value,
    pin: pin === "enter" ? newPin : null,
  };
  isSaving.value = true;
  const answer = await ask<SavedAgent>("POST", "/api/agents", body);
  isSaving.value = false;
  if (isProblem(answer) || answer.status === "refused") {
    await checkForm();
    return answer;
  }
  if (answer.pin !== null) generatedPin.value = { agent: number.trim(), pin: answer.pin };
  closeForm();
  await Promise.all([loadPage(), loadUser()]);
  return answer;
}
