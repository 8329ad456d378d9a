// What the editor of flows suggests, by the schema that the repository contains.
import { expect, test } from "vitest";
import schema from "../../../../ivr_flows/flow.schema.json?raw";
import { type Known, nodesIn, type Schema, suggestAt, TARGET_KEYS } from "../src/flows/complete";

const SCHEMA = JSON.parse(schema) as Schema;
const KINDS = ["say", "menu", "opt_out", "disconnect", "subdialog", "undo"];
const KNOWN: Known = { schema: SCHEMA, kinds: KINDS, texts: ["common.goodbye", "errand.question"], flows: ["opt_out"] };
const FLOW = `flow: errand
purpose: |
start: first
no_input: {reprompts: 1, then: bye}
nodes:
  first:
    menu: [errand.question]
    choices: {1: bye, 9: out}
  out:
    opt_out: number
    next: bye
    failed: bye
  bye:
    disconnect: done
`;

/** Return the labels of what is suggested at the bar in a text. */
function suggest(marked: string): string[] {
  const at = marked.indexOf("|");
  const found = suggestAt(marked.replace("|", ""), at, KNOWN);
  return found?.options.map(({ label }) => label) ?? [];
}
const inFlow = (line: string) => suggest(FLOW.replace("|", "turnout").replace("    next: bye", line));

test("the nodes of a text are those below its key nodes", () => {
  expect(nodesIn(FLOW)).toEqual(["first", "out", "bye"]);
});

test("values of a fixed list are suggested", () => {
  expect(suggest(FLOW)).toContain("turnout");
  expect(suggest(FLOW)).toContain("opt-out");
});

test("keys of the flow that it does not have yet are suggested at its top level", () => {
  const found = suggest(`${FLOW.replace("|", "turnout")}|`);
  expect(found).toContain("title");
  expect(found).toContain("no_match");
  expect(found).not.toContain("start");
});

test("a new node is offered the kinds of nodes, and a node of a kind the keys of this kind", () => {
  const kinds = suggest(`${FLOW.replace("|", "turnout")}  new:\n    |`);
  expect(kinds).toContain("menu");
  expect(kinds).toContain("opt_out");
  expect(kinds).not.toContain("choices");
  const keys = suggest(FLOW.replace("|", "turnout").replace("    choices:", "    |\n    choices:"));
  expect(keys).toContain("answer");
  expect(keys).not.toContain("menu");
  expect(keys).not.toContain("opt_out");
});

test("targets are the nodes of the text", () => {
  expect(inFlow("    next: |")).toEqual(["first", "out", "bye"]);
  expect(inFlow("    next: b|")).toEqual(["first", "out", "bye"]);
  expect(suggest(FLOW.replace("|", "turnout").replace("9: out", "9: |"))).toEqual(["first", "out", "bye"]);
  expect(suggest(FLOW.replace("|", "turnout").replace("then: bye", "then: |"))).toEqual(["first", "out", "bye"]);
  expect(suggest(FLOW.replace("|", "turnout").replace("start: first", "start: |"))).toEqual(["first", "out", "bye"]);
});

test("keys in braces are those of the mapping in braces", () => {
  expect(suggest(FLOW.replace("|", "turnout").replace("reprompts: 1, ", "|"))).toEqual(["reprompts", "say"]);
});

test("prompts are suggested from the texts, subdialogs from the flows", () => {
  expect(suggest(FLOW.replace("|", "turnout").replace("[errand.question]", "[errand.|"))).toEqual(KNOWN.texts);
  expect(inFlow("    subdialog: |")).toEqual(["opt_out"]);
});

test("nothing is suggested in a comment", () => {
  expect(suggest("# flow|")).toEqual([]);
});

test("every key whose value is a node is known as a target", () => {
  const found = Object.values(SCHEMA.$defs!).flatMap((each) => Object.entries(each.properties ?? {}));
  const targets = found.filter(([, { description }]) => /^(Node |The other node)/.test(description ?? ""));
  expect(targets.length).toBeGreaterThan(20);
  expect(targets.filter(([name]) => !TARGET_KEYS.has(name))).toEqual([]);
});
