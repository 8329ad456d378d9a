import { Section } from "../shared/parts";
import { value } from "../shared/server";
import type { AbandonedWindow, CampaignView, IdleReason } from "../shared/wire";
import { count, has, hour, percent, t, word } from "../shared/words";
import { command, may } from "./commands";
import { campaigns } from "./state";
import { Bar, CALL_STATES, CapBar } from "./tiles";

/** Return how many calls are placed and what limits them, or the dialler's text for an unknown limit. */
function pacingInWords({ limited_by: limit, calls_placed: calls, pacing }: CampaignView): string {
  if (!has(`pacing-${limit}`)) return pacing;
  const reason = t(`pacing-${limit}`);
  return limit === "nobody" ? reason : `${t("calls-now", { calls })}: ${reason}`;
}

/** Return the text of an idle reason. */
export function whyInWords(why: IdleReason): string {
  const id = `why-${why.code}`;
  const { until, ...figures } = why.figures;
  return t(has(id) ? id : "why-held", {
    ...figures,
    until: typeof until === "number" ? hour(until) : "none",
    detail: why.detail || why.code,
  });
}

function Buttons({ campaign }: { campaign: CampaignView }) {
  const offered =
    campaign.state === "running" ? ["pause", "stop"] : campaign.state === "paused" ? ["resume", "stop"] : ["resume"];
  if (campaign.kind === "agents") offered.push("seat-message");
  offered.push("speed");
  if (campaign.abandoned_target) offered.push("abandoned-target");
  if (campaign.agent_share) offered.push("weight");
  const allowed = offered.filter(may);
  return (
    <div class="row">
      {allowed.map((name) => (
        <button type="button" key={name} onClick={() => command(name, { campaign_id: campaign.campaign_id })}>
          {t(`do-${name}`)}
          <span class="unseen"> {campaign.campaign_id}</span>
        </button>
      ))}
    </div>
  );
}

function Card({ campaign }: { campaign: CampaignView }) {
  const why = value<IdleReason>(`why/${campaign.campaign_id}`);
  const windows = value<AbandonedWindow[]>(`abandoned/${campaign.campaign_id}`) ?? [];
  const progress = campaign.progress;
  const idle = why !== undefined && why.code !== "dialling";
  return (
    <article class="campaign">
      <div class="row between">
        <h3>
          <span class="id">{campaign.campaign_id}</span>{" "}
          <span class={`state ${campaign.state}`}>{word("state", campaign.state)}</span>
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
        <i style={{ width: `${progress.total ? (progress.completed / progress.total) * 100 : 0}%` }} />
      </div>
      <small>
        {[
          t("list-completed-of", { closed: progress.completed, numbers: progress.total, due: progress.remaining }),
          progress.waiting > 0 && t("list-waiting", { numbers: progress.waiting }),
          ...Object.entries(progress.refused).map(([reason, numbers]) =>
            t("list-refused", { numbers, rule: word("rule", reason) }),
          ),
        ]
          .filter(Boolean)
          .join(" · ")}
      </small>
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
          {t("speed-set-by", {
            most: [
              campaign.speed.calls_per_seat && t("speed-per-seat", { calls: campaign.speed.calls_per_seat }),
              campaign.speed.max_calls && t("speed-calls", { calls: campaign.speed.max_calls }),
            ]
              .filter(Boolean)
              .join(", "),
            sender: campaign.speed.sender,
          })}
        </p>
      )}
      {campaign.abandoned_target?.sender && (
        <p class="pacing">
          {t("target-set-by", {
            share: percent(campaign.abandoned_target.rate),
            sender: campaign.abandoned_target.sender,
          })}
        </p>
      )}
      {campaign.agent_share && (
        <p class="pacing">
          {t("share-of-agents", {
            actual: percent(campaign.agent_share.actual),
            intended: percent(campaign.agent_share.intended),
          })}
          {campaign.agent_share.sender &&
            ` · ${t("weight-set-by", { weight: campaign.agent_share.weight, sender: campaign.agent_share.sender })}`}
        </p>
      )}
      {windows.map((window) => (
        <CapBar key={window.window_seconds} window={window} />
      ))}
      {campaign.hold === null && (
        <p class="pacing">
          <b>{t("pacing")}:</b> {pacingInWords(campaign)}
        </p>
      )}
      {Object.keys(campaign.refused).length > 0 && (
        <p class="pacing">
          <b>{t("refused")}:</b>{" "}
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
      {shown.length ? (
        shown.map((campaign) => <Card key={campaign.campaign_id} campaign={campaign} />)
      ) : (
        <p>{t("no-campaign")}</p>
      )}
    </Section>
  );
}
