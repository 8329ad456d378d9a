// Calls one by one, the newest first. Each can be opened: why it was lawful, its steps, its recording.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { may, send } from "../board/commands";
import { Alert, problemText, Section, showNotice } from "../shared/parts";
import { ask, isProblem, me, type Problem } from "../shared/server";
import type { ListedCall, ListedCalls, ShownCallHistory } from "../shared/wire";
import { clock, day, lasted, messageOf, moment, t, word } from "../shared/words";
import { DAYS_OF_NUMBER } from "./call_filter";
import { agentText } from "./cells";
import { CoachingNotes } from "./coaching_notes";
import { Files } from "./files_of_report";
import { addDays, callQuery, today } from "./filter";

const COLUMNS = ["at", "campaign", "outcome", "disposition", "agent", "talk", "phone"] as const;
const FIGURES = new Set(["talk", "phone"]);

function Pairs({ title, pairs }: { title: string; pairs: [string, ComponentChildren][] }) {
  if (!pairs.length) return null;
  return (
    <div>
      <h3>{title}</h3>
      <dl class="steps">
        {pairs.map(([name, value], place) => (
          <div key={place}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

/** A button that plays the recording. The dialler writes each playback to the audit log. */
function Recording({ call }: { call: ListedCall }) {
  const [playing, play] = useState(false);
  if (!call.recorded || !may("recording-play")) return null;
  if (playing) {
    const label = t("recording-of", { at: moment(call.at) });
    return (
      <audio controls controlsList="nodownload" autoplay src={`/api/recordings/${call.attempt}`} aria-label={label} />
    );
  }
  return (
    <button
      type="button"
      disabled={me.value?.signs}
      onClick={() => void send("/api/recordings/play", { attempt: call.attempt }).then(play)}
    >
      {t("do-recording-play")}
    </button>
  );
}

function History({ call }: { call: ListedCall }) {
  const [read, setRead] = useState<ShownCallHistory | Problem | null>(null);
  useEffect(
    () => void ask<ShownCallHistory>("GET", `/api/reports/calls/${call.attempt}`).then(setRead),
    [call.attempt],
  );
  if (read === null) return <p role="status">{t("report-loading")}</p>;
  if (isProblem(read)) return <Alert text={problemText(read)} />;
  const { trunk, caller_id: callerId, sip_status: status, gap_seconds: gap } = read;
  const line: [string, string][] = [
    [t("column-trunk"), trunk],
    [t("caller-id"), callerId],
    ...(status ? [[t("column-sip-status"), status] as [string, string]] : []),
    ...(gap === null ? [] : [[t("since-last-call"), lasted(gap)] as [string, string]]),
    [t("attempt"), call.attempt],
  ];
  const grounds = Object.entries(read.grounds).map(([name, value]): [string, string] => [
    word("ground", name.replaceAll("_", "-")),
    word("ground-is", value),
  ]);
  const year = new URLSearchParams({
    view: "calls",
    from: addDays(today.value, -DAYS_OF_NUMBER),
    phone: String(call.phone),
  });
  return (
    <div class="history">
      <Pairs
        title={t("call-steps")}
        pairs={read.moments.map(({ name, at }) => [messageOf(`moment-${name}`), `${day(at)} ${clock(at)}`])}
      />
      <Pairs title={t("call-line")} pairs={line} />
      {grounds.length ? (
        <Pairs title={t("call-grounds")} pairs={grounds} />
      ) : (
        <div>
          <h3>{t("call-grounds")}</h3>
          <p>{t("no-grounds")}</p>
        </div>
      )}
      <Pairs
        title={t("call-marks")}
        pairs={[
          ...read.marks.map(({ at, kind, source }): [string, string] => [
            clock(at),
            `${word("mark", kind)}, ${word("source", source)}`,
          ]),
          ...read.answers.map(({ at, question, answer }): [string, string] => [clock(at), `${question}: ${answer}`]),
        ]}
      />
      <div class="row">
        <Recording call={call} />
        <a href={`/reports#${year}`}>{t("calls-of-number", { phone: call.phone })}</a>
      </div>
      <CoachingNotes call={call} />
    </div>
  );
}

function Call({ call }: { call: ListedCall }) {
  const [open, setOpen] = useState(false);
  const id = `call-${call.attempt}`;
  const at = `${day(call.at)} ${clock(call.at)}`;
  return (
    <>
      <tr>
        <th scope="row">
          <button
            type="button"
            class="sort"
            aria-expanded={open}
            aria-controls={id}
            aria-label={t("call-details", { at })}
            onClick={() => setOpen(!open)}
          >
            <span aria-hidden="true">{open ? "▾ " : "▸ "}</span>
            {at}
          </button>
        </th>
        <td>{call.campaign}</td>
        <td>
          {word("ended", call.outcome)}
          {call.direction === "inbound" && ` (${t("inbound")})`}
        </td>
        <td>{call.disposition ? word("outcome", call.disposition) : "–"}</td>
        <td>{call.agent ? agentText(call.agent) : "–"}</td>
        <td class="right">{call.seconds === null ? "–" : lasted(call.seconds)}</td>
        <td class="right">{call.phone}</td>
      </tr>
      <tr id={id} hidden={!open}>
        <td colSpan={COLUMNS.length}>{open && <History call={call} />}</td>
      </tr>
    </>
  );
}

export function Calls() {
  const [listed, setListed] = useState<ListedCalls | Problem | null>(null);
  const asked = callQuery.value;
  useEffect(() => {
    let isCurrent = true;
    setListed(null);
    void ask<ListedCalls>("GET", `/api/reports/calls?${asked}`).then((answer) => isCurrent && setListed(answer));
    return () => (isCurrent = false);
  }, [asked]);
  async function loadOlder(shown: ListedCalls): Promise<void> {
    const older = await ask<ListedCalls>("GET", `/api/reports/calls?${asked}&before=${shown.before}`);
    if (isProblem(older)) showNotice(problemText(older), true);
    else if (callQuery.peek() === asked) setListed({ calls: [...shown.calls, ...older.calls], before: older.before });
  }
  return (
    <Section id="calls" title={t("report-calls")} aside={<Files name="calls" query={asked} />}>
      {listed === null ? (
        <p role="status">{t("report-loading")}</p>
      ) : isProblem(listed) ? (
        <Alert text={problemText(listed)} />
      ) : listed.calls.length === 0 ? (
        <p>{t("report-empty")}</p>
      ) : (
        <>
          <div class="scrolls" tabIndex={0} role="group" aria-labelledby="calls-title">
            <table>
              <thead>
                <tr>
                  {COLUMNS.map((name) => (
                    <th key={name} scope="col" class={FIGURES.has(name) ? "right" : ""}>
                      {t(`column-${name}`)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {listed.calls.map((call) => (
                  <Call key={call.attempt} call={call} />
                ))}
              </tbody>
            </table>
          </div>
          {listed.before !== null && (
            <button type="button" onClick={() => void loadOlder(listed)}>
              {t("calls-older")}
            </button>
          )}
        </>
      )}
    </Section>
  );
}
