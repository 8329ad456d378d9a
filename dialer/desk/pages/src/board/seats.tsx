import { signal } from "@preact/signals";
import { narrowing } from "../shared/address";
import { Section } from "../shared/parts";
import { me, namesOf, now, value } from "../shared/server";
import type { SeatView } from "../shared/wire";
import { count, lasted, messageOf, nameOf, percent, t, word } from "../shared/words";
import { Actions, command, Menu, may } from "./commands";
import { asked, isShown, spoken } from "./state";
import { SEAT_STATES } from "./tiles";

/** The state by which seats are filtered; "" = all. */
const wanted = narrowing("seats", new RegExp(`^(${SEAT_STATES.join("|")})$`));

const OFFERED: Record<string, string[]> = {
  ready: ["seat-message", "seat-campaigns", "seat-pause", "seat-log-off"],
  reserved: ["seat-message", "seat-campaigns", "seat-pause", "seat-log-off"],
  talking: [
    "listen",
    "whisper",
    "barge",
    "seat-message",
    "seat-campaigns",
    "seat-pause",
    "seat-hang-up",
    "seat-log-off",
  ],
  "wrap-up": ["listen", "seat-message", "seat-campaigns", "seat-ready", "seat-pause", "seat-log-off"],
  paused: ["seat-message", "seat-campaigns", "seat-ready", "seat-log-off"],
  lost: ["seat-log-off"],
  offline: ["seat-unlock"],
};
/** The commands that can be sent to several seats at once. */
const FOR_SEVERAL = ["seat-message", "seat-campaigns", "seat-pause", "seat-ready", "seat-log-off"];

/** Return the name of the seat's agent: from the settings, or else the agent's number. */
const agentOf = (seat: SeatView) => me.value?.agents[seat.agent ?? ""] ?? seat.agent ?? "";

const byName = new Intl.Collator("en", { numeric: true });
const ORDERS: Record<string, (a: SeatView, b: SeatView) => number> = {
  agent: (a, b) => Number(!a.agent) - Number(!b.agent) || byName.compare(agentOf(a), agentOf(b)),
  state: (a, b) => SEAT_STATES.indexOf(a.state) - SEAT_STATES.indexOf(b.state) || a.since - b.since,
  since: (a, b) => a.since - b.since,
  busy: (a, b) => b.utilisation - a.utilisation,
};
/** How seats are sorted; "" = by seat number. */
const order = narrowing("order", new RegExp(`^(${Object.keys(ORDERS).join("|")})$`));

/** The selected seats; null = seats are not being selected. */
const selected = signal<ReadonlySet<string> | null>(null);

function toggle(seat: string): void {
  const changed = new Set(selected.value);
  if (!changed.delete(seat)) changed.add(seat);
  selected.value = changed;
}

/** Return the seats that match the filters, in the chosen order. */
function shownSeats(): SeatView[] {
  const seats = namesOf("seat")
    .flatMap((name) => value<SeatView>(`seat/${name}`) ?? [])
    .filter((seat) => isShown(seat) && (!wanted.value || seat.state === wanted.value));
  const compare = ORDERS[order.value];
  return compare ? seats.sort(compare) : seats;
}

function Card({ name }: { name: string }) {
  const seat = value<SeatView>(`seat/${name}`);
  if (!seat) return null;
  const alone = seat.campaigns.length > 0 && t("serves-only", { campaigns: seat.campaigns.join(", ") });
  const more = [
    alone,
    seat.reason && word("pause", seat.reason),
    seat.transfer && word("help", seat.transfer),
    seat.phone_on_hold && t("phone-on-hold"),
    seat.recording && word("recording", seat.recording),
  ].filter(Boolean);
  return (
    <li class={`seat-card ${seat.state}`}>
      <h3>
        {selected.value && (
          <input
            type="checkbox"
            aria-label={t("select-seat", { seat: seat.seat })}
            checked={selected.value.has(seat.seat)}
            onChange={() => toggle(seat.seat)}
          />
        )}
        <b>{seat.seat}</b> <span>{agentOf(seat)}</span>
      </h3>
      {!selected.value && (
        <Menu
          id={`seat-menu-${seat.seat}`}
          title={t("seat-actions", { seat: seat.seat })}
          note={
            seat.state === "offline"
              ? undefined
              : t("seat-calls", { calls: seat.calls, share: percent(seat.utilisation) })
          }
          offered={OFFERED[seat.state] ?? []}
          values={{ seat: seat.seat }}
        />
      )}
      <p>
        <i class={`dot seat ${seat.state}`} aria-hidden="true" />
        {word("seat", seat.state)} <time class="since">{lasted(now.value - seat.since)}</time>
      </p>
      {more.length > 0 && <p class="small">{more.join(" · ")}</p>}
    </li>
  );
}

