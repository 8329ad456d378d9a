// The components of the pages of supervisors, managers and headquarters.
import { Alerts } from "../board/alerts";
import { Campaigns } from "../board/campaigns";
import { Charts } from "../board/charts";
import { Actions } from "../board/commands";
import { Seats } from "../board/seats";
import { Bar, CALL_STATES, CapBar, SEAT_STATES, Tiles } from "../board/tiles";
import { Alert, askQuestion, Choice, Section, showNotice, Table } from "../shared/parts";
import { me } from "../shared/server";
import type { BoardUser } from "../shared/wire";
import { percent } from "../shared/words";
import { AT, Kind, show } from "./sample";
import "../staff/figures.css";
import "../board/board.css";

export const texts = import.meta.glob<string>(["../../locales/board/*.ftl", "../../locales/staff/*.ftl"], {
  query: "?raw",
  import: "default",
});

const HOUR = 3600;
const counts = (states: readonly string[]) => Object.fromEntries(states.map((state, place) => [state, 9 - place]));
const windowOf = (abandoned: number, hours: number) => ({
  window_seconds: hours * HOUR,
  target: 0.02,
  stop: 0.03,
  answers: 1000,
  abandoned,
});
const alert = (level: string, seconds: number) => ({
  code: `trunk-${level}`,
  kind: "trunk",
  level,
  fields: { trunk: level, until: "10:45", failed: 9, calls: 10 },
  text: "",
  at: AT - seconds,
});
const campaign = (name: string, state: string, abandoned: number) => ({
  [`campaign/${name}`]: {
    campaign_id: name,
    at: AT,
    kind: "agents",
    state,
    hold: null,
    calls: state === "running" ? counts(CALL_STATES) : {},
    attempts: 5120,
    answered: 1580,
    connected: 1490,
    abandoned,
    progress: { total: 40000, completed: 9000, remaining: 30000, attempts: 5120, waiting: 800, refused: {} },
    calls_placed: 3,
    limited_by: "abandoned",
    pacing: "",
    refused: {},
    speed: null,
    abandoned_target: null,
    agent_share: { weight: 2, sender: null, intended: 0.6, actual: 0.57 },
    calling_hours: { hours: ["10:00-18:00"], lawful_today: ["09:00-21:00"], today: ["10:00-18:00"], sender: "asha" },
  },
  [`abandoned/${name}`]: [windowOf(abandoned, 24)],
  [`why/${name}`]: state === "running" ? undefined : { code: state, figures: {}, detail: state },
});
const seat = (state: string, place: number) => ({
  [`seat/0${place + 1}`]: {
    seat: `0${place + 1}`,
    at: AT,
    agent: state === "offline" ? null : `1${place}`,
    state,
    since: AT - 61 * (place + 1),
    campaign_id: "turnout",
    utilisation: 0.71,
    calls: 31,
    reason: state === "paused" ? "meal" : null,
    transfer: place === 0 ? "consult" : null,
    recording: place === 0 ? "paused" : null,
    campaigns: place === 2 ? ["turnout"] : [],
  },
});
const slots = Array.from({ length: 12 }, (_, place) => place);
show({
  desk: { connected: true, since: AT },
  centre: {
    online: true,
    switch_up: true,
    utilisation: 0.71,
    trunks: [{ attempts: 100, answer_seizure_ratio: 0.31 }],
  },
  alerts: { alerts: [alert("critical", 60), alert("warning", 600), alert("notice", 900)] },
  acknowledged: { "trunk-notice": { code: "trunk-notice", alert_at: AT - 900, at: AT - 30, name: "asha" } },
  "day/turnout": {
    at: slots.map((place) => AT - (12 - place) * 600),
    placed: slots.map((place) => 90 + place * 7),
    answered: slots.map((place) => 40 + ((place * 5) % 17)),
    connected: slots.map((place) => 35 + ((place * 5) % 13)),
    abandoned: slots.map((place) => place % 3),
    live_answers: slots.map((place) => 40 + ((place * 5) % 17)),
  },
  ...campaign("turnout", "running", 12),
  ...campaign("survey", "paused", 24),
  ...campaign("pledges", "stopped", 33),
  ...Object.assign({}, ...SEAT_STATES.map(seat)),
});
me.value = {
  name: "meera",
  role: "supervisor",
  may: ["pause", "resume", "stop", "stop-all", "seat-message", "seat-pause", "seat-ready", "listen"],
  signs: false,
  centre: "pune-1",
  zone: "Asia/Kolkata",
  pause_reasons: ["meal"],
  stretch_seconds: 600,
  languages: { seats: {}, agents: {} },
  agents: { "10": "Asha Kale", "11": "Venkatanarasimha Subrahmanyeswara" },
} satisfies BoardUser;

