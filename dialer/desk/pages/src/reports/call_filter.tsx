// The fields by which single calls are filtered, besides period and campaign.
import type { Signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { may } from "../board/commands";
import { problemText, showNotice } from "../shared/parts";
import { ask, isProblem, me } from "../shared/server";
import type { FoundNumber, ReportChoices } from "../shared/wire";
import { type PlainMessageId, t, word } from "../shared/words";
import { NumberField } from "../staff/number_field";
import { addDays, begins, CALL_FIELDS, ends, from, to, today } from "./filter";

export const DAYS_OF_NUMBER = 365;

function TextField({ name, chosen, figures }: { name: PlainMessageId; chosen: Signal<string>; figures?: boolean }) {
  return (
    <label>
      {t(name)}
      <input
        type="text"
        inputMode={figures ? "numeric" : undefined}
        value={chosen.value}
        autocomplete="off"
        onChange={(event) => (chosen.value = event.currentTarget.value.trim())}
      />
    </label>
  );
}

function TimeField({ name, chosen }: { name: PlainMessageId; chosen: Signal<string> }) {
  return (
    <label>
      {t(name)}
      <input type="time" value={chosen.value} onChange={(event) => (chosen.value = event.currentTarget.value)} />
    </label>
  );
}

function CodeField({
  name,
  chosen,
  codes,
  kind,
}: {
  name: PlainMessageId;
  chosen: Signal<string>;
  codes: string[];
  kind: string;
}) {
  return (
    <label>
      {t(name)}
      <select value={chosen.value} onChange={(event) => (chosen.value = event.currentTarget.value)}>
        <option value="">{t("filter-any")}</option>
        {codes.map((code) => (
          <option key={code} value={code}>
            {word(kind, code)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Show the calls to a phone number in the last year. The number is not stored in the address; its ID is. */
async function searchNumber(number: string): Promise<boolean> {
  const found = await ask<FoundNumber>("POST", "/api/reports/calls/number", { id: crypto.randomUUID(), number });
  if (isProblem(found)) showNotice(problemText(found), true);
  else if (found.phone === null) showNotice(t("number-not-stored"));
  else {
    from.value = addDays(today.value, -DAYS_OF_NUMBER);
    to.value = begins.value = ends.value = "";
    CALL_FIELDS.phone.value = String(found.phone);
  }
  return !isProblem(found);
}

function NumberSearch() {
  const [number, setNumber] = useState("");
  const search = () => void searchNumber(number).then((isDone) => isDone && setNumber(""));
  return (
    <div class="row">
      <NumberField
        label={t("search-number")}
        number={number}
        help="search-number-help"
        onInput={setNumber}
        onEnter={() => number.trim() && search()}
      />
      <button type="button" disabled={!number.trim()} onClick={search}>
        {t("search-number-do")}
      </button>
      <small id="search-number-help">{t("search-number-help")}</small>
    </div>
  );
}

export function CallFilter({ outcomes, dispositions }: ReportChoices) {
  return (
    <>
      <TimeField name="filter-begins" chosen={begins} />
      <TimeField name="filter-ends" chosen={ends} />
      <TextField name="column-agent" chosen={CALL_FIELDS.agent} />
      <CodeField name="column-outcome" chosen={CALL_FIELDS.outcome} codes={outcomes} kind="ended" />
      <CodeField name="column-disposition" chosen={CALL_FIELDS.disposition} codes={dispositions} kind="outcome" />
      <TextField name="filter-phone" chosen={CALL_FIELDS.phone} figures />
      <TextField name="filter-voter" chosen={CALL_FIELDS.voter} figures />
      {may("number-search") && !me.value?.signs && <NumberSearch />}
    </>
  );
}
