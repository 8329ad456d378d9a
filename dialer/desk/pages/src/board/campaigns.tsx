import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Section } from "../shared/parts";
import { me, now, value } from "../shared/server";
import type { AbandonedWindow, CampaignView, DayFigures, IdleReason } from "../shared/wire";
import { count, has, hour, messageOf, type PlainMessageId, percent, t, word } from "../shared/words";
import { command, joined, Menu, may } from "./commands";
import { campaigns } from "./state";
import { Bar, CALL_STATES, CapBar, levelOf, nearestToLimit, shareOf } from "./tiles";

/** Return how many calls are placed and what limits them, or the dialler's text for an unknown limit. */
function pacingInWords({ limited_by: limit, calls_placed: calls, pacing }: CampaignView): string {
  if (!has(`pacing-${limit}`)) return pacing;
  const reason = messageOf(`pacing-${limit}`);
  return limit === "nobody" ? reason : `${t("calls-now", { calls })}: ${reason}`;
}

/** Return the text of an idle reason. */
export function whyInWords(why: IdleReason): string {
  const id = `why-${why.code}`;
  const { until, ...figures } = why.figures;
  return messageOf(has(id) ? id : "why-held", {
    ...figures,
    until: typeof until === "number" ? hour(until) : "none",
    detail: why.detail || why.code,
  });
}

/** Buttons of a campaign: the usual one, and a menu of the others. */
function Buttons({ campaign }: { campaign: CampaignView }) {
  const usual = campaign.state === "running" ? "pause" : "resume";
  const others = campaign.state === "stopped" ? [] : ["stop"];
  if (campaign.kind === "agents") others.push("seat-message");
  others.push("speed");
  if (campaign.abandoned_target) others.push("abandoned-target");
  if (campaign.agent_share) others.push("weight");
  if (campaign.calling_hours) others.push("calling-hours");
  const values = { campaign_id: campaign.campaign_id };
  return (
    <div class="buttons">
      {may(usual) && (
        <button type="button" onClick={() => command(usual, values)}>
          {t(`do-${usual}`)}
          <span class="unseen"> {campaign.campaign_id}</span>
        </button>
      )}
      <Menu
        id={`campaign-menu-${campaign.campaign_id}`}
        title={t("campaign-actions", { campaign: campaign.campaign_id })}
        offered={others}
        values={values}
      />
    </div>
  );
}

/** Return how many calls a campaign connected to agents in the last hour. */
function connectedInLastHour(campaign: string): number {
  const day = value<DayFigures>(`day/${campaign}`);
  if (!day) return 0;
  return day.at.reduce((sum, at, place) => sum + (at > now.value - 3600 ? (day.connected[place] ?? 0) : 0), 0);
}

function Pair({ name, children }: { name: PlainMessageId; children: ComponentChildren }) {
  return (
    <div>
      <dt>{t(name)}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Figures({ campaign }: { campaign: CampaignView }) {
  const windows = value<AbandonedWindow[]>(`abandoned/${campaign.campaign_id}`) ?? [];
  const strictest = nearestToLimit(windows);
  const share = campaign.agent_share;
  return (
    <dl class="pairs">
      <Pair name="placed">{count(campaign.attempts)}</Pair>
      <Pair name="asr">{percent(campaign.attempts ? campaign.answered / campaign.attempts : 0)}</Pair>
      {campaign.kind === "agents" && (
        <Pair name="connected-last-hour">{count(connectedInLastHour(campaign.campaign_id))}</Pair>
      )}
      {strictest && (
        <Pair name="tile-abandoned">
          <span class={levelOf(strictest)}>
            {t("abandoned-of-limit", { share: percent(shareOf(strictest)), limit: percent(strictest.stop) })}
          </span>
        </Pair>
      )}
      {share && (
        <Pair name="agents-share">
          {t("share-of-intended", { actual: percent(share.actual), intended: percent(share.intended) })}
        </Pair>
      )}
      <Pair name="remaining-numbers">{count(campaign.progress.remaining)}</Pair>
    </dl>
  );
}

/** What a supervisor looks up about a campaign: its list by reason, every abandoned-rate window, and what limits it. */
function Details({ campaign }: { campaign: CampaignView }) {
  const { progress, calling_hours: hours } = campaign;
  const windows = value<AbandonedWindow[]>(`abandoned/${campaign.campaign_id}`) ?? [];
  return (
    <div class="details">
      <div class="meter good" aria-hidden="true">
        <i style={{ width: `${progress.total ? (progress.completed / progress.total) * 100 : 0}%` }} />
      </div>
      <ul class="small">
        <li>
          {t("list-completed-of", { closed: progress.completed, numbers: progress.total, due: progress.remaining })}
        </li>
        {progress.waiting > 0 && <li>{t("list-waiting", { numbers: progress.waiting })}</li>}
        {Object.entries(progress.refused).map(([reason, numbers]) => (
          <li key={reason}>{t("list-refused", { numbers, rule: word("rule", reason) })}</li>
        ))}
      </ul>
      <dl class="pairs">
        <Pair name="answered">{count(campaign.answered)}</Pair>
        <Pair name="connected">{count(campaign.connected)}</Pair>
        <Pair name="abandoned">{count(campaign.abandoned)}</Pair>
      </dl>
      {hours && (
        <p class="pacing">
          {t("hours-today", { today: joined(hours.today), lawful: joined(hours.lawful_today) })}
          {hours.sender && ` ${t("hours-set-by", { hours: joined(hours.hours), sender: hours.sender })}`}
        </p>
      )}
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
      {campaign.agent_share?.sender && (
        <p class="pacing">
          {t("weight-set-by", { weight: campaign.agent_share.weight, sender: campaign.agent_share.sender })}
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
    </div>
  );
}

function Campaign({ campaign }: { campaign: CampaignView }) {
  const [isOpen, setOpen] = useState(false);
  const why = value<IdleReason>(`why/${campaign.campaign_id}`);
  const idle = why !== undefined && why.code !== "dialling";
  const details = `campaign-details-${campaign.campaign_id}`;
  return (
    <article class="campaign">
      <div class="line">
        <h3>
          <span class="id">{campaign.campaign_id}</span>{" "}
          <span class={`state ${campaign.state}`}>{word("state", campaign.state)}</span>
        </h3>
        <div class="calls">
          <Bar counts={campaign.calls} order={CALL_STATES} kind="call" />
        </div>
        <Figures campaign={campaign} />
        <Buttons campaign={campaign} />
      </div>
      <button
        type="button"
        class={idle ? "why idle" : "why"}
        aria-expanded={isOpen}
        aria-controls={details}
        onClick={() => setOpen(!isOpen)}
      >
        <span>
          {idle && <b>{t("why")} </b>}
          {why ? whyInWords(why) : t("campaign-details")}
        </span>
      </button>
      <div id={details}>{isOpen && <Details campaign={campaign} />}</div>
    </article>
  );
}

export function Campaigns() {
  const shown = campaigns();
  return (
    <Section
      id="campaigns"
      title={t("campaigns")}
      aside={
        me.value?.role === "supervisor" && (
          <div class="row">
            <a href="/flows">{t("to-flows")}</a>
            <a href="/campaigns">{t("to-campaigns")}</a>
          </div>
        )
      }
    >
      {shown.length ? (
        shown.map((campaign) => <Campaign key={campaign.campaign_id} campaign={campaign} />)
      ) : (
        <p>{t("no-campaign")}</p>
      )}
    </Section>
  );
}
