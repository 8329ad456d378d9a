// Rolls and numbers: a roll is checked and then imported; a number is blocked or erased. Loaded when first opened.
import { useState } from "preact/hooks";
import { saveFile } from "../shared/download";
import {
  Alert,
  askQuestion,
  problemText,
  Section,
  ServerText,
  showNotice,
  submittedForm,
  Table,
} from "../shared/parts";
import { ask, isProblem, me, type Problem, value } from "../shared/server";
import type { PreviewedReject, RollStatus } from "../shared/wire";
import { count, messageOf, t } from "../shared/words";
import { NumberField } from "../staff/number_field";
import { may, send } from "./commands";
import { type Chosen, fieldName, Mapping, type RollMapping } from "./roll_mapping";
import { centre } from "./state";
import "../staff/account.css";

const BUSY = new Set(["receiving", "checking", "importing"]);
const FIGURES = [
  "rows",
  "voters",
  "unchanged",
  "rejected",
  "booths",
  "numbers",
  "links",
  "rejected_numbers",
  "rejected_cells",
  "opted_out",
  "without_close",
];

const told = (found: Problem) => showNotice(problemText(found), true);

/** Upload a file. `share` is called with the uploaded part (0-1). */
function upload(file: File, share: (done: number) => void): Promise<unknown> {
  return new Promise((resolve) => {
    const sending = new XMLHttpRequest(); // fetch reports no progress
    sending.open("POST", "/api/lists");
    sending.setRequestHeader("content-type", "application/octet-stream");
    sending.setRequestHeader("x-name", encodeURIComponent(file.name));
    sending.responseType = "json";
    sending.upload.onprogress = (event) => share(event.loaded / (event.total || 1));
    sending.onloadend = () => resolve((sending.response as unknown) ?? { problem: "no-desk" });
    sending.send(file);
  });
}

function HandOver() {
  const [share, setShare] = useState<number | null>(null);
  const busy = share !== null || BUSY.has(value<RollStatus>("list")?.state ?? "");
  const send_ = async (event: Event) => {
    const form = submittedForm(event);
    const file = new FormData(form).get("roll");
    if (!(file instanceof File)) return;
    setShare(0);
    const answer = await upload(file, setShare);
    setShare(null);
    form.reset();
    if (isProblem(answer)) told(answer);
  };
  return (
    <form class="row fields" onSubmit={(event) => void send_(event)}>
      <label>
        {t("roll-file")}
        <input name="roll" type="file" accept=".csv,.xlsx" required disabled={busy} />
      </label>
      <button type="submit" disabled={busy}>
        {t("roll-check")}
      </button>
      {share !== null && <progress max={1} value={share} aria-label={t("roll-receiving")} />}
    </form>
  );
}

