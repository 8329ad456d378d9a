import { describe, expect, test, vi } from "vitest";
import { AGENT, connectDesk, dispositionsOf, household, openPage, pass, type Sent, Stream, talk } from "./page";

const idsOf = (requests: Sent[]) =>
  requests.filter((sent) => sent.body.name === "seat-dispose").map((sent) => sent.body.id);

describe("an outcome", () => {
  test("is saved when the dialler confirms it, and can be undone for five seconds", async () => {
    openPage();
    const { outcomes, entries } = await talk(household("a1", 1));
    outcomes.digit(household("a1", 1), "1");
    await pass(100);
    expect(entries.entries.value[0]?.state).toBe("saved");
    expect(entries.lastUndoable()?.attempt).toBe("a1");
    await pass(6000);
    expect(entries.entries.value).toEqual([]);
  });

  test("is sent again with the same id until the desk answers", async () => {
    let isDown = true;
    const sent = openPage(() => (isDown ? null : { status: "done", text: "" }));
    const { outcomes, entries } = await talk(household("a1", 1));
    outcomes.digit(household("a1", 1), "1");
    await pass(3500);
    expect(entries.entries.value[0]?.state).toBe("retrying");
    isDown = false;
    await pass(4000);
    expect(entries.entries.value[0]?.state).toBe("saved");
    const ids = idsOf(sent);
    expect(ids.length).toBeGreaterThan(2);
    expect(new Set(ids).size).toBe(1);
  });

  test("survives a reload and keeps its id", async () => {
    const before = openPage(() => null);
    const page = await talk(household("a1", 1));
    page.outcomes.digit(household("a1", 1), "1");
    await pass(100);
    vi.resetModules();
    const after = connectDesk(() => ({ status: "done", text: "" }));
    const { entries } = await talk(household("a1", 1));
    await pass(100);
    expect(entries.entries.value[0]?.state).toBe("saved");
    expect(idsOf(after)[0]).toBe(idsOf(before)[0]);
  });

  test("of another agent is not restored at this seat", async () => {
    openPage(() => null);
    const page = await talk(household("a1", 1));
    page.outcomes.digit(household("a1", 1), "1");
    await pass(100);
    page.state.me.value = { ...AGENT, agent: "vijay" };
    expect(page.entries.entries.value).toEqual([]);
  });

  test("that the dialler refuses shows the reason and is not sent again", async () => {
    const sent = openPage((request) =>
      request.body.name === "seat-dispose"
        ? { status: "refused", text: "late", code: "late" }
        : { status: "done", text: "" },
    );
    const { outcomes, entries } = await talk(household("a1", 1));
    outcomes.digit(household("a1", 1), "1");
    await pass(10_000);
    expect(entries.entries.value[0]?.refusal).toEqual({ code: "late", text: "late" });
    expect(idsOf(sent)).toHaveLength(1);
  });

  test("with answers to another script is sent without them", async () => {
    const sent = openPage((request) => {
      const values = request.body.values as { answers?: unknown } | undefined;
      return values?.answers ? { status: "refused", text: "", code: "other-script" } : { status: "done", text: "" };
    });
    const call = household("a1", 1);
    const { outcomes, entries, drafts } = await talk(call);
    drafts.change(call, { answers: { turnout: "yes" } });
    outcomes.digit(call, "1");
    await pass(100);
    expect(dispositionsOf(sent).map((each) => each.answers)).toEqual([{ turnout: "yes" }, undefined]);
    expect(entries.entries.value[0]?.state).toBe("saved");
  });
});

describe("an opt-out", () => {
  test("is held back for five seconds", async () => {
    const sent = openPage();
    const { outcomes } = await talk(household("a1", 1));
    outcomes.digit(household("a1", 1), "9");
    await pass(4900);
    expect(dispositionsOf(sent)).toEqual([]);
    await pass(300);
    expect(dispositionsOf(sent)).toMatchObject([{ disposition: "opt-out" }]);
  });

  test("that is undone in time is never sent", async () => {
    const sent = openPage();
    const { outcomes } = await talk(household("a1", 1));
    outcomes.digit(household("a1", 1), "9");
    await pass(1000);
    outcomes.undoLastEntry();
    await pass(10_000);
    expect(sent.filter((each) => each.path === "/api/agent/command")).toEqual([]);
  });

  test("is sent at once when the wrap-up ends", async () => {
    const sent = openPage();
    const { outcomes } = await talk(household("a1", 1));
    outcomes.digit(household("a1", 1), "9");
    Stream.newest.deliver(1, { seat: { state: "wrap-up" } });
    outcomes.saveBeforeWrapUpEnds(1);
    await pass(100);
    expect(dispositionsOf(sent)).toMatchObject([{ disposition: "opt-out" }]);
  });
});

describe("undoing a saved outcome", () => {
  test("lets the next key correct the earlier call", async () => {
    const sent = openPage();
    const { outcomes } = await talk(household("a1", 1));
    outcomes.digit(household("a1", 1), "1");
    await pass(100);
    Stream.newest.deliver(1, { pop: household("a2", 1) });
    outcomes.undoLastEntry();
    await pass(100);
    expect(sent.some((each) => each.body.name === "seat-undo-disposition")).toBe(true);
    expect(outcomes.current()?.attempt).toBe("a1");
  });

  test("asks three times and says that it is unknown without an answer", async () => {
    let isDown = false;
    const sent = openPage(() => (isDown ? null : { status: "done", text: "" }));
    const { outcomes, entries } = await talk(household("a1", 1));
    outcomes.digit(household("a1", 1), "1");
    await pass(100);
    isDown = true;
    const [entry] = entries.entries.value;
    const undone = entries.undo(entry!);
    await pass(3000);
    expect(await undone).toBe("unanswered");
    expect(sent.filter((each) => each.body.name === "seat-undo-disposition")).toHaveLength(3);
  });
});
