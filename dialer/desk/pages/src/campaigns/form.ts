// What is entered in the form of a new campaign, its check by the desk while it is entered, and its saving.
import { computed, signal } from "@preact/signals";
import { ask, isProblem, type Problem } from "../shared/server";
import type { CampaignsPage, CheckedCampaign, FormField } from "../shared/wire";

/** A period of the day, as 09:00. */
export interface Period {
  start: string;
  until: string;
}
export type Entered = string | string[] | Period[];

interface Reply {
  status: string;
  text: string;
}

/** The form is checked when nothing was entered for so long. */
export const CHECK_MS = 400;

export const page = signal<CampaignsPage | Problem | null>(null);
const entered = signal<Record<string, Entered>>({});
const answered = signal<{ values: string; check: CheckedCampaign | Problem } | null>(null);
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
      (shown.only_for[name] ?? enteredIn("kind")) === enteredIn("kind") && (type !== "choice" || choices.length > 0),
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
const sent = computed(() => JSON.stringify(values.value));

/** Whether every required field has a value. */
export const isComplete = computed(() => fields.value.every(({ name, required }) => !required || name in values.value));

/** The result of the check of what is entered now; null = not known yet. */
export const check = computed((): CheckedCampaign | Problem | null =>
  answered.value?.values === sent.value ? answered.value.check : null,
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

function clearForm(): void {
  const shown = page.value;
  if (!shown || isProblem(shown)) return;
  entered.value = Object.fromEntries(shown.fields.map((field) => [field.name, initialValueOf(field)]));
  answered.value = null;
}

/** Load the campaigns and an empty form. */
export async function loadPage(): Promise<void> {
  page.value = await ask<CampaignsPage>("GET", "/api/campaigns");
  clearForm();
}

/** Enter a value, and check the form after a pause. */
export function enter(name: string, value: Entered): void {
  entered.value = { ...entered.value, [name]: value };
  clearTimeout(waiting);
  waiting = setTimeout(() => void checkForm(), CHECK_MS);
}

async function checkForm(): Promise<void> {
  if (!isComplete.value) return;
  const [asked, body] = [sent.value, values.value];
  const found = await ask<CheckedCampaign>("POST", "/api/campaigns/check", { values: body });
  if (asked === sent.value) answered.value = { values: asked, check: found };
}

/** Save the checked campaign, and return the answer. An added campaign empties the form; otherwise the form is checked again. */
export async function saveCampaign(): Promise<Reply | Problem> {
  isSaving.value = true;
  const body = { id: crypto.randomUUID(), digest: savable.value?.digest ?? "", values: values.value };
  const answer = await ask<Reply>("POST", "/api/campaigns", body);
  if (!isProblem(answer) && answer.status === "done") await loadPage();
  else await checkForm();
  isSaving.value = false;
  return answer;
}
