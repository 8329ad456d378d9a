// The state of an opened flow: checked while it is changed, saved with the digest of the file, copied, and tried out.
import { expect, test, vi } from "vitest";
import type { CheckedFlow, FlowsPage, FlowText, TryOut } from "../src/shared/wire";
import { type Answer, openPage, pass, type Sent } from "./page";

const PAGE: FlowsPage = {
  flows: [
    {
      source: "turnout",
      name: "turnout",
      title: "",
      purpose: "turnout",
      origin: "shipped",
      used_by: [],
      errors: 0,
      warnings: 0,
    },
  ],
  languages: ["en", "hi"],
  language: "hi",
  folder: "/flows",
  flow_schema: {},
  node_kinds: [],
  text_keys: [],
};
const OWN = "/flows/errand.yaml";
const FILE: FlowText = { text: "flow: errand\n", digest: "d".repeat(64), is_editable: true };
const FINE: CheckedFlow = { problems: [], diagram: { nodes: [], arrows: [] }, facts: [], difference: [] };
const WRONG: CheckedFlow = {
  ...FINE,
  problems: [{ level: "error", line: 1, text: { id: "", values: {}, english: "is wrong" } }],
  diagram: null,
};
const CALL: TryOut = {
  lines: [],
  node: "question",
  expected: { max_digits: 1, terminator: "" },
  ending: null,
  answers: {},
};

const answer =
  (changes: Record<string, Answer> = {}): Answer =>
  (sent) => {
    const name = `${sent.method} ${sent.path.split("?")[0]}`;
    if (changes[name]) return changes[name](sent);
    if (name === "GET /api/flows") return PAGE;
    if (name === "GET /api/flows/text") return FILE;
    if (name === "POST /api/flows/check") return String(sent.body.text).includes("wrong") ? WRONG : FINE;
    if (name === "POST /api/flows/try") return CALL;
    return { status: "done", text: "" };
  };

async function openOwnFlow(changes: Record<string, Answer> = {}): Promise<Sent[]> {
  const requests = openPage(answer(changes));
  const state = await import("../src/flows/state");
  await state.loadPage();
  await state.openFlow(OWN);
  return requests;
}

test("a changed text is checked after a pause, and can be saved only if it has no errors", async () => {
  const requests = await openOwnFlow();
  const state = await import("../src/flows/state");
  expect(state.isSavable.value).toBe(false);
  const before = requests.length;
  state.changeText("flow: wrong\n");
  state.changeText("flow: wrong2\n");
  expect(requests.length).toBe(before);
  expect(state.check.value).toBe(null);
  await pass(state.CHECK_MS);
  expect(requests.slice(before).map(({ body }) => body.text)).toEqual(["flow: wrong2\n"]);
  expect(state.isSavable.value).toBe(false);
  expect(state.diagram.value).not.toBe(null); // the last drawing stays
  state.changeText("flow: errand # mine\n");
  await pass(state.CHECK_MS);
  expect(state.isSavable.value).toBe(true);
});

test("a text is saved with the digest of the opened file, and is unchanged afterwards", async () => {
  const changed = "flow: errand # mine\n";
  let saved = false;
  const requests = await openOwnFlow({
    "POST /api/flows": () => {
      saved = true;
      return { status: "done", text: "" };
    },
    "GET /api/flows/text": () => (saved ? { ...FILE, text: changed, digest: "e".repeat(64) } : FILE),
  });
  const state = await import("../src/flows/state");
  state.changeText(changed);
  await pass(state.CHECK_MS);
  expect(await state.saveFlow()).toEqual({ status: "done", text: "" });
  const sent = requests.find(({ method, path }) => method === "POST" && path === "/api/flows")!;
  expect(sent.body).toMatchObject({ source: OWN, text: changed, digest: FILE.digest });
  expect(state.isChanged.value).toBe(false);
});

test("a refused text stays changed", async () => {
  await openOwnFlow({ "POST /api/flows": () => ({ problem: "flow-changed" }) });
  const state = await import("../src/flows/state");
  state.changeText("flow: errand # mine\n");
  await pass(state.CHECK_MS);
  expect(await state.saveFlow()).toEqual({ problem: "flow-changed" });
  expect(state.isChanged.value).toBe(true);
  expect(state.isSavable.value).toBe(true);
});

test("a copy has its own name and no file yet, and no taken or invalid name is accepted", async () => {
  const requests = await openOwnFlow();
  const state = await import("../src/flows/state");
  expect(await state.copyFlow("Not A Name")).toBe("wrong");
  expect(state.source.value).toBe(OWN);
  state.changeText("# yaml-language-server: $schema=x\nflow: errand\nstart: a\n");
  expect(await state.copyFlow("mine")).toBe(null);
  expect(state.text.value).toBe("flow: mine\nstart: a\n");
  expect(state.source.value).toBe("/flows/mine.yaml");
  expect(state.isSavable.value).toBe(true);
  await state.saveFlow();
  expect(requests.find(({ method, path }) => method === "POST" && path === "/api/flows")!.body.digest).toBe("");
});

test("each entry of the caller plays the whole call again with the text at its start", async () => {
  const requests = await openOwnFlow();
  const state = await import("../src/flows/state");
  const { startCall, enterAsCaller, isOutdated } = await import("../src/flows/try_state");
  await startCall();
  state.changeText("flow: errand # mine\n");
  await enterAsCaller("2");
  await enterAsCaller("");
  await enterAsCaller(null);
  const tried = requests.filter(({ path }) => path === "/api/flows/try");
  expect(tried.map(({ body }) => body.entries)).toEqual([[], ["2"], ["2", ""], ["2", "", null]]);
  expect(new Set(tried.map(({ body }) => body.text))).toEqual(new Set([FILE.text]));
  expect(isOutdated.value).toBe(true);
});

test("new prompts are played one after another, unless the user wants to hear nothing", async () => {
  const played: string[] = [];
  class Player {
    onended: (() => void) | null = null;
    constructor(readonly address: string) {}
    pause(): void {}
    async play(): Promise<void> {
      played.push(this.address.split("=")[1]!);
      this.onended?.();
    }
  }
  const prompt = (name: string) => ({ kind: "prompt" as const, text: name, sounds: [name] });
  await openOwnFlow({
    "POST /api/flows/try": ({ body }) => ({
      ...CALL,
      lines: (body.entries as string[]).length ? [prompt("a"), prompt("b"), prompt("c")] : [prompt("a"), prompt("b")],
    }),
  });
  vi.stubGlobal("Audio", Player);
  const { startCall, enterAsCaller } = await import("../src/flows/try_state");
  const { isSoundOn } = await import("../src/flows/sounds");
  await startCall();
  expect(played).toEqual(["a", "b"]);
  await enterAsCaller("2");
  expect(played).toEqual(["a", "b", "c"]);
  isSoundOn.value = false;
  await startCall();
  expect(played).toEqual(["a", "b", "c"]);
});
