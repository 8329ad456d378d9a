// The columns of an uploaded roll with examples, and the field that each is read as, which the user may change.
import { useState } from "preact/hooks";
import { Table } from "../shared/parts";
import type { ColumnPreview, Field, PreviewedColumn } from "../shared/wire";
import { count, messageOf, t } from "../shared/words";

/** The fields of a voter, those that identify one first. */
const FIELDS: Field[] = [
  "constituency_number",
  "part_number",
  "serial",
  "mobile",
  "name",
  "last_name",
  "name_local",
  "last_name_local",
  "sex",
  "age",
  "epic",
  "language",
  "house",
  "section",
  "relation",
  "relation_name",
  "relation_last_name",
  "state_code",
  "constituency_name",
  "part_name",
  "part_name_local",
  "closes_at",
  "roll_version",
];

export type Chosen = (Field | null)[];
/** The number of the row with the headings, and the columns of each field (null: as the headings suggest). */
export interface RollMapping {
  header_row: number;
  columns: Partial<Record<Field, number[]>> | null;
}

export const fieldName = (field: Field) => messageOf(`roll-field-${field.replaceAll("_", "-")}`);

/** Return the columns of each field, counted from 1. */
export function columnsOfFields(chosen: Chosen): Partial<Record<Field, number[]>> {
  const columns: Partial<Record<Field, number[]>> = {};
  chosen.forEach((field, place) => {
    if (field) columns[field] = [...(columns[field] ?? []), place + 1];
  });
  return columns;
}

function Column({
  place,
  column,
  field,
  onChange,
}: {
  place: number;
  column: PreviewedColumn;
  field: Field | null;
  onChange: (field: Field | null) => void;
}) {
  const heading = column.heading || t("roll-column", { number: count(place + 1) });
  return (
    <tr>
      <th scope="row" class="wraps">
        <bdi>{heading}</bdi>
      </th>
      <td class="wraps">
        {column.examples.map((example, index) => (
          <bdi key={index} class="example">
            {example}
          </bdi>
        ))}
      </td>
      <td class="wraps">
        {column.dropped ? (
          t("roll-never-stored")
        ) : (
          <select
            class="field"
            aria-label={t("roll-field-of", { column: heading })}
            value={field ?? ""}
            onChange={(event) => onChange((event.currentTarget.value || null) as Field | null)}
          >
            <option value="">{t("roll-not-read")}</option>
            {FIELDS.map((each) => (
              <option key={each} value={each}>
                {fieldName(each)}
              </option>
            ))}
          </select>
        )}
      </td>
    </tr>
  );
}

export function Mapping({
  preview,
  chosen,
  onChange,
  onCheck,
}: {
  preview: ColumnPreview;
  chosen: Chosen;
  onChange: (chosen: Chosen) => void;
  onCheck: (mapping: RollMapping) => void;
}) {
  const [row, setRow] = useState(preview.header_row);
  const isRowChanged = row !== preview.header_row;
  return (
    <>
      <h3 id="roll-columns-title">{t("roll-columns")}</h3>
      <p class="small">{t("roll-columns-help")}</p>
      <form
        class="row fields"
        onSubmit={(event) => {
          event.preventDefault();
          onCheck({ header_row: row, columns: null });
        }}
      >
        <label>
          {t("roll-header-row")}
          <input
            type="number"
            min={0}
            max={25}
            step={1}
            required
            value={row}
            onInput={(event) => setRow(event.currentTarget.valueAsNumber)}
          />
        </label>
        <button type="submit" disabled={!isRowChanged}>
          {t("roll-read-headings")}
        </button>
      </form>
      <Table of="roll-columns" names={["roll-file-column", "roll-examples", "roll-read-as"]}>
        {preview.columns.map((column, place) => (
          <Column
            key={place}
            place={place}
            column={column}
            field={chosen[place] ?? null}
            onChange={(field) => onChange(chosen.map((before, other) => (other === place ? field : before)))}
          />
        ))}
      </Table>
      <div class="row">
        <button
          type="button"
          disabled={isRowChanged}
          onClick={() => onCheck({ header_row: preview.header_row, columns: columnsOfFields(chosen) })}
        >
          {t("roll-check-again")}
        </button>
      </div>
    </>
  );
}
