import { expect, test } from "vitest";
import type { CampaignsPage, CheckedCampaign, FormField, ListedCampaign, ListedDraft } from "../src/shared/wire";
import { type Answer, openPage, pass, type Sent } from "./page";

const field = (name: string, more: Partial<FormField>): FormField => ({
  name,
  type: "text",
  required: false,
  default: "",
  choices: [],
  least: null,
  most: null,
  whole: false,
  help: "",
  ...more,
});

const PAGE: CampaignsPage = {
  campaigns: [],
  fields: [
    field("id", { required: true }),
    field("kind", { type: "choice", required: true, choices: ["agents", "ivr"] }),
    field("script", { type: "choice", choices: ["polling_day"] }),
    field("flow", { type: "choice", choices: ["turnout"] }),
    field("skill", { type: "choice" }),
    field("weight", { type: "number", default: "1" }),
    field("hours", { type: "hours", default: "09:00-12:00, 15:00-21:00" }),
    field("trunks", { type: "list", choices: ["a", "b"] }),
  ],
  only_for: { script: "agents", flow: "ivr" },
  file: "/var/lib/matdan/campaigns.toml",
  needs_approval: true,
};
const HOURS = [
  { start: "09:00", until: "12:00" },
  { start: "15:00", until: "21:00" },
];
const FINE: CheckedCampaign = {
  problems: [],
  findings: [],
  difference: "+[[campaigns]]",
  digest: "d1",
  also_applied: [],
  needs_restart: [],
  digest_of_lines: "l1",
  approved_by: "",
};

async function openForm(answer: Answer, drafts: ListedDraft[] = []) {
  const requests = openPage((sent) =>
    sent.method === "POST" ? answer(sent) : sent.path === "/api/campaigns" ? PAGE : drafts,
  );
  const form = await import("../src/campaigns/form");
  await form.loadPage();
  return { form, requests };
}
const checksOf = (requests: Sent[]) =>
  requests.filter(({ path }) => path === "/api/campaigns/check").map(({ body }) => body.values);

test("only fields of the chosen kind are shown and sent, with their defaults", async () => {
  const { form, requests } = await openForm(() => FINE);
  expect(form.fields.value.map(({ name }) => name)).toEqual(["id", "kind", "script", "weight", "hours", "trunks"]);
  form.enter("id", "new");
  form.enter("script", "polling_day");
  await pass(form.CHECK_MS);
  form.enter("kind", "ivr");
  form.enter("flow", "turnout");
  form.enter("weight", "");
  await pass(form.CHECK_MS);
  expect(checksOf(requests)).toEqual([
    { id: "new", kind: "agents", script: "polling_day", weight: 1, hours: HOURS },
    { id: "new", kind: "ivr", flow: "turnout", hours: HOURS },
  ]);
});

test("a form without its required values is not checked and cannot be saved", async () => {
  const { form, requests } = await openForm(() => FINE);
  form.enter("trunks", ["b"]);
  await pass(form.CHECK_MS);
  expect(form.isComplete.value).toBe(false);
  expect(checksOf(requests)).toEqual([]);
  expect(form.savable.value).toBeNull();
});

test("a check of earlier values does not let changed values be saved", async () => {
  const { form } = await openForm(() => FINE);
  form.enter("id", "new");
  await pass(form.CHECK_MS);
  expect(form.savable.value).toEqual(FINE);
  form.enter("id", "other");
  expect(form.savable.value).toBeNull();
  await pass(form.CHECK_MS);
  expect(form.savable.value).toEqual(FINE);
});

test("a mistake is shown at its field and prevents saving", async () => {
  const problems = [{ field: "id", text: { id: "", values: {}, english: "is used twice" } }];
  const { form } = await openForm(() => ({ ...FINE, problems }));
  form.enter("id", "new");
  await pass(form.CHECK_MS);
  expect(form.problemsOf("id").map(({ english }) => english)).toEqual(["is used twice"]);
  expect(form.problemsOf("")).toEqual([]);
  expect(form.savable.value).toBeNull();
});

test("a saved campaign carries the digest of its check and empties the form", async () => {
  const { form, requests } = await openForm(({ path }) =>
    path === "/api/campaigns" ? { status: "done", text: "" } : FINE,
  );
  form.enter("id", "new");
  await pass(form.CHECK_MS);
  expect(await form.saveChange()).toEqual({ status: "done", text: "" });
  const [saved] = requests.filter(({ path, method }) => path === "/api/campaigns" && method === "POST");
  expect(saved?.body).toMatchObject({ digest: "d1", change: { values: { id: "new", kind: "agents" } } });
  expect(form.enteredIn("id")).toBe("");
});

test("a refused campaign stays in the form and is checked again", async () => {
  const { form, requests } = await openForm(({ path }) =>
    path === "/api/campaigns" ? { problem: "campaigns-changed" } : { ...FINE, digest: `d${requests.length}` },
  );
  form.enter("id", "new");
  await pass(form.CHECK_MS);
  expect(await form.saveChange()).toEqual({ problem: "campaigns-changed" });
  expect(form.enteredIn("id")).toBe("new");
  expect(checksOf(requests)).toHaveLength(2);
  expect(form.savable.value?.digest).toBe("d5");
});

