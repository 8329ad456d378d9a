// What an agent sees between calls: the next call-back, and the agent's own day.
import { Section } from "../shared/parts";
import { now, value } from "../shared/server";
import type { AgentDayFigures, CallBack } from "../shared/wire";
import { hour as clockHour, count, decimal, lasted, t, word } from "../shared/words";
import { readable } from "./drafts";

function CallBackLine({ promised }: { promised: CallBack }) {
  return (
    <>
      <time>{clockHour(promised.at)}</time>{" "}
      <bdi>{promised.name === null ? promised.masked : readable(promised.name, promised.name_local)}</bdi>
    </>
  );
}

/** The call-back that comes next, with the time until it. */
export function NextCallBack() {
  const next = value<CallBack[]>("call_backs")?.[0];
  if (!next) return null;
  const left = next.at - now.value;
  return (
    <p class={left <= 0 ? "next-call-back due" : "next-call-back"}>
      {left <= 0 ? t("call-back-due") : t("next-call-back", { left: lasted(left) })}: <CallBackLine promised={next} />
    </p>
  );
}

/** The agent's own call-backs of today. */
export function OwnCallBacks() {
  const promised = value<CallBack[]>("call_backs") ?? [];
  return (
    <Section id="own-call-backs" title={t("own-call-backs")}>
      {promised.length > 0 ? (
        <>
          <ul class="call-backs">
            {promised.map((each) => (
              <li key={`${each.at}${each.masked}`} class={each.at <= now.value ? "due" : undefined}>
                <CallBackLine promised={each} />
              </li>
            ))}
          </ul>
          <p class="small">{t("own-call-backs-help")}</p>
        </>
      ) : (
        <p class="small">{t("own-call-backs-empty")}</p>
      )}
    </Section>
  );
}

/** The agent's calls, contacts and times of today, and the pace against the team's. */
export function OwnDay() {
  const figures = value<AgentDayFigures>("figures");
  if (!figures)
    return (
      <Section id="own" title={t("own-day")}>
        <p class="small">{t("own-day-empty")}</p>
      </Section>
    );
  const { contacts_per_hour: pace, team_contacts_per_hour: team } = figures;
  const pairs: [string, string, string?][] = [
    [t("own-calls"), count(figures.calls)],
    [t("own-contacts"), count(figures.contacts)],
    [
      t("own-pace"),
      pace === null ? "–" : decimal(pace),
      team === null ? undefined : t("team-pace", { pace: decimal(team) }),
    ],
    [t("own-talked"), lasted(figures.talked_seconds)],
    [t("own-wrap-up"), lasted(figures.wrap_up_seconds)],
    [t("own-paused"), lasted(figures.paused_seconds)],
  ];
  const said = Object.entries(figures.dispositions).filter(([name, times]) => name !== "none" && times);
  return (
    <Section id="own" title={t("own-day")}>
      <dl class="pairs figures">
        {pairs.map(([name, shown, more]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {shown} {more && <small>{more}</small>}
            </dd>
          </div>
        ))}
      </dl>
      {said.length > 0 && (
        <dl class="pairs">
          {said.map(([name, times]) => (
            <div key={name}>
              <dt>{word("outcome", name)}</dt>
              <dd>{count(times)}</dd>
            </div>
          ))}
        </dl>
      )}
    </Section>
  );
}
