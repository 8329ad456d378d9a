import { describe, expect, test } from "vitest";
import { dispositionsOf, household, openPage, pass, START, Stream, talk } from "./page";

describe("an outcome by key", () => {
  test("is recorded for the addressed voter and sent", async () => {
    const sent = openPage();
    const { outcomes } = await talk(household("a1", 1));
    outcomes.digit(household("a1", 1), "1");
    await pass(100);
    expect(dispositionsOf(sent)).toEqual([
      { attempt_id: "a1", disposition: "voted", voters: [{ voter_id: 1, mark: "voted" }] },
    ]);
  });

  test("is refused in the first 0.7 seconds of a call", async () => {
    const sent = openPage();
    const { outcomes } = await talk(household("a1", 1));
    const next = household("a2", 1);
    Stream.newest.deliver(1, { pop: next });
    outcomes.noteShownCall("a2");
    outcomes.digit(next, "1");
    await pass(100);
    expect(dispositionsOf(sent)).toEqual([]);
    await pass(700);
    outcomes.digit(next, "1");
    await pass(100);
    expect(dispositionsOf(sent)).toHaveLength(1);
  });

  test("is refused for a call that is no longer shown", async () => {
    const sent = openPage();
    const { outcomes } = await talk(household("a1", 1));
    outcomes.digit(household("earlier", 1), "1");
    await pass(100);
    expect(dispositionsOf(sent)).toEqual([]);
  });

  test("is refused while the voter is not connected", async () => {
    const sent = openPage();
    const call = household("a1", 1);
    const { outcomes } = await talk(call);
    Stream.newest.deliver(1, { seat: { state: "ringing" } });
    outcomes.digit(call, "1");
    await pass(100);
    expect(dispositionsOf(sent)).toEqual([]);
  });
});

describe("a household", () => {
  test("is sent when each voter has an outcome", async () => {
    const sent = openPage();
    const call = household("a1", 2);
    const { outcomes } = await talk(call);
    outcomes.digit(call, "1");
    await pass(100);
    expect(dispositionsOf(sent)).toEqual([]);
    outcomes.digit(call, "2");
    await pass(100);
    expect(dispositionsOf(sent)).toEqual([
      {
        attempt_id: "a1",
        disposition: "voted",
        voters: [
          { voter_id: 1, mark: "voted" },
          { voter_id: 2, mark: "not-yet" },
        ],
      },
    ]);
  });

  test("is sent with the outcomes so far on Enter, and calls the others again", async () => {
    const sent = openPage();
    const call = household("a1", 2);
    const { outcomes } = await talk(call);
    outcomes.step(call, 1);
    outcomes.digit(call, "1");
    outcomes.confirm(call);
    await pass(100);
    expect(dispositionsOf(sent)).toEqual([
      { attempt_id: "a1", disposition: "call-back", voters: [{ voter_id: 2, mark: "voted" }] },
    ]);
  });

  test("is stepped through in a circle", async () => {
    openPage();
    const call = household("a1", 3);
    const { outcomes, drafts } = await talk(call);
    expect(drafts.chosenOf(call)).toBe(1);
    outcomes.step(call, -1);
    expect(drafts.chosenOf(call)).toBe(3);
    outcomes.step(call, 1);
    expect(drafts.chosenOf(call)).toBe(1);
  });
});

describe("an hour for a later call", () => {
  const closesAt = (hour: number) => START.getTime() / 1000 + (hour - 10) * 3600;

  test("is one from the next hour to the close of the poll", async () => {
    openPage();
    const call = { ...household("a1", 1), booth: { closes_at: closesAt(18) } } as never;
    const { outcomes } = await talk(call);
    expect(outcomes.hoursFor(call)).toEqual([11, 12, 13, 14, 15, 16, 17]);
  });

  test("is known from one digit if only one hour ends with it", async () => {
    const sent = openPage();
    const call = { ...household("a1", 1), booth: { closes_at: closesAt(18) } } as never;
    const { outcomes } = await talk(call);
    outcomes.digit(call, "3");
    outcomes.digit(call, "4");
    await pass(100);
    expect(dispositionsOf(sent)[0]).toMatchObject({ disposition: "later", hour: 14 });
  });

  test("needs two digits if hours begin with the first", async () => {
    const sent = openPage();
    const call = { ...household("a1", 1), booth: { closes_at: closesAt(18) } } as never;
    const { outcomes } = await talk(call);
    outcomes.digit(call, "3");
    outcomes.digit(call, "1");
    expect(outcomes.pendingDetail.value?.typed).toBe("1");
    outcomes.digit(call, "5");
    await pass(100);
    expect(dispositionsOf(sent)[0]).toMatchObject({ disposition: "later", hour: 15 });
  });

  test("after the close of the poll is refused", async () => {
    const sent = openPage();
    const call = { ...household("a1", 1), booth: { closes_at: closesAt(18) } } as never;
    const { outcomes } = await talk(call);
    outcomes.digit(call, "3");
    outcomes.digit(call, "1");
    outcomes.digit(call, "9");
    await pass(100);
    expect(outcomes.pendingDetail.value?.typed).toBe("");
    expect(dispositionsOf(sent)).toEqual([]);
  });

  test("of a call-back becomes the time of the centre's day", async () => {
    const sent = openPage();
    const call = household("a1", 1);
    const { outcomes } = await talk(call);
    outcomes.callBackAt(call, "own-call-back");
    outcomes.giveHour(call, 15);
    await pass(100);
    expect(dispositionsOf(sent)[0]).toMatchObject({
      disposition: "call-back",
      call_back_at: closesAt(15),
      own_call_back: true,
    });
  });
});
