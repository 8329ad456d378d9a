// The components of the agent's page.
import { CallControls, SeatControls } from "../agent/controls";
import { type Entry, entries } from "../agent/entries";
import { KeyboardHelp, openKeyboardHelp } from "../agent/keyboard_help";
import { NoteField, Saying, Words } from "../agent/outcome_panel";
import { OwnCallBacks, OwnDay } from "../agent/own_day";
import { quality } from "../agent/phone_quality";
import { ConnectionTrouble } from "../agent/phone-panel";
import { ScriptPages } from "../agent/script";
import { SeatStatus, Waiting } from "../agent/seat_state";
import { me, pop, seat } from "../agent/state";
import { Line } from "../agent/supervisor_message";
import { About, Who } from "../agent/voter_panel";
import { SEAT_STATES } from "../board/tiles";
import type { AgentAccount, SeatView } from "../shared/wire";
import { AT, Kind, show } from "./sample";
import "../agent/agent.css";

export const texts = import.meta.glob<string>("../../locales/agent/*.ftl", { query: "?raw", import: "default" });

const NAMES = ["Sunita Mohan Kale", "Mohan Ganesh Kale", "Prakash Mohan Kale", "Aarti Prakash Kale"];
const MARK = { at: AT - 3600, kind: "voted", source: "booth-worker", hour: null };
const voter = (id: number) => ({
  id,
  name: NAMES[id],
  name_local: id === 1 ? "मोहन गणेश काळे" : null,
  relative: "Ganesh Kale",
  relation: "H",
  age: 61,
  gender: "F",
  house: "12/3",
  serial: id,
  pending: id < 3,
  marks: id === 3 ? [MARK] : [],
});
const call = {
  attempt: "attempt-1",
  campaign: "turnout",
  purpose: "turnout",
  phone: 7,
  masked: "•••• 4321",
  addressed: 0,
  worker: false,
  language: "en",
  opted_out: true,
  outcomes: ["voted", "not-yet", "later", "call-back", "language", "refused", "opt-out", "machine"],
  call_back_times: true,
  voters: NAMES.map((_, id) => voter(id)),
  booth: {
    id: 118,
    name: "Municipal School No. 14",
    name_local: null,
    constituency: "Kothrud",
    part: 118,
    opens_at: AT - 13_200,
    closes_at: AT + 3000,
  },
  calls: [{ at: AT - 90_000, campaign: "turnout", outcome: "no-answer", disposition: null }],
  lawful: { code: "not-listed", registers: [{ name: "ncpr", dated: "2026-04-01" }] },
  script: {
    name: "polling_day",
    version: "1",
    start: "greeting",
    pages: {
      greeting: {
        text: "Hello, am I speaking with {voter}?",
        ask: {
          name: "who",
          answers: ["Yes", "Not at home"].map((label) => ({ value: label, label, to: null })),
        },
        next: null,
        closing: false,
      },
    },
  },
  note: { id: "note", at: AT - 90_000, text: "Asks for the bus." },
  draft: { voters: { 1: { mark: "later", hour: 16 } }, answers: { who: "Yes" } },
};
const stateSince = (state: string) =>
  ({
    seat: "04",
    at: AT,
    agent: "17",
    state,
    since: AT - 42,
    campaign_id: "turnout",
    reason: "meal",
  }) as unknown as SeatView;
const entry = (state: Entry["state"], refusal: Entry["refusal"] = null): Entry => ({
  id: state,
  attempt: "attempt-1",
  values: { disposition: "opt-out" },
  owesNote: false,
  from: 0,
  state,
  savedAt: 0,
  refusal,
});

me.value = {
  agent: "17",
  seat: "04",
  phone: "own",
  language: "en",
  languages: ["en", "mr"],
  wrap_up_seconds: { turnout: 60 },
  manual: [],
  centre: "pune-1",
  zone: "Asia/Kolkata",
  sponsor: "Pune Forum",
  pause_reasons: ["break", "meal"],
  transfer_targets: [],
  undo_seconds: 5,
  training: false,
  other_tab: false,
} satisfies AgentAccount;
show({
  desk: { connected: true, since: AT },
  seat: {
    ...stateSince("talking"),
    attempt_id: "attempt-1",
    transfer: null,
    recording: "on",
    message: { text: "Read the second page first.", at: AT - 30, sender: "meera" },
  },
  pop: call,
  call_backs: [{ at: AT - 60, until: AT, campaign_id: "turnout", masked: "•••• 77", name: null, name_local: null }],
  figures: {
    calls: 43,
    contacts: 29,
    contacts_per_hour: 13.1,
    team_contacts_per_hour: 14.2,
    talked_seconds: 4200,
    wrap_up_seconds: 600,
    paused_seconds: 300,
    dispositions: { voted: 20, later: 9 },
  },
});

/** What is shown only after the page state has arrived. */
function Call() {
  const shown = pop();
  if (!shown) return null;
  return (
    <div class="call">
      <Who call={shown} />
      <div class="stack act">
        <div class="dock stack">
          <Saying call={shown} />
          <CallControls />
        </div>
        <NoteField call={shown} />
      </div>
      <div class="stack guide">
        {shown.script && <ScriptPages call={shown} script={shown.script} />}
        <About call={shown} />
      </div>
    </div>
  );
}

export function Components() {
  if (!seat()) return null;
  entries.value = [
    entry("waiting"),
    entry("saved"),
    entry("retrying"),
    entry("refused", { code: "call-over", text: "" }),
  ];
  quality.value ??= { level: "poor", loss: 0.06, jitter: 0.02, roundTrip: 0.2 };
  return (
    <main>
      <Kind name="Seat states">
        <div class="row">
          {SEAT_STATES.map(stateSince).map((there) => (
            <SeatStatus key={there.state} there={there} />
          ))}
        </div>
      </Kind>
      <Kind name="Buttons">
        <div class="row">
          <SeatControls />
          <button type="button" id="help" onClick={openKeyboardHelp}>
            Keyboard help
          </button>
          {["on-call", "lost", "refused"].map((state) => (
            <button type="button" key={state} class={`phone ${state}`}>
              Phone {state}
            </button>
          ))}
          <meter min={0} max={1} value={0.4} aria-label="Volume" />
        </div>
      </Kind>
      <Line />
      <ConnectionTrouble />
      <Call />
      <div class="columns idle">
        <OwnDay />
        <OwnCallBacks />
      </div>
      <div class="columns">
        {["ready", "paused", "lost", "offline"].map((state) => (
          <Waiting key={state} state={state} />
        ))}
      </div>
      <Words />
      <KeyboardHelp />
    </main>
  );
}
