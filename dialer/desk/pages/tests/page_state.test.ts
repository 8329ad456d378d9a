import { expect, test, vi } from "vitest";
import { openPage, pass, Stream } from "./page";

async function subscribe(shut: () => void = () => undefined) {
  const server = await import("../src/shared/server");
  server.subscribeEvents(
    () => "/api/events",
    () => true,
    shut,
  );
  return server;
}

test("a whole state removes values that it does not contain", async () => {
  openPage();
  const server = await subscribe();
  Stream.newest.deliver(0, { "seat/04": { state: "talking" }, "seat/11": { state: "idle" } });
  Stream.newest.deliver(0, { "seat/11": { state: "idle" } });
  expect(server.value("seat/04")).toBeUndefined();
  expect(server.namesOf("seat")).toEqual(["11"]);
});

test("names of seats are sorted by number and follow seats that come and go", async () => {
  openPage();
  const server = await subscribe();
  Stream.newest.deliver(0, { "seat/2": {}, "seat/10": {} });
  expect(server.namesOf("seat")).toEqual(["2", "10"]);
  Stream.newest.deliver(1, { "seat/3": {} }, ["seat/10"]);
  expect(server.namesOf("seat")).toEqual(["2", "3"]);
});

test("a missing update opens the stream again", async () => {
  openPage();
  const server = await subscribe();
  Stream.newest.deliver(0, { "seat/2": { state: "idle" } });
  Stream.newest.deliver(2, { "seat/2": { state: "talking" } });
  expect(Stream.opened).toHaveLength(2);
  expect(Stream.opened[0]?.readyState).toBe(Stream.CLOSED);
  expect(server.value("seat/2")).toEqual({ state: "idle" });
});

test("a stream without updates for 24 seconds is opened again", async () => {
  openPage();
  await subscribe();
  Stream.newest.deliver(0, {});
  await pass(23_000);
  expect(Stream.opened).toHaveLength(1);
  await pass(4_000);
  expect(Stream.opened).toHaveLength(2);
});

test("a refused stream reports that the desk refuses the page", async () => {
  openPage();
  const shut = vi.fn();
  await subscribe(shut);
  Stream.newest.close();
  Stream.newest.onerror?.();
  expect(shut).toHaveBeenCalledOnce();
});

test("the page's clock follows the desk's clock", async () => {
  openPage();
  const server = await subscribe();
  const desk = Date.now() / 1000 + 300;
  Stream.newest.onmessage?.({ data: JSON.stringify({ number: 0, at: desk, values: {}, removed: [] }) });
  await pass(2000);
  expect(server.now.value).toBeCloseTo(desk + 2, 1);
});

test("an unreachable desk is a problem, and an empty answer is not", async () => {
  openPage((sent) => (sent.path === "/down" ? null : undefined));
  const server = await import("../src/shared/server");
  expect(await server.ask("GET", "/down")).toEqual({ problem: "no-desk" });
  expect(await server.ask("POST", "/empty", {})).toEqual({});
});
