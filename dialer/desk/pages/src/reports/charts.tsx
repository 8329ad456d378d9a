// The charts of reports whose rows have an hour or a day.
import type { ComponentChildren } from "preact";
import type { ShownReport } from "../shared/wire";
import { count, day, percent, t } from "../shared/words";
import { type Axis, Chart, hours } from "../staff/chart";
import type { Cell } from "./cells";
import { windowText } from "./cells";

const HOUR = 3600;
const DAY = 24 * HOUR;
/** A chart of at most so many hours has hours on its axis, a longer one days. */
const HOURS_ON_AXIS = 36;
const COLORS = ["--chart-1", "--chart-2", "--chart-3", "--chart-4"];
const days: Axis = { step: DAY, least: DAY, incrs: [DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY], shown: day };

/** Return the cell of a row in a column. */
type Read = (row: Cell[], column: string) => Cell;
const reader = (report: ShownReport): Read => {
  const places = new Map(report.columns.map((column, place) => [column.name, place]));
  return (row, column) => row[places.get(column)!] ?? null;
};

/** Return every hour from the first to the last one of a report. */
function hoursOf(report: ShownReport): number[] {
  const begins = Math.min(...report.at);
  return Array.from({ length: (Math.max(...report.at) - begins) / HOUR + 1 }, (_, place) => begins + place * HOUR);
}

/** Return the sum of the rows' values in each hour. */
function sumByHour(report: ShownReport, times: number[], read: (row: Cell[]) => number): number[] {
  const sums = new Map<number, number>();
  report.rows.forEach((row, line) => {
    sums.set(report.at[line]!, (sums.get(report.at[line]!) ?? 0) + read(row));
  });
  return times.map((at) => sums.get(at) ?? 0);
}

const axisOf = (times: number[]) => (times.length > HOURS_ON_AXIS ? days : hours(HOUR));

/** The calls of all shown campaigns by hour. */
function HoursChart({ report }: { report: ShownReport }) {
  const read = reader(report);
  const times = hoursOf(report);
  const columns = ["attempts", "answered", "contacts", "abandoned"] as const;
  const rows = columns.map((column) => sumByHour(report, times, (row) => Number(read(row, column))));
  const [attempts = 0, answered = 0, contacts = 0, abandoned = 0] = rows.map((row) => row.reduce((a, b) => a + b, 0));
  return (
    <Chart
      times={times}
      rows={rows}
      lines={columns.map((column, place) => ({ label: t(`column-${column}`), color: COLORS[place]!, shown: count }))}
      least={10}
      axis={axisOf(times)}
      label={t("hours-summary", { attempts, answered, contacts, abandoned })}
    />
  );
}

/** The seizures of the busiest trunks by hour. */
function TrunksChart({ report }: { report: ShownReport }) {
  const read = reader(report);
  const times = hoursOf(report);
  const seizuresOf = (trunk: string) => (row: Cell[]) =>
    read(row, "trunk") === trunk ? Number(read(row, "seizures")) : 0;
  const whole = (trunk: string) => report.rows.reduce((sum, row) => sum + seizuresOf(trunk)(row), 0);
  const trunks = [...new Set(report.rows.map((row) => String(read(row, "trunk"))))]
    .sort((a, b) => whole(b) - whole(a))
    .slice(0, COLORS.length);
  return (
    <Chart
      times={times}
      rows={trunks.map((trunk) => sumByHour(report, times, seizuresOf(trunk)))}
      lines={trunks.map((trunk, place) => ({ label: trunk, color: COLORS[place]!, shown: count }))}
      least={10}
      axis={axisOf(times)}
      label={t("trunks-summary", { trunks: trunks.map((trunk) => `${trunk} ${count(whole(trunk))}`).join(", ") })}
    />
  );
}

/** The highest abandoned rate of any shown campaign on each day, for every window with its cap. */
function WindowsChart({ report }: { report: ShownReport }) {
  const read = reader(report);
  const times = [...new Set(report.at)].sort((a, b) => a - b);
  if (times.length < 2) return null;
  const windows = [...new Set(report.rows.map((row) => Number(read(row, "window_hours"))))].sort((a, b) => a - b);
  const capOf = (window: number) =>
    Number(read(report.rows.find((row) => read(row, "window_hours") === window)!, "cap"));
  const highest = (window: number, at: number) => {
    const rates = report.rows.filter((row, line) => report.at[line] === at && read(row, "window_hours") === window);
    return rates.length ? Math.max(...rates.map((row) => Number(read(row, "highest_rate")))) : null;
  };
  const shown = windows.slice(0, COLORS.length);
  const caps = [...new Set(shown.map(capOf))];
  return (
    <Chart
      times={times}
      rows={[
        ...shown.map((window) => times.map((at) => highest(window, at))),
        ...caps.map((cap) => times.map(() => cap)),
      ]}
      lines={[
        ...shown.map((window, place) => ({ label: windowText(window), color: COLORS[place]!, shown: percent })),
        ...caps.map((cap) => ({ label: `${t("cap")} ${percent(cap)}`, color: "--bad", dash: [6, 4], shown: percent })),
      ]}
      least={0.02}
      axis={days}
      label={t("windows-summary")}
    />
  );
}

/** The charts by report. */
export const CHARTS: Record<string, (report: ShownReport) => ComponentChildren> = {
  hours: (report) => <HoursChart report={report} />,
  "trunk-hours": (report) => <TrunksChart report={report} />,
  windows: (report) => <WindowsChart report={report} />,
};
