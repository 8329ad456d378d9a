// The values in the form of a campaign, the desk's check of each change, its saving, and the saved drafts of forms.
import { computed, signal } from "@preact/signals";
import { ask, isProblem, type Problem } from "../shared/server";
import type { CampaignsPage, CheckedCampaign, FormField, ListedDraft, PageText, SimulatedPacing } from "../shared/wire";
import { word } from "../shared/words";

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

interface DraftReference {
  draft: string;
  version: number;
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
/** The saved drafts, the newest first; null = not loaded yet. */
export const drafts = signal<ListedDraft[] | Problem | null>(null);
/** The draft that is in the form. */
export const draft = signal<ListedDraft | null>(null);
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

/** Return the name of a field in the user's language. */
export const labelOf = (name: string) => word("field", name.replaceAll("_", "-"));

/** The values to send: those of the shown fields that are not empty. */
const values = computed(() => {
  const given: Record<string, unknown> = {};
  for (const { name, type } of fields.value) {
    const value = enteredIn(name);
    if (value.length) given[name] = type === "number" ? Number(value) : value;
  }
  return given;
});

/** The values that were in the form when it was opened or saved as a draft, as JSON. */
const saved = signal("");
/** Whether something has been entered since the form was opened or saved as a draft. */
export const isChanged = computed(() => JSON.stringify(values.value) !== saved.value);

/** The change in the form that the desk expects. */
const asked = computed(() => {
  const { kind, campaign } = change.value;
  if (kind === "remove") return { removed: campaign };
  return {
    ...(kind === "edit" && { edited: campaign }),
    values: values.value,
    ...(draft.value && { draft: draft.value.draft }),
  };
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
export function problemsOf(name: string): PageText[] {
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

function enteredOf(value: unknown, type: FormField["type"]): Entered {
  if (value === undefined) return type === "list" || type === "hours" ? [] : "";
  return Array.isArray(value) ? value : String(value);
}

/** Show the form for a change: with the values of a campaign or of a draft, otherwise empty for a new campaign. */
export function startChange(
  next: Change,
  given?: Record<string, unknown> | null,
  from: ListedDraft | null = null,
): void {
  const shown = page.value;
  if (!shown || isProblem(shown)) return;
  clearTimeout(waiting);
  entered.value = Object.fromEntries(
    shown.fields.map((field) => [field.name, given ? enteredOf(given[field.name], field.type) : initialValueOf(field)]),
  );
  change.value = next;
  draft.value = from;
  saved.value = JSON.stringify(values.value);
  answered.value = null;
  if (given) void checkForm();
}

/** Show the form with the values of a draft. */
export const continueDraft = (from: ListedDraft): void =>
  startChange(from.edited === null ? NEW : { kind: "edit", campaign: from.edited }, from.values, from);

/** Empty the form, for a new campaign. */
export const startNewCampaign = (): void => startChange(NEW);

/** Load the campaigns, an empty form and the drafts. */
export async function loadPage(): Promise<void> {
  page.value = await ask<CampaignsPage>("GET", "/api/campaigns");
  startNewCampaign();
  if (!isProblem(page.value) && page.value.file !== null) await loadDrafts();
}

async function loadDrafts(): Promise<void> {
  drafts.value = await ask<ListedDraft[]>("GET", "/api/campaigns/drafts");
}

const referenceOf = ({ draft, version }: DraftReference): DraftReference => ({ draft, version });

/** Save the form as a draft: as the draft that is in the form, or as a new one. Return the problem, if any. */
export async function saveDraft(): Promise<Problem | null> {
  isSaving.value = true;
  const [before, given, { kind, campaign }] = [draft.value, values.value, change.value];
  const answer = await ask<DraftReference>("POST", "/api/campaigns/drafts", {
    replaces: before && referenceOf(before),
    edited: kind === "edit" ? campaign : null,
    values: given,
  });
  if (!isProblem(answer)) {
    await loadDrafts();
    const found = drafts.value;
    draft.value = (Array.isArray(found) && found.find((each) => each.draft === answer.draft)) || null;
    saved.value = JSON.stringify(given);
    await checkForm();
  }
  isSaving.value = false;
  return isProblem(answer) ? answer : null;
}

/** Approve the lines that the draft in the form changes. Return the problem, if any. */
export async function approveDraft(): Promise<Problem | null> {
  if (!draft.value) return null;
  isSaving.value = true;
  const answer = await ask("POST", "/api/campaigns/drafts/approve", {
    ...referenceOf(draft.value),
    id: crypto.randomUUID(),
    digest_of_lines: savable.value?.digest_of_lines ?? "",
  });
  await loadDrafts();
  await checkForm();
  isSaving.value = false;
  return isProblem(answer) ? answer : null;
}

/** Delete a draft, and empty the form if it is there. Return the problem, if any. */
export async function deleteDraft(deleted: ListedDraft): Promise<Problem | null> {
  const answer = await ask("POST", "/api/campaigns/drafts/delete", referenceOf(deleted));
  await loadDrafts();
  if (isProblem(answer)) return answer;
  if (draft.value?.draft === deleted.draft) startNewCampaign();
  return null;
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