const askFinally = () =>
  askQuestion({
    title: "Stop the campaign",
    text: "All its calls end now. It cannot be started again.",
    grave: true,
    choices: { label: "Reason", options: [["poll", "The poll has closed"]] },
    line: { label: "Note", most: 200 },
    onConfirm: () => undefined,
  });

function Inputs() {
  return (
    <form class="row" onSubmit={(event) => event.preventDefault()}>
      <label>
        Text <input value="Kothrud" />
      </label>
      <label>
        Password <input type="password" value="secret" autocomplete="off" />
      </label>
      <label>
        Disabled <input value="Kothrud" disabled />
      </label>
      <Choice name="choice" label="Choice" options={[["one", "One of several"]]} />
      <label>
        <input type="checkbox" checked /> Checked
      </label>
      <label>
        <input type="checkbox" /> Not checked
      </label>
      <Alert text="The address is missing. Enter it." />
    </form>
  );
}

function Buttons() {
  return (
    <div class="row">
      <button type="button" autofocus>
        Focused
      </button>
      <button type="button">Plain</button>
      <button type="button" disabled>
        Disabled
      </button>
      <button type="button" class="main">
        Main
      </button>
      <button type="button" class="main" disabled>
        Disabled main
      </button>
      <button type="button" class="main grave">
        Grave
      </button>
      <button type="button" id="ask" class="main grave" onClick={askFinally}>
        Grave with a question
      </button>
      <button type="button" id="notify" onClick={() => showNotice("The campaign has been paused.")}>
        Notice
      </button>
      <button type="button" id="warn" onClick={() => showNotice("The dialler did not answer. Try again.", true)}>
        Bad notice
      </button>
      <Actions
        id="actions"
        title="Actions of seat 04"
        note="31 calls"
        actions={[
          ["Pause", () => undefined],
          ["Log off", () => undefined],
        ]}
      />
    </div>
  );
}

export function Components() {
  return (
    <main>
      <Kind name="Buttons">
        <Buttons />
      </Kind>
      <Kind name="Inputs">
        <Inputs />
      </Kind>
      <Kind name="Table">
        <Table of="Table" names={["trunk", "channels", "asr"]} right={(place) => place > 0} unseen="user-actions">
          {["north", "south"].map((name, place) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="right">{30 - place}</td>
              <td class="right">{percent(0.31 + place / 10)}</td>
              <td>
                <button type="button">Test</button>
              </td>
            </tr>
          ))}
        </Table>
      </Kind>
      <Kind name="Bars">
        <Bar counts={counts(CALL_STATES)} order={CALL_STATES} kind="call" />
        <Bar counts={counts(SEAT_STATES)} order={SEAT_STATES} kind="seat" />
        {[12, 24, 33].map((abandoned) => (
          <CapBar key={abandoned} window={windowOf(abandoned, 24)} />
        ))}
      </Kind>
      <Section id="empty" title="Empty">
        <p>No campaign has been set up. Add one on the page Campaigns.</p>
      </Section>
      <div role="alert" class="stale">
        No data from the server for 0:40. Figures may be out of date.
      </div>
      <Alerts />
      <Tiles />
      <Campaigns />
      <Seats />
      <Charts />
    </main>
  );
}