/** The commands for the selected seats. A command goes to those of them that may get it in their state. */
function SelectionBar({ shown }: { shown: SeatView[] }) {
  const chosen = shown.filter((seat) => selected.value?.has(seat.seat));
  const offered = FOR_SEVERAL.filter(may).flatMap((name) => {
    const seats = chosen.filter((seat) => OFFERED[seat.state]?.includes(name)).map((seat) => seat.seat);
    return seats.length ? [{ name, seats }] : [];
  });
  return (
    <div class="row selection">
      <b>{t("seats-selected", { seats: chosen.length })}</b>
      <button type="button" onClick={() => (selected.value = new Set(shown.map((seat) => seat.seat)))}>
        {t("select-all-seats")}
      </button>
      {offered.length > 0 && (
        <Actions
          id="selection-menu"
          title={t("selected-seats-actions")}
          actions={offered.map(({ name, seats }) => [
            `${messageOf(`do-${name}`)} (${count(seats.length)})`,
            () => command(name, {}, seats),
          ])}
        />
      )}
      <button type="button" onClick={() => (selected.value = null)}>
        {t("end-selection")}
      </button>
    </div>
  );
}

export function Seats() {
  const names = namesOf("seat");
  const active = names.filter((name) => value<SeatView>(`seat/${name}`)?.state !== "offline");
  const shown = shownSeats();
  return (
    <Section
      id="seats"
      title={t("seats")}
      aside={
        <span class="row">
          {spoken.value.length > 1 && (
            <select
              aria-label={t("spoken")}
              value={asked.language.value}
              onChange={(event) => (asked.language.value = event.currentTarget.value)}
            >
              <option value="">{t("all-languages")}</option>
              {spoken.value.map((code) => (
                <option key={code} value={code} lang={code}>
                  {nameOf(code)}
                </option>
              ))}
            </select>
          )}
          <select
            aria-label={t("seat-state")}
            value={wanted.value}
            onChange={(event) => (wanted.value = event.currentTarget.value)}
          >
            <option value="">{t("all-states")}</option>
            {SEAT_STATES.map((state) => (
              <option key={state} value={state}>
                {word("seat", state)}
              </option>
            ))}
          </select>
          <select
            aria-label={t("seat-order")}
            value={order.value}
            onChange={(event) => (order.value = event.currentTarget.value)}
          >
            <option value="">{t("seat-order-seat")}</option>
            {Object.keys(ORDERS).map((each) => (
              <option key={each} value={each}>
                {messageOf(`seat-order-${each}`)}
              </option>
            ))}
          </select>
          {t("seats-active", { working: active.length, seats: count(names.length) })}
          {FOR_SEVERAL.some(may) && selected.value === null && (
            <button type="button" onClick={() => (selected.value = new Set())}>
              {t("select-seats")}
            </button>
          )}
          {may("reload-settings") && (
            <a class="who" href="/board?agents">
              {t("to-agents")}
            </a>
          )}
          {may("stop-listening") && (
            <button type="button" onClick={() => command("stop-listening")}>
              {t("do-stop-listening")}
            </button>
          )}
        </span>
      }
    >
      {selected.value && <SelectionBar shown={shown} />}
      <ul class="seats">
        {shown.map((seat) => (
          <Card key={seat.seat} name={seat.seat} />
        ))}
      </ul>
    </Section>
  );
}
