import { narrowing } from "../shared/address";
import { Section } from "../shared/parts";
import { namesOf, now, value } from "../shared/server";
import type { SeatView } from "../shared/wire";
import { count, lasted, nameOf, percent, t, word } from "../shared/words";
import { command, Menu, may } from "./commands";
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

function Card({ name }: { name: string }) {
  const seat = value<SeatView>(`seat/${name}`);
  if (!seat || !isShown(seat)) return null;
  if (wanted.value && seat.state !== wanted.value) return null;
  const alone = seat.campaigns.length > 0 && t("serves-only", { campaigns: seat.campaigns.join(", ") });
  const more = [
    alone,
    seat.reason && word("pause", seat.reason),
    seat.transfer && word("help", seat.transfer),
    seat.phone_on_hold && t("phone-on-hold"),
    seat.recording && word("recording", seat.recording),
  ];
  return (
    <li class={`seat-card ${seat.state}`}>
      <div class="row between">
        <h3>{seat.seat}</h3>
        <Menu
          id={`seat-menu-${seat.seat}`}
          title={t("seat-actions", { seat: seat.seat })}
          offered={OFFERED[seat.state] ?? []}
          values={{ seat: seat.seat }}
        />
      </div>
      <p>
        <i class={`dot seat ${seat.state}`} aria-hidden="true" />
        {word("seat", seat.state)} <time class="since">{lasted(now.value - seat.since)}</time>
      </p>
      <p class="small">
        {seat.agent && <span>{seat.agent}</span>} {more.filter(Boolean).join(" · ")}
      </p>
      {seat.state !== "offline" && (
        <p class="small">{t("seat-calls", { calls: seat.calls, share: percent(seat.utilisation) })}</p>
      )}
    </li>
  );
}

export function Seats() {
  const names = namesOf("seat");
  const at = names.filter((name) => value<SeatView>(`seat/${name}`)?.state !== "offline");
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
          {t("seats-active", { working: at.length, seats: count(names.length) })}
          {may("stop-listening") && (
            <button type="button" onClick={() => command("stop-listening")}>
              {t("do-stop-listening")}
            </button>
          )}
        </span>
      }
    >
      <ul class="seats">
        {names.map((name) => (
          <Card key={name} name={name} />
        ))}
      </ul>
    </Section>
  );
}
