import { Section } from "../shared/parts";
import { namesOf, now, value } from "../shared/server";
import { count, lasted, percent, t, word } from "../shared/words";
import { command, may } from "./commands";
import { chosen, type Seat } from "./wire";

const OFFERED: Record<string, string[]> = {
  ready: ["seat-pause", "seat-log-off"],
  reserved: ["seat-pause", "seat-log-off"],
  talking: ["listen", "whisper", "barge", "seat-pause", "seat-hang-up", "seat-log-off"],
  "wrap-up": ["listen", "seat-ready", "seat-pause", "seat-log-off"],
  paused: ["seat-ready", "seat-log-off"],
  lost: ["seat-log-off"],
  offline: ["seat-unlock"],
};

function Actions({ seat }: { seat: Seat }) {
  const offered = (OFFERED[seat.state] ?? []).filter(may);
  if (!offered.length) return null;
  const id = `seat-menu-${seat.seat}`;
  return (
    <>
      <button class="more" popovertarget={id} aria-label={t("seat-actions", { seat: seat.seat })}>
        ⋯
      </button>
      <div id={id} popover="auto" class="menu">
        <h4>{t("seat-actions", { seat: seat.seat })}</h4>
        {offered.map((name) => (
          <button
            key={name}
            onClick={() => {
              document.getElementById(id)?.hidePopover();
              command(name, { seat: seat.seat });
            }}
          >
            {t(`do-${name}`)}
          </button>
        ))}
      </div>
    </>
  );
}

function Card({ name }: { name: string }) {
  const seat = value<Seat>(`seat/${name}`);
  if (!seat || (chosen.value && seat.campaign !== null && seat.campaign !== chosen.value)) return null;
  const more = [seat.reason, seat.help && word("help", seat.help), seat.recording && word("recording", seat.recording)];
  return (
    <li class={`seat-card ${seat.state}`}>
      <div class="row between">
        <h3>{seat.seat}</h3>
        <Actions seat={seat} />
      </div>
      <p>
        <i class={`dot seat ${seat.state}`} aria-hidden="true" />
        {word("seat", seat.state)} {seat.since !== null && <time class="since">{lasted(now.value - seat.since)}</time>}
      </p>
      <p class="small">
        {seat.agent && <span>{seat.agent}</span>} {more.filter(Boolean).join(" · ")}
      </p>
      {seat.state !== "offline" && (
        <p class="small">
          {t("seat-calls", { calls: seat.calls })} · {percent(seat.utilisation)}
        </p>
      )}
    </li>
  );
}

export function Seats() {
  const names = namesOf("seat");
  const at = names.filter((name) => value<Seat>(`seat/${name}`)?.state !== "offline");
  return (
    <Section
      id="seats"
      title={t("seats")}
      aside={
        <span class="row">
          {t("seats-at-work", { working: at.length, seats: count(names.length) })}
          {may("stop-listening") && <button onClick={() => command("stop-listening")}>{t("do-stop-listening")}</button>}
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