function Figures({ figures }: { figures: Record<string, number> }) {
  return (
    <dl class="pairs figures">
      {FIGURES.filter((name) => figures[name]).map((name) => (
        <div key={name}>
          <dt>{messageOf(`roll-${name.replaceAll("_", "-")}`)}</dt>
          <dd>{count(figures[name]!)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Download the rejected rows as a file. */
const downloadRejects = (roll: RollStatus) =>
  saveFile(
    fetch("/api/lists/rejects", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: crypto.randomUUID(), list: roll.id }),
    }),
    "rejects.csv",
  );

function Rejects({ rejects }: { rejects: PreviewedReject[] }) {
  return (
    <>
      <h3 id="roll-rejects-title">{t("roll-rejects")}</h3>
      <Table
        of="roll-rejects"
        names={["roll-reject-row", "roll-file-column", "roll-reject-value", "roll-reject-reason"]}
        right={(place) => place === 0}
      >
        {rejects.map((each, place) => (
          <tr key={place}>
            <td class="right">{count(each.row_number)}</td>
            <td class="wraps">
              <bdi>{each.column}</bdi>
            </td>
            <td class="wraps">
              <bdi>{each.value}</bdi>
            </td>
            <td class="wraps" lang="en">
              {each.reason}
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

function Roll({ roll }: { roll: RollStatus }) {
  const taken = centre()?.roll;
  const asked = { list: roll.id };
  const checked: Chosen = roll.preview?.columns.map((column) => column.field) ?? [];
  const [changed, setChanged] = useState<Chosen | null>(null); // null: nothing is changed yet
  const chosen = changed ?? checked;
  const isChanged = chosen.some((field, place) => field !== checked[place]);
  const [isDownloading, setIsDownloading] = useState(false);
  const takeIn = () =>
    askQuestion({
      title: t("roll-import"),
      text: t("ask-roll-import", { voters: roll.figures?.voters ?? 0, numbers: roll.figures?.numbers ?? 0 }),
      onConfirm: () => void give("/api/lists/import", asked),
    });
  const download = () => {
    setIsDownloading(true);
    void downloadRejects(roll).finally(() => setIsDownloading(false));
  };
  return (
    <>
      <p role="status">
        <strong>{roll.name}</strong> <small>{t("roll-by", { name: roll.by })}</small> —{" "}
        {messageOf(`roll-is-${roll.state}`)}
        {roll.text && `: ${roll.text}`}
      </p>
      {roll.problem && (
        <Alert
          text={messageOf(`roll-problem-${roll.problem}`, {
            fields: roll.problem_fields.map(fieldName).join(", "),
          })}
        />
      )}
      {roll.state === "importing" && taken?.list === roll.id && (
        <p class="row">
          <progress max={taken.rows} value={taken.imported} aria-label={t("roll-is-importing")} />{" "}
          {t("roll-done", { done: count(taken.imported), rows: count(taken.rows) })}
        </p>
      )}
      {roll.preview && !BUSY.has(roll.state) && (
        <Mapping
          preview={roll.preview}
          chosen={chosen}
          onChange={setChanged}
          onCheck={(mapping) => void give("/api/lists/check", { ...asked, ...mapping })}
        />
      )}
      {roll.warnings && roll.warnings.length > 0 && (
        <ul class="warnings">
          {roll.warnings.map((warning) => (
            <li key={warning.english}>
              <ServerText text={warning} />
            </li>
          ))}
        </ul>
      )}
      {roll.figures && <Figures figures={roll.figures} />}
      {roll.reasons && Object.keys(roll.reasons).length > 0 && (
        <ul lang="en">
          {Object.entries(roll.reasons).map(([reason, times]) => (
            <li key={reason}>
              {count(times)} × {reason}
            </li>
          ))}
        </ul>
      )}
      {roll.rejects.length > 0 && <Rejects rejects={roll.rejects} />}
      {!BUSY.has(roll.state) && (
        <div class="row">
          {roll.state === "checked" && (
            <button type="button" class="main" disabled={isChanged} onClick={takeIn}>
              {t("roll-import")}
            </button>
          )}
          {roll.rejects.length > 0 && may("rejects-download") && (
            <button type="button" aria-busy={isDownloading} disabled={isDownloading} onClick={download}>
              {t("do-rejects-download")}
            </button>
          )}
          <button type="button" onClick={() => void give("/api/lists/discard", asked)}>
            {t("roll-discard")}
          </button>
        </div>
      )}
      {isChanged && !BUSY.has(roll.state) && <p>{t("roll-columns-changed")}</p>}
    </>
  );
}

async function give(path: string, values: { list: string } & Partial<RollMapping>): Promise<void> {
  const answer = await ask("POST", path, { id: crypto.randomUUID(), ...values });
  if (isProblem(answer)) told(answer);
}

function Numbers() {
  const [number, setNumber] = useState("");
  const [names, setNames] = useState(false);
  const asking = (what: "suppress" | "erase", change: () => Promise<boolean>) => {
    const title = t(what === "suppress" ? "do-suppress" : "do-erase-number");
    askQuestion({
      title,
      text: t(`ask-number-${what}`, { number }),
      grave: true,
      onConfirm: () => void change().then((done) => done && setNumber("")),
    });
  };
  return (
    <form class="row fields" onSubmit={(event) => event.preventDefault()}>
      <NumberField label={t("number")} number={number} onInput={setNumber} />
      {may("suppress") && (
        <button
          type="button"
          disabled={!number.trim()}
          onClick={() => asking("suppress", () => send("/api/numbers/suppress", { number }))}
        >
          {t("do-suppress")}
        </button>
      )}
      {may("erase-number") && (
        <>
          <label class="tick">
            <input type="checkbox" checked={names} onChange={(event) => setNames(event.currentTarget.checked)} />{" "}
            {t("number-names")}
          </label>
          <button
            type="button"
            class="main grave"
            disabled={!number.trim()}
            onClick={() => asking("erase", () => send("/api/numbers/erase", { number, names }))}
          >
            {t("do-erase-number")}
          </button>
        </>
      )}
    </form>
  );
}

export function Lists() {
  const roll = value<RollStatus>("list");
  return (
    <main>
      {me.value?.signs && <p>{t("commands-signed")}</p>}
      {may("roll-import") && (
        <Section id="roll" title={t("do-roll-import")}>
          <p class="small">{t("roll-help")}</p>
          <HandOver />
          {roll && <Roll key={roll.id} roll={roll} />}
        </Section>
      )}
      {(may("suppress") || may("erase-number")) && (
        <Section id="numbers" title={t("numbers-title")}>
          <p class="small">{t("numbers-help")}</p>
          <Numbers />
        </Section>
      )}
    </main>
  );
}
