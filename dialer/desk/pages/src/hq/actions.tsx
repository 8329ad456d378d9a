// Actions of people: incidents, material and resuming with a second person's answer, and the audit log.
import { useEffect, useState } from "preact/hooks";
import { askQuestion, Choice, problemText, Section, showNotice, submittedForm, Table } from "../shared/parts";
import { ask, isProblem, now, value } from "../shared/server";
import type { OrderReplies, Proposal, PublishedMaterial } from "../shared/wire";
import { lasted, messageOf, moment, type PlainMessageId, t, word } from "../shared/words";
import { centres, incidents, may, orders, proposals, who } from "./state";

async function send(path: string, body: Record<string, unknown>, done: PlainMessageId): Promise<boolean> {
  const answer = await ask<{ state?: string; result?: string }>("POST", `/api/hq/${path}`, body);
  if (isProblem(answer)) showNotice(problemText(answer), true);
  else if (answer.state === "failed") showNotice(t("assigning-failed", { text: answer.result ?? "" }), true);
  else showNotice(t(done));
  return !isProblem(answer);
}

/** Return the zones and centres that the user may choose, and all of them if allowed. */
function addressees(all: boolean): [string, string][] {
  const every = centres();
  const zones = [...new Set(every.map((centre) => centre.zone))].sort();
  return [
    ...(all && !who().of_zone ? [["all", t("all-zones")] as [string, string]] : []),
    ...zones.map((zone): [string, string] => [`zone:${zone}`, t("zone-named", { zone })]),
    ...every.map((centre): [string, string] => [`centre:${centre.centre}`, centre.centre]),
  ];
}
const named = (to: string) =>
  to === "all" ? t("all-zones") : to.startsWith("zone:") ? t("zone-named", { zone: to.slice(5) }) : to.slice(7);

