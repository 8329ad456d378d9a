import { Section } from "../shared/parts";
import { value } from "../shared/server";
import { count, has, hour, percent, t, word } from "../shared/words";
import { command, may } from "./commands";
import { Bar, CALL_STATES, CapBar } from "./tiles";
import { campaigns, type Campaign, type Why, type Window } from "./wire";

/** What the pacer thinks, in a sentence; in its own words where there is none for them. */
function pacingInWords({ limited_by: limit, placing, pacing }: Campaign): string {
  return limit !== null && has(`pacing-${limit}`) ? t(`pacing-${limit}`, { calls: placing ?? 0 }) : pacing;
}

/** Why nothing is dialled, or that something is. */
export function whyInWords(why: Why): string {
  const id = `why-${why.code}`;
  const { until, ...figures } = why.figures;
  return t(has(id) ? id : "why-held", { ...figures, until: typeof until === "number" ? hour(until) : "none", detail: why.detail || why.code });
}

function Buttons({ campaign }: { campaign: Campaign }) {
  const offered = campaign.state === "running" ? ["pause", "stop"] : campaign.state === "paused" ? ["resume", "stop"] : ["resume"];
  if (campaign.kind === "agents") offered.push("seat-message");
  offered.push("speed");
  if (campaign.abandoned_target) offered.push("abandoned-target");
  const allowed = offered.filter(may);
  return (
    <div class="row">
      {allowed.map((name) => (
        <button key={name} onClick={() => command(name, { campaign: campaign.campaign })}>
          {t(`do-${name}`)}
          <span class="unseen"> {campaign.campaign}</span>
        </button>
      ))}
    </div>
  );
}

function Card({ campaign }: { campaign: Campaign }) {
  const why = value<Why>(`why/${campaign.campaign}`);
  const windows = value<Window[]>(`abandoned/${campaign.campaign}`) ?? [];
  const idle = why !== undefined && why.code !== "dialling";
  return (
    <article class="campaign">
      <div class="row between">
        <h3>
          <span class="id">{campaign.campaign}</span> <span class={`state ${campaign.state}`}>{word("state", campaign.state)}</span>
        </h3>
        <Buttons campaign={campaign} />
      </div>
      {why && (
        <p class={idle ? "why idle" : "why"}>
          {idle && <b>{t("why")} </b>}
          {whyInWords(why)}
        </p>
      )}
      <Bar counts={campaign.calls} order={CALL_STATES} kind="call" />
      <div class="meter good" aria-hidden="true">
        <i style={{ width: `${campaign.numbers ? (campaign.closed / campaign.numbers) * 100 : 0}%` }} />
      </div>
      <small>{t("list-done-of", { closed: campaign.closed, numbers: campaign.numbers, due: campaign.due })}</small>
      <dl class="pairs">
        <div>
          <dt>{t("placed")}</dt>
          <dd>{count(campaign.attempts)}</dd>
        </div>
        <div>
          <dt>{t("answered")}</dt>
          <dd>
            {count(campaign.answered)} · {percent(campaign.attempts ? campaign.answered / campaign.attempts : 0)}
          </dd>
        </div>
        <div>
          <dt>{t("connected")}</dt>
          <dd>{count(campaign.connected)}</dd>
        </div>
        <div>
          <dt>{t("abandoned")}</dt>
          <dd>{count(campaign.abandoned)}</dd>
        </div>
      </dl>
      {campaign.speed && (
        <p class="pacing">
          {t("speed-held", {
            most: [
              campaign.speed.calls_per_seat && t("speed-per-seat", { calls: campaign.speed.calls_per_seat }),
              campaign.speed.most_calls && t("speed-calls", { calls: campaign.speed.most_calls }),
            ]
              .filter(Boolean)
              .join(", "),
            sender: campaign.speed.sender,
          })}
        </p>
      )}
      {campaign.abandoned_target?.sender && (
        <p class="pacing">{t("target-held", { share: percent(campaign.abandoned_target.share), sender: campaign.abandoned_target.sender })}</p>
      )}
      {windows.map((window) => (
        <CapBar key={window.window_seconds} window={window} />
      ))}
      {campaign.held_because === null && (
        <p class="pacing">
          <b>{t("pacing")}</b> {pacingInWords(campaign)}
        </p>
      )}
      {Object.keys(campaign.refused).length > 0 && (
        <p class="pacing">
          <b>{t("refused")}</b>{" "}
          {Object.entries(campaign.refused)
            .map(([reason, times]) => `${word("rule", reason)} ${count(times)}`)
            .join(" · ")}
        </p>
      )}
    </article>
  );
}

export function Campaigns() {
  const shown = campaigns();
  return (
    <Section id="campaigns" title={t("campaigns")}>
      {shown.length ? shown.map((campaign) => <Card key={campaign.campaign} campaign={campaign} />) : <p>{t("no-campaign")}</p>}
    </Section>
  );
}
