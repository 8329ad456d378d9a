// A report as a table that can be sorted, with its chart and its files.
import { useEffect, useState } from "preact/hooks";
import { Alert, problemText, Section } from "../shared/parts";
import { ask, isProblem, me, type Problem } from "../shared/server";
import type { ShownReport } from "../shared/wire";
import { count, has, messageOf, t } from "../shared/words";
import { compareCells, headingOf, isFigure, textOf } from "./cells";
import { CHARTS } from "./charts";
import { Files } from "./files_of_report";
import { query } from "./filter";

interface Order {
  column: string;
  descending: boolean;
}

function Heading({
  name,
  label,
  figure,
  order,
  sort,
}: {
  name: string;
  label: string;
  figure: boolean;
  order: Order | null;
  sort: (order: Order) => void;
}) {
  const sorted = order?.column === name ? (order.descending ? "descending" : "ascending") : undefined;
  // The first press sorts figures from the largest and texts from the first.
  const next = sorted ? !order!.descending : figure;
  return (
    <th scope="col" class={figure ? "right" : ""} aria-sort={sorted}>
      <button type="button" class="sort" onClick={() => sort({ column: name, descending: next })}>
        {label}
        <span aria-hidden="true">{sorted === "descending" ? " ▼" : sorted ? " ▲" : ""}</span>
      </button>
    </th>
  );
}

function Rows({ name, report }: { name: string; report: ShownReport }) {
  const [order, sort] = useState<Order | null>(null);
  const { columns, total } = report;
  const place = columns.findIndex((column) => column.name === order?.column);
  const rows =
    place < 0
      ? report.rows
      : report.rows.toSorted((a, b) => compareCells(a[place]!, b[place]!) * (order!.descending ? -1 : 1));
  return (
    <div class="scrolls" tabIndex={0} role="group" aria-labelledby={`${name}-title`}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <Heading
                key={column.name}
                name={column.name}
                label={headingOf(column)}
                figure={isFigure(column)}
                order={order}
                sort={sort}
              />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, line) => (
            <tr key={line}>
              {columns.map((column, at) =>
                at ? (
                  <td key={column.name} class={isFigure(column) ? "right" : ""}>
                    {textOf(column, row[at]!)}
                  </td>
                ) : (
                  <th key={column.name} scope="row">
                    {textOf(column, row[at]!)}
                  </th>
                ),
              )}
            </tr>
          ))}
        </tbody>
        {total && (
          <tfoot>
            <tr>
              {columns.map((column, at) =>
                at ? (
                  <td key={column.name} class={isFigure(column) ? "right" : ""}>
                    {total[at] === "" || total[at] === null ? "" : textOf(column, total[at]!)}
                  </td>
                ) : (
                  <th key={column.name} scope="row">
                    {t("total")}
                  </th>
                ),
              )}
            </tr>
          </tfoot>
        )}
      </table>
    </div>
  );
}

/** A report of the desk, read again when the filter changes. Its chart, if it has one, is above the table. */
export function ReportTable({ name }: { name: string }) {
  const [read, setRead] = useState<ShownReport | Problem | null>(null);
  const asked = query.value;
  useEffect(() => {
    let isCurrent = true;
    setRead(null);
    void ask<ShownReport>("GET", `/api/reports/${name}?${asked}`).then((answer) => {
      if (!isCurrent) return;
      setRead(answer);
      if (isProblem(answer) && answer.problem === "signed-out") me.value = null;
    });
    return () => (isCurrent = false);
  }, [name, asked]);
  return (
    <Section id={name} title={messageOf(`report-${name}`)} aside={<Files name={name} query={asked} />}>
      {read === null ? (
        <p role="status">{t("report-loading")}</p>
      ) : isProblem(read) ? (
        <Alert text={problemText(read)} />
      ) : read.rows.length === 0 ? (
        <p>{t("report-empty")}</p>
      ) : (
        <>
          {has(`report-${name}-help`) && <p class="small">{messageOf(`report-${name}-help`)}</p>}
          {CHARTS[name]?.(read)}
          {read.row_count > read.rows.length && (
            <p class="small">
              {t("report-first-rows", { shown: count(read.rows.length), rows: count(read.row_count) })}
            </p>
          )}
          <Rows name={name} report={read} />
        </>
      )}
    </Section>
  );
}