const LISTED: ListedCampaign = {
  id: "east",
  kind: "ivr",
  purpose: "turnout",
  content: "turnout",
  hours: ["09:00-12:00"],
  values: { id: "east", kind: "ivr", flow: "turnout", skill: "marathi", hours: HOURS, trunks: [] },
};

test("an edited campaign fills the form, and its change is checked and saved", async () => {
  const { form, requests } = await openForm(({ path }) =>
    path === "/api/campaigns" ? { status: "done", text: "" } : FINE,
  );
  form.startChange({ kind: "edit", campaign: "east" }, LISTED.values);
  const before = { id: "east", kind: "ivr", flow: "turnout", skill: "marathi", hours: HOURS };
  expect(requests.at(-1)?.body).toEqual({ edited: "east", values: before });
  form.enter("weight", "2");
  await pass(form.CHECK_MS);
  await form.saveChange();
  expect(requests.at(-3)?.body.change).toEqual({ edited: "east", values: { ...before, weight: 2 } });
  expect(form.change.value).toEqual({ kind: "add", campaign: "" });
});

test("a removal is checked at once and sends no values", async () => {
  const { form, requests } = await openForm(() => FINE);
  form.startChange({ kind: "remove", campaign: "east" }, LISTED.values);
  expect(requests.at(-1)?.body).toEqual({ removed: "east" });
  await pass(0);
  expect(form.savable.value).toEqual(FINE);
  form.startNewCampaign();
  expect(form.savable.value).toBeNull();
  expect(form.enteredIn("id")).toBe("");
});

test("a simulation is shown for the campaign in the form only", async () => {
  const figures = { idle_seconds: 9, contacts_per_hour: 200, abandoned_rate: 0.01, abandoned_limit: 0.03 };
  const { form, requests } = await openForm(({ path }) => (path.endsWith("what-if") ? figures : FINE));
  form.enter("id", "new");
  expect(form.canSimulate.value).toBe(true);
  await form.simulate(10, 0.3, 90);
  expect(requests.at(-1)?.body.site).toEqual({ agents: 10, answer_rate: 0.3, talk_seconds: 90 });
  expect(form.simulation.value).toEqual(figures);
  form.enter("weight", "2");
  expect(form.simulation.value).toBeNull();
  form.enter("kind", "ivr");
  expect(form.canSimulate.value).toBe(false);
});

const DRAFT: ListedDraft = {
  draft: "d".repeat(32),
  version: 1,
  edited: null,
  values: { kind: "ivr", flow: "turnout" },
  author: "asha",
  saved_at: 0,
  check: FINE,
};

test("an incomplete form is saved as a draft, and its next change as the next version of it", async () => {
  const drafts: ListedDraft[] = [];
  const { form, requests } = await openForm(() => ({ draft: DRAFT.draft, version: drafts.push(DRAFT) }), drafts);
  expect(form.isChanged.value).toBe(false);
  form.enter("kind", "ivr");
  expect(await form.saveDraft()).toBeNull();
  expect(form.isChanged.value).toBe(false);
  form.enter("flow", "turnout");
  expect(form.isChanged.value).toBe(true);
  await form.saveDraft();
  const sent = requests.filter(({ method, path }) => method === "POST" && path === "/api/campaigns/drafts");
  expect(sent.map(({ body }) => body)).toEqual([
    { replaces: null, edited: null, values: { kind: "ivr", weight: 1, hours: HOURS } },
    {
      replaces: { draft: DRAFT.draft, version: 1 },
      edited: null,
      values: { kind: "ivr", flow: "turnout", weight: 1, hours: HOURS },
    },
  ]);
});

test("an opened draft fills the form, and is approved with the digest of the lines that the check showed", async () => {
  const { form, requests } = await openForm(({ path }) => (path === "/api/campaigns/check" ? FINE : undefined));
  form.continueDraft({ ...DRAFT, edited: "east", values: { id: "east", ...DRAFT.values } });
  await pass(0);
  expect(form.enteredIn("hours")).toEqual([]);
  expect(requests.at(-1)?.body).toEqual({
    edited: "east",
    draft: DRAFT.draft,
    values: { id: "east", ...DRAFT.values },
  });
  expect(await form.approveDraft()).toBeNull();
  const [sent] = requests.filter(({ path }) => path === "/api/campaigns/drafts/approve");
  expect(sent?.body).toMatchObject({ draft: DRAFT.draft, version: 1, digest_of_lines: "l1" });
});

test("a draft that is deleted leaves the form", async () => {
  const { form } = await openForm(() => undefined);
  form.continueDraft(DRAFT);
  await form.deleteDraft(DRAFT);
  expect(form.draft.value).toBeNull();
  expect(form.enteredIn("flow")).toBe("");
});
