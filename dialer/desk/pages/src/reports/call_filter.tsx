// The fields by which single calls are filtered, besides period and campaign.
import type { Signal } from "@preact/signals";
import type { ReportChoices } from "../shared/wire";
import { type PlainMessageId, t, word } from "../shared/words";
import { begins, CALL_FIELDS, ends } from "./filter";

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
    </>
  );
}
