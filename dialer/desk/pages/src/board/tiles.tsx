import type { ComponentChildren } from "preact";
import { value } from "../shared/server";
import type { AbandonedWindow, SeatView } from "../shared/wire";
import { count, percent, t, word } from "../shared/words";
import { type Counts, campaigns, centre, chosen, seats, sum, together } from "./state";

export const CALL_STATES = [
  "preview",
  "sending",
  "dialling",
  "ringing",
  "waiting",
  "connecting",
  "talking",
  "in-flow",
  "message",
];
export const SEAT_STATES = ["talking", "reserved", "ready", "wrap-up", "paused", "lost", "offline"];

/** A bar of counts with a legend below it. */
export function Bar({ counts, order, kind }: { counts: Counts; order: readonly string[]; kind: string }) {
  const shown = order.filter((state) => counts[state]);
  return (
    <>
      <div class="bar" aria-hidden="true">
        {shown.map((state) => (
          <i key={state} class={`${kind} ${state}`} style={{ flexGrow: counts[state] }} />
        ))}
      </div>
      <ul class="legend">
        {shown.map((state) => (
          <li key={state}>
            <i class={`dot ${kind} ${state}`} aria-hidden="true" />
            {word(kind, state)} <b>{count(counts[state]!)}</b>
          </li>
        ))}
      </ul>
    </>
  );
}

function Tile({ name, figure, children }: { name: string; figure: string; children?: ComponentChildren }) {
  return (
    <div class="tile">
      <h2>{t(name)}</h2>
      <p class="figure">{figure}</p>
      {children}
    </div>
  );
}

export const shareOf = (window: AbandonedWindow) => (window.answers ? window.abandoned / window.answers : 0);
export const spanOf = (seconds: number) =>
  seconds >= 2 * 86400
    ? t("window-days", { days: Math.round(seconds / 86400) })
    : t("window-hours", { hours: Math.round(seconds / 360) / 10 });

/** A bar of the abandoned rate. A full bar is the rate at which dialling stops. */
export function CapBar({ window }: { window: AbandonedWindow }) {
  const share = shareOf(window);
  const level = share >= window.stop ? "over" : share >= window.target ? "near" : "good";
  const text = t("abandoned-window", {
    share: percent(share),
    abandoned: window.abandoned,
    answers: window.answers,
    window: spanOf(window.window_seconds),
    stop: percent(window.stop),
  });
  return (
    <div class="cap">
      <div class={`meter ${level}`} aria-hidden="true">
        <i style={{ width: `${Math.min(100, (share / window.stop) * 100)}%` }} />
      </div>
      <small>{text}</small>
    </div>
  );
}

export function Tiles() {
  const shown = campaigns();
  const working = seats().filter((seat) => seat.state !== "offline");
  const calls = together(shown.map((campaign) => campaign.calls));
  const windows = shown.flatMap((campaign) => value<AbandonedWindow[]>(`abandoned/${campaign.campaign_id}`) ?? []);
  // The window nearest to its limit; among equals, the one with the most answers.
  const nearest = windows.sort((a, b) => shareOf(b) / b.stop - shareOf(a) / a.stop || b.answers - a.answers)[0];
  // A seat publishes its utilisation only when it changes; the centre's is current.
  const mean = working.reduce((whole, seat: SeatView) => whole + seat.utilisation, 0) / (working.length || 1);
  const utilisation = chosen.value ? mean : centre()?.utilisation;
  const due = shown.reduce((whole, campaign) => whole + campaign.progress.remaining, 0);
  const numbers = shown.reduce((whole, campaign) => whole + campaign.progress.total, 0);
  const trunks = centre()?.trunks ?? [];
  const tries = trunks.reduce((whole, trunk) => whole + trunk.attempts, 0);
  const answered = trunks.reduce((whole, trunk) => whole + trunk.attempts * trunk.answer_seizure_ratio, 0);
  return (
    <div class="tiles">
      <Tile name="tile-calls" figure={count(sum(calls))}>
        <Bar counts={calls} order={CALL_STATES} kind="call" />
      </Tile>
      <Tile name="tile-seats" figure={count(working.length)}>
        <Bar counts={countStates(seats())} order={SEAT_STATES} kind="seat" />
      </Tile>
      <Tile name="tile-abandoned" figure={nearest ? percent(shareOf(nearest)) : "–"}>
        {nearest && <CapBar window={nearest} />}
      </Tile>
      <Tile name="tile-utilisation" figure={utilisation == null ? "–" : percent(utilisation)}>
        <small>{t("tile-utilisation-help")}</small>
      </Tile>
      <Tile name="tile-asr" figure={tries ? percent(answered / tries) : "–"}>
        <small>{t("tile-asr-help")}</small>
      </Tile>
      <Tile name="tile-remaining" figure={count(due)}>
        <small>{t("tile-remaining-of", { remaining: due, numbers })}</small>
      </Tile>
    </div>
  );
}

export const countStates = (every: SeatView[]) => together(every.map((seat) => ({ [seat.state]: 1 })));
