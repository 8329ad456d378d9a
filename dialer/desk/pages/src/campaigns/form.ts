// The values in the form of a campaign, the desk's check of each change, and its saving.
import { computed, signal } from "@preact/signals";
import { ask, isProblem, type Problem } from "../shared/server";
import type { CampaignsPage, CheckedCampaign, FormField, ListedCampaign, SimulatedPacing } from "../shared/wire";

/** A period of the day, as 09:00. */
export interface Period {
  start: string;
  until: string;
}
export type Entered = string | string[] | Period[];

/** What saving does: it adds the campaign, edits it or removes it. */
export interface Change {
  kind: "add" | "edit" | "remove";
  campaign: string;
}

interface Reply {
  status: string;
  text: string;
}

/** The form is checked when nothing was entered for so long. */
export const CHECK_MS = 400;

export const page = signal<CampaignsPage | Problem | null>(null);
const NEW: Change = { kind: "add", campaign: "" };
export const change = signal<Change>(NEW);
const entered = signal<Record<string, Entered>>({});
const answered = signal<{ sent: string; check: CheckedCampaign | Problem } | null>(null);
export const isSaving = signal(false);
let waiting: ReturnType<typeof setTimeout> | undefined;

/** Return what is entered in a field. */
export const enteredIn = (name: string): Entered => entered.value[name] ?? "";

/** The fields of the form for the chosen kind of campaign. A choice without choices is left out. */
export const fields = computed((): FormField[] => {
  const shown = page.value;
  if (!shown || isProblem(shown)) return [];
  return shown.fields.filter(
    ({ name, type, choices }) =>
      (shown.only_for[name] ?? enteredIn("kind")) === enteredIn("kind") &&
      (type !== "choice" || choices.length > 0 || enteredIn(name).length > 0),
  );
});

/** The values to send: those of the shown fields that are not empty. */
const values = computed(() => {
  const given: Record<string, unknown> = {};
  for (const { name, type } of fields.value) {
    const value = enteredIn(name);
    if (value.length) given[name] = type === "number" ? Number(value) : value;
  }
  return given;
});

/** The change in the form that the desk expects. */
const asked = computed(() => {
  const { kind, campaign } = change.value;
  if (kind === "remove") return { removed: campaign };
  return kind === "edit" ? { edited: campaign, values: values.value } : { values: values.value };
});
const sent = computed(() => JSON.stringify(asked.value));

/** Whether every required field has a value. */
export const isComplete = computed(
  () => change.value.kind === "remove" || fields.value.every(({ name, required }) => !required || name in values.value),
);

/** The result of the check of what is entered now; null = not known yet. */
export const check = computed((): CheckedCampaign | Problem | null =>
  answered.value?.sent === sent.value ? answered.value.check : null,
);

/** The check if what is entered now can be saved. */
export const savable = computed((): CheckedCampaign | null => {
  const found = check.value;
  return found && !isProblem(found) && !found.problems.length ? found : null;
});

/** Return what is wrong with a field; "" = with the form as a whole. */
export function problemsOf(name: string): string[] {
  const found = check.value;
  if (!found || isProblem(found)) return [];
  return found.problems.filter(({ field }) => field === name).map(({ text }) => text);
}

const periodsOf = (text: string): Period[] =>
  text.split(", ").map((each) => {
    const [start = "", until = ""] = each.split("-");
    return { start, until };
  });

function initialValueOf({ type, required, default: preset, choices }: FormField): Entered {
  if (type === "list") return [];
  if (type === "hours") return periodsOf(preset);
  return preset || (required ? (choices[0] ?? "") : "");
}

const enteredOf = (value: unknown): Entered => (Array.isArray(value) ? value : String(value));

/** Show the form for a change: empty for a new campaign, otherwise with the values of the campaign. */
export function startChange(next: Change, campaign?: ListedCampaign): void {
  const shown = page.value;
  if (!shown || isProblem(shown)) return;
  clearTimeout(waiting);
  const values = campaign?.values ?? {};
  entered.value = Object.fromEntries(
    shown.fields.map((field) => {
      const value = values[field.name];
      if (campaign && value === undefined) return [field.name, ""];
      return [field.name, value === undefined ? initialValueOf(field) : enteredOf(value)];
    }),
  );
  change.value = next;
  answered.value = null;
  if (next.kind !== "add") void checkForm();
}

/** Empty the form, for a new campaign. */
export const startNewCampaign = (): void => startChange(NEW);

/** Load the campaigns and an empty form. */
export async function loadPage(): Promise<void> {
  page.value = await ask<CampaignsPage>("GET", "/api/campaigns");
  startNewCampaign();
}

/** Enter a value, and check the form after a pause. */
export function enter(name: string, value: Entered): void {
  entered.value = { ...entered.value, [name]: value };
  clearTimeout(waiting);
  waiting = setTimeout(() => void checkForm(), CHECK_MS);
}

async function checkForm(): Promise<void> {
  if (!isComplete.value) return;
  const [current, body] = [sent.value, asked.value];
  const found = await ask<CheckedCampaign>("POST", "/api/campaigns/check", body);
  if (current === sent.value) answered.value = { sent: current, check: found };
}

/** Save the checked change, and return the answer. A saved change empties the form; otherwise the form is checked again. */
export async function saveChange(): Promise<Reply | Problem> {
  isSaving.value = true;
  const body = { id: crypto.randomUUID(), digest: savable.value?.digest ?? "", change: asked.value };
  const answer = await ask<Reply>("POST", "/api/campaigns", body);
  if (!isProblem(answer) && answer.status === "done") await loadPage();
  else await checkForm();
  isSaving.value = false;
  return answer;
}

const simulated = signal<{ sent: string; found: SimulatedPacing | Problem } | null>(null);
export const isSimulating = signal(false);

/** Whether the pacing of the campaign in the form can be simulated. */
export const canSimulate = computed(
  () => change.value.kind !== "remove" && enteredIn("kind") === "agents" && enteredIn("pacing") !== "preview",
);

/** The simulation of the campaign that is in the form now, or null. */
export const simulation = computed(() => (simulated.value?.sent === sent.value ? simulated.value.found : null));

/** Simulate the pacing of the campaign in the form with these agents and answers. */
export async function simulate(agents: number, answerRate: number, talkSeconds: number): Promise<void> {
  isSimulating.value = true;
  simulated.value = null;
  const [current, body] = [sent.value, asked.value];
  const site = { agents, answer_rate: answerRate, talk_seconds: talkSeconds };
  const found = await ask<SimulatedPacing>("POST", "/api/campaigns/what-if", { change: body, site });
  simulated.value = { sent: current, found };
  isSimulating.value = false;
}
