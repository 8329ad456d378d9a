// A page for unit tests: the desk's answers, its event stream, and virtual time. Each test loads the modules of the page again.
import { vi } from "vitest";
import type { AgentAccount, AgentScreenPop, ScreenPopVoter, Update } from "../src/shared/wire";

/** What the page sent to the desk. */
export interface Sent {
  method: string;
  path: string;
  body: Record<string, unknown>;
}

/** The desk's answer to a request; null = the desk cannot be reached. */
export type Answer = (sent: Sent) => unknown;

/** An event stream of the page. The test delivers the updates. */
export class Stream {
  static readonly CLOSED = 2;
  static opened: Stream[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  readyState = 1;
  constructor(readonly path: string) {
    Stream.opened.push(this);
  }
  static get newest(): Stream {
    return Stream.opened[Stream.opened.length - 1]!;
  }
  close(): void {
    this.readyState = Stream.CLOSED;
  }
  deliver(number: number, values: Record<string, unknown>, removed: string[] = []): void {
    const update: Update = { number, at: Date.now() / 1000, values, removed };
    this.onmessage?.({ data: JSON.stringify(update) });
  }
}

export const START = new Date("2026-04-22T10:00:00Z");

/** Begin a test: virtual time, an empty browser storage, and a desk that gives these answers. Returns what the page sends. */
export function openPage(answer: Answer = () => ({ status: "done", text: "" })): Sent[] {
  vi.resetModules();
  vi.useFakeTimers({
    now: START,
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  localStorage.clear();
  sessionStorage.clear();
  return connectDesk(answer);
}

/** Replace the desk by one that gives these answers, as after a reload. Returns what the page sends from now on. */
export function connectDesk(answer: Answer): Sent[] {
  const requests: Sent[] = [];
  Stream.opened = [];
  vi.stubGlobal("EventSource", Stream);
  vi.stubGlobal("fetch", async (path: string, options: { method: string; body?: string }) => {
    const sent = { method: options.method, path, body: options.body ? JSON.parse(options.body) : {} };
    requests.push(sent);
    const given = answer(sent);
    if (given === null) throw new TypeError("connection refused");
    return { status: given === undefined ? 204 : 200, json: async () => given };
  });
  return requests;
}

/** Let `milliseconds` pass, with all timers and answers that are due. */
export const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

export const AGENT = { agent: "asha", zone: "UTC", languages: ["hi"], undo_seconds: 5 } as unknown as AgentAccount;

export const voter = (id: number): ScreenPopVoter => ({ id, name: `Voter ${id}`, pending: true }) as ScreenPopVoter;

/** A call to a household. The first voter is the addressed one. */
export function household(attempt: string, voters: number): AgentScreenPop {
  const ids = Array.from({ length: voters }, (_, index) => index + 1);
  const call = {
    attempt,
    addressed: 1,
    language: "hi",
    worker: false,
    booth: null,
    draft: null,
    outcomes: ["voted", "not-yet", "later", "will-not", "wrong-number", "call-back", "language", "refused", "opt-out"],
    call_back_times: true,
    voters: ids.map(voter),
  };
  return call as unknown as AgentScreenPop;
}

/** Sign the agent in and show a call that the seat is talking to. Returns the modules of the page. */
export async function talk(call: AgentScreenPop) {
  const server = await import("../src/shared/server");
  const state = await import("../src/agent/state");
  const entries = await import("../src/agent/entries");
  const outcomes = await import("../src/agent/outcomes");
  const drafts = await import("../src/agent/drafts");
  server.subscribeEvents(
    state.eventsPath,
    () => true,
    () => undefined,
  );
  state.me.value = AGENT;
  Stream.newest.deliver(0, { desk: {}, seat: { state: "talking" }, pop: call });
  outcomes.noteShownCall(call.attempt);
  await pass(1000);
  return { server, state, entries, outcomes, drafts };
}

/** Return the outcomes that the page sent, without their ids. */
export const dispositionsOf = (requests: Sent[]) =>
  requests
    .filter((sent) => sent.body.name === "seat-dispose")
    .map((sent) => sent.body.values as Record<string, unknown>);
