import type { ComponentChildren } from "preact";
import { value } from "../shared/server";
import type { AbandonedWindow, SeatView } from "../shared/wire";
import { count, type PlainMessageId, percent, t, tenths, word } from "../shared/words";
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

interface Tile {
  name: PlainMessageId;
  figure: string;
  /** What is below the figure, without a bar beside it. */
  note?: string;
  children?: ComponentChildren;
}
function Tile({ name, figure, note, children }: Tile) {
  return (
    <div class={note ? "tile plain" : "tile"}>
      <h2>{t(name)}</h2>
      <p class="figure">{figure}</p>
      {note ? <small>{note}</small> : <div>{children}</div>}
    </div>
  );
}

export const shareOf = (window: AbandonedWindow) => (window.answers ? window.abandoned / window.answers : 0);
export const spanOf = (seconds: number) =>
  seconds >= 2 * 86400
    ? t("window-days", { days: Math.round(seconds / 86400) })
    : t("window-hours", { hours: Math.round(seconds / 360) / 10 });

/** Return the window whose abandoned rate is nearest to its limit; among equals, the one with the most answers. */
export const nearestToLimit = (windows: AbandonedWindow[]): AbandonedWindow | undefined =>
  [...windows].sort((a, b) => shareOf(b) / b.stop - shareOf(a) / a.stop || b.answers - a.answers)[0];

export const levelOf = (window: AbandonedWindow) =>
  shareOf(window) >= window.stop ? "over" : shareOf(window) >= window.target ? "near" : "good";

/** A bar of the abandoned rate. A full bar is the rate at which dialling stops. */
export function CapBar({ window }: { window: AbandonedWindow }) {
  const share = shareOf(window);
  const text = t("abandoned-window", {
    share: percent(share),
    abandoned: tenths(window.abandoned),
    answers: tenths(window.answers),
    window: spanOf(window.window_seconds),
    stop: percent(window.stop),
  });
  return (
    <div class="cap">
      <div class={`meter ${levelOf(window)}`} aria-hidden="true">
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
  const nearest = nearestToLimit(windows);
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
        {nearest && (
          <div class={`meter ${levelOf(nearest)}`} aria-hidden="true">
            <i style={{ width: `${Math.min(100, (shareOf(nearest) / nearest.stop) * 100)}%` }} />
          </div>
        )}
        {nearest && (
          <small>
            {t("abandoned-limit-of", { limit: percent(nearest.stop), window: spanOf(nearest.window_seconds) })}
          </small>
        )}
      </Tile>
      <Tile
        name="tile-utilisation"
        figure={utilisation == null ? "–" : percent(utilisation)}
        note={t("tile-utilisation-help")}
      />
      <Tile name="tile-asr" figure={tries ? percent(answered / tries) : "–"} note={t("tile-asr-help")} />
      <Tile name="remaining-numbers" figure={count(due)} note={t("remaining-of", { numbers })} />
    </div>
  );
}

export const countStates = (every: SeatView[]) => together(every.map((seat) => ({ [seat.state]: 1 })));
