// The calls of all shown campaigns by hour.

import type { ShownReport } from "../shared/wire";
import { count, day, t } from "../shared/words";
import { type Axis, Chart, hours } from "../staff/chart";

const HOUR = 3600;
const DAY = 24 * HOUR;
const LINES = [
  ["attempts", "--chart-1"],
  ["answered", "--chart-2"],
  ["contacts", "--chart-3"],
  ["abandoned", "--chart-4"],
] as const;
const days: Axis = { step: HOUR, least: DAY, incrs: [DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY], shown: day };

export function HoursChart({ report }: { report: ShownReport }) {
  const places = new Map(report.columns.map((column, place) => [column.name, place]));
  const sums = new Map<number, number[]>();
  report.rows.forEach((row, line) => {
    const before = sums.get(report.at[line]!) ?? LINES.map(() => 0);
    sums.set(
      report.at[line]!,
      LINES.map(([name], place) => before[place]! + Number(row[places.get(name)!])),
    );
  });
  const began = [...sums.keys()].sort((a, b) => a - b);
  const hoursShown = (began.at(-1)! - began[0]!) / HOUR + 1;
  const times = Array.from({ length: hoursShown }, (_, place) => began[0]! + place * HOUR);
  const rows = LINES.map((_, place) => times.map((at) => sums.get(at)?.[place] ?? 0));
  const added = rows.map((row) => row.reduce((whole, each) => whole + each, 0));
  return (
    <Chart
      times={times}
      rows={rows}
      lines={LINES.map(([name, color]) => ({ label: t(`column-${name}`), color, shown: count }))}
      least={10}
      axis={hoursShown > 36 ? days : hours(HOUR)}
      label={t("hours-summary", {
        attempts: added[0]!,
        answered: added[1]!,
        contacts: added[2]!,
        abandoned: added[3]!,
      })}
    />
  );
}