export function Incidents() {
  const open = incidents();
  const mayOwn = (zone: string) =>
    (value<string[]>(`owners/${zone}`) ?? []).map((name): [string, string] => [name, name]);
  const send_ = async (event: Event) => {
    const form = submittedForm(event);
    const { to, text } = Object.fromEntries(new FormData(form));
    if (await send("incidents", { to, text }, "incident-opened")) form.reset();
  };
  const own = (id: number, zone: string) =>
    askQuestion({
      title: t("incident-owner"),
      text: t("ask-owner"),
      yes: t("incident-assign"),
      choices: { label: t("owner"), options: mayOwn(zone) },
      onConfirm: (owner) => void send("incidents/owner", { id, owner }, "incident-owned"),
    });
  const close = (id: number, text: string) =>
    askQuestion({
      title: t("incident-close"),
      text,
      onConfirm: () => void send("incidents/close", { id }, "incident-closed"),
    });
  return (
    <Section id="incidents" title={t("incidents")}>
      {may("manage-incidents") && (
        <form class="row fields" onSubmit={(event) => void send_(event)}>
          <Choice name="to" label={t("where")} options={addressees(false)} />
          <label class="long">
            {t("incident-text")}
            <input name="text" maxLength={200} required autocomplete="off" dir="auto" />
          </label>
          <button type="submit">{t("incident-open")}</button>
        </form>
      )}
      {!open.length && <p>{t("no-incidents")}</p>}
      <ul class="alerts">
        {open.map((each) => (
          <li key={each.id} class="alert warning">
            <strong>{each.centre || t("zone-named", { zone: each.zone })}</strong> <span dir="auto">{each.text}</span>{" "}
            <small>{t("incident-opened-by", { name: each.opened_by, ago: lasted(now.value - each.opened_at) })}</small>
            <b>{t("owned-by", { owner: each.owner })}</b>
            {may("manage-incidents") && (
              <span class="row">
                {each.owner !== who().name && (
                  <button
                    type="button"
                    onClick={() => void send("incidents/owner", { id: each.id, owner: who().name }, "incident-owned")}
                  >
                    {t("incident-take")}
                  </button>
                )}
                <button type="button" onClick={() => own(each.id, each.zone)}>
                  {t("incident-assign")}
                </button>
                <button type="button" onClick={() => close(each.id, each.text)}>
                  {t("incident-close")}
                </button>
              </span>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function answer(each: Proposal, confirm: boolean): void {
  askQuestion({
    title: t(confirm ? "confirm" : "decline"),
    text: [
      messageOf(`proposal-${each.kind}`, { text: each.text, to: named(each.to) }),
      ...(confirm ? [messageOf(`confirm-${each.kind}`)] : []),
    ].join(" · "),
    grave: confirm,
    onConfirm: () =>
      void send(
        "proposals/answer",
        { id: each.id, answer: confirm ? "confirm" : "decline" },
        confirm ? "confirmed" : "declined",
      ),
  });
}

function Proposals({ kinds, right }: { kinds: Proposal["kind"][]; right: string }) {
  const shown = proposals()
    .filter((each) => kinds.includes(each.kind))
    .reverse();
  return (
    <ul class="alerts" aria-label={t("proposals")}>
      {shown.map((each) => (
        <li
          key={each.id}
          class={each.state === "open" ? "alert warning" : each.state === "failed" ? "alert critical" : "alert"}
        >
          <span dir="auto">{messageOf(`proposal-${each.kind}`, { text: each.text, to: named(each.to) })}</span>
          <small>{t("proposed-by", { name: each.proposed_by, at: moment(each.proposed_at) })}</small>
          {each.answered_by && each.answered_at !== null && (
            <small>
              {t("answered-by", {
                name: each.answered_by,
                at: moment(each.answered_at),
                state: word("proposal-is", each.state),
              })}
            </small>
          )}
          {each.state === "expired" && <small>{t("proposal-is-expired")}</small>}
          {each.result && <small lang="en">{each.result}</small>}
          {each.state === "open" && each.proposed_by === who().name && <em>{t("second-person")}</em>}
          {each.state === "open" && each.proposed_by !== who().name && may(right) && (
            <span class="row">
              <button type="button" class="main" onClick={() => answer(each, true)}>
                {t("confirm")}
              </button>
              <button type="button" onClick={() => answer(each, false)}>
                {t("decline")}
              </button>
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

/** Return name and version of "bundles/turnout/8.json". */
const versionOf = (target: string) => target.replace(/^bundles\/|\.json$/g, "").split("/") as [string, string];

export function MaterialView() {
  const material = value<PublishedMaterial>(`material/${who().of_zone}`);
  const every = centres();
  const running = new Map<string, number>();
  for (const centre of every)
    if (centre.material) running.set(centre.material, (running.get(centre.material) ?? 0) + 1);
  const trouble = every.filter((centre) => centre.material_problem);
  const behind = every.filter((centre) => centre.assigned_material && centre.material !== centre.assigned_material);
  const propose = async (event: Event) => {
    const fields = Object.fromEntries(new FormData(submittedForm(event)));
    const [name, version] = versionOf(String(fields.version));
    await send("proposals/material", { name, version: Number(version), to: fields.to }, "proposed");
  };
  return (
    <Section id="material" title={t("material")}>
      {may("propose-material") && !!material?.approved.length && (
        <form class="row fields" onSubmit={(event) => void propose(event)}>
          <Choice
            name="version"
            label={t("version")}
            options={material.approved.map((each) => [each, versionOf(each).join(" ")])}
          />
          <Choice name="to" label={t("material-to")} options={addressees(true)} />
          <button type="submit">{t("propose")}</button>
        </form>
      )}
      <p>
        {material?.approved.length
          ? t("approved", { versions: material.approved.map((each) => versionOf(each).join(" ")).join(", ") })
          : t("nothing-approved")}
      </p>
      <Proposals kinds={["material", "rollout"]} right="confirm-material" />
      <div class="columns">
        <div>
          <h3>{t("ordered")}</h3>
          <ul>
            {material?.waves.map((wave) => (
              <li key={`${wave.name}${wave.version}${wave.to}`}>
                <b>
                  {wave.name} {wave.version}
                </b>{" "}
                {wave.to.map(named).join(", ")}
              </li>
            ))}
          </ul>
        </div>
        <div>
          <h3>{t("running")}</h3>
          <ul>
            {[...running].map(([label, many]) => (
              <li key={label}>{t("in-centres", { material: label, centres: many })}</li>
            ))}
          </ul>
          {!!behind.length && <p>{t("not-there-yet", { names: behind.map((centre) => centre.centre).join(", ") })}</p>}
          {trouble.map((centre) => (
            <p key={centre.centre} class="problem">
              {centre.centre}: <span lang="en">{centre.material_problem}</span>
            </p>
          ))}
        </div>
      </div>
    </Section>
  );
}

export function Orders() {
  const together = new Map<string, OrderReplies>();
  for (const each of orders()) {
    const so = together.get(each.id);
    together.set(
      each.id,
      so
        ? {
            ...each,
            done: so.done + each.done,
            refused: { ...so.refused, ...each.refused },
            missing: [...so.missing, ...each.missing],
          }
        : each,
    );
  }
  const shown = [...together.values()].sort((a, b) => b.made_at - a.made_at);
  const propose = async (event: Event) => {
    const form = submittedForm(event);
    const { to, text } = Object.fromEntries(new FormData(form));
    if (await send("proposals/resume", { to, text }, "proposed")) form.reset();
  };
  return (
    <Section id="orders" title={t("orders")}>
      <p>{t("orders-help")}</p>
      {!shown.length && <p>{t("no-orders")}</p>}
      <ul class="alerts">
        {shown.map((each) => (
          <li key={each.id} class={each.missing.length || Object.keys(each.refused).length ? "alert warning" : "alert"}>
            <strong>{word("order", each.order)}</strong> {each.campaign_id} {named(each.to)}{" "}
            <time>{moment(each.made_at)}</time>
            <span>{t("order-done", { done: each.done })}</span>
            {Object.entries(each.refused).map(([centre, text]) => (
              <span key={centre} lang="en">
                {centre}: {text}
              </span>
            ))}
            {!!each.missing.length && <span>{t("order-missing", { names: each.missing.join(", ") })}</span>}
          </li>
        ))}
      </ul>
      {may("propose-resume") && (
        <form class="row fields" onSubmit={(event) => void propose(event)}>
          <Choice name="to" label={t("resume-to")} options={addressees(true)} />
          <label class="long">
            {t("resume-why")}
            <input name="text" maxLength={200} required autocomplete="off" dir="auto" />
          </label>
          <button type="submit">{t("propose-resume")}</button>
        </form>
      )}
      <Proposals kinds={["resume"]} right="confirm-resume" />
    </Section>
  );
}

interface Entry {
  number: number;
  at: number;
  kind: string;
  who: string;
  what: string;
}

export function Audit() {
  const [entries, setEntries] = useState<Entry[]>([]);
  useEffect(
    () => void ask<Entry[]>("GET", "/api/hq/audit").then((found) => !isProblem(found) && setEntries(found)),
    [],
  );
  return (
    <Section id="audit" title={t("audit")}>
      <p>{t("audit-help")}</p>
      <Table of="audit" names={["number", "time", "action", "user", "what"]}>
        {entries.map((each) => (
          <tr key={each.number}>
            <td>{each.number}</td>
            <td>{moment(each.at)}</td>
            <td>{word("action", each.kind)}</td>
            <td>{each.who}</td>
            <td class="wraps">
              {Object.entries(JSON.parse(each.what) as Record<string, string>)
                .filter(([, value]) => value !== "")
                .map(([name, text]) => `${name} ${text}`)
                .join(", ")}
            </td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}
