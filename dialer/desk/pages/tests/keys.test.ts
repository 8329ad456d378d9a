import { expect, test, vi } from "vitest";
import { dispositionsOf, household, openPage, pass, talk } from "./page";

/** Open a page that handles keys. Listeners of earlier tests' pages get no keys. */
async function listen(call = household("a1", 2)) {
  const page = await talk(call);
  const keys = await import("../src/agent/keys");
  vi.stubGlobal("addEventListener", (_: string, listener: (event: KeyboardEvent) => void) => {
    handle = listener;
  });
  keys.listen();
  return { ...page, call };
}
let handle: (event: KeyboardEvent) => void;
function press(code: string, key: string, target: Element = document.body): void {
  const event = new KeyboardEvent("keydown", { code, key, cancelable: true });
  Object.defineProperty(event, "target", { value: target });
  handle(event);
}

test("a digit of a Hindi keyboard layout records an outcome", async () => {
  const sent = openPage();
  await listen(household("a1", 1));
  press("Digit1", "१");
  await pass(100);
  expect(dispositionsOf(sent)).toMatchObject([{ disposition: "voted" }]);
});

test("a key in an input field records nothing", async () => {
  const sent = openPage();
  await listen(household("a1", 1));
  const field = document.body.appendChild(document.createElement("textarea"));
  press("Digit1", "1", field);
  await pass(100);
  expect(dispositionsOf(sent)).toEqual([]);
});

test("a letter selects a voter of the household", async () => {
  openPage();
  const { drafts, call } = await listen();
  press("KeyB", "b");
  expect(drafts.chosenOf(call)).toBe(2);
});

test("Backspace undoes an opt-out that is held back", async () => {
  openPage();
  const { entries } = await listen(household("a1", 1));
  press("Digit9", "9");
  expect(entries.entries.value).toHaveLength(1);
  press("Backspace", "Backspace");
  await pass(100);
  expect(entries.entries.value).toEqual([]);
});

test("Escape cancels an hour that is not entered yet", async () => {
  openPage();
  const { outcomes } = await listen();
  press("Digit3", "3");
  expect(outcomes.pendingDetail.value?.outcome).toBe("later");
  press("Escape", "Escape");
  expect(outcomes.pendingDetail.value).toBeNull();
});
