// Charts of the last month for the chosen zone or centre.
import { useEffect, useState } from "preact/hooks";
import { Section } from "../shared/parts";
import { ask, isProblem } from "../shared/server";
import type { DatedResults } from "../shared/wire";
import { count, day, decimal, percent, t } from "../shared/words";
import { Chart } from "../staff/chart";
import { abandonedOf, contactsOf, place } from "./state";

const DAY_SECONDS = 86_400;
const axis = {
  step: DAY_SECONDS,
  least: 6 * DAY_SECONDS,
  incrs: [1, 2, 7].map((days) => days * DAY_SECONDS),
  shown: day,
};

/** A line of a chart: the figure of a day, its label, colour and format. */
type Line = [
  of: (day: DatedResults) => number | undefined,
  label: string,
  color: number,
  shown: (figure: number) => string,
];

export function Days() {
  const [days, setDays] = useState<DatedResults[]>([]);
  const { zone = "", centre = "" } = place.value;
  const path = `/api/hq/days?${new URLSearchParams({ zone, centre })}`;
  useEffect(
    () => void ask<DatedResults[]>("GET", path).then((found) => setDays(isProblem(found) ? [] : found)),
    [path],
  );
  const times = days.map((each) => Date.parse(`${each.day}T12:00:00Z`) / 1000);
  const added = (of: (day: DatedResults) => number) => days.reduce((whole, each) => whole + of(each), 0);
  /** Each chart with the smallest upper end of its scale. */
  const charts: [title: string, least: number, lines: Line[]][] = [
    [
      t("chart-calls"),
      10,
      [
        [(each) => each.attempts, t("calls"), 1, count],
        [(each) => each.contacts, t("contacts-made"), 3, count],
        [(each) => each.marked_voted, t("marked-voted"), 2, count],
      ],
    ],
    [t("chart-work"), 1, [[contactsOf, t("contacts"), 3, decimal]]],
    [t("chart-abandoned"), 0.02, [[abandonedOf, t("abandoned"), 4, percent]]],
    [t("chart-seats"), 1, [[(each) => each.seat_hours, t("seat-hours"), 2, decimal]]],
  ];
  const told = t("chart-summary", {
    days: days.length,
    calls: added((each) => each.attempts),
    contacts: added((each) => each.contacts),
  });
  return (
    <Section id="days" title={t("days")} aside={<span>{centre || zone || t("all-zones")}</span>}>
      {days.length ? (
        <div class="columns">
          {charts.map(([title, least, lines], index) => (
            <div key={title}>
              <h3>{title}</h3>
              <Chart
                times={times}
                rows={lines.map(([of]) => days.map((each) => of(each) ?? null))}
                lines={lines.map(([, label, color, shown]) => ({ label, color: `--chart-${color}`, shown }))}
                least={least}
                axis={axis}
                label={index === 0 ? told : title}
              />
            </div>
          ))}
        </div>
      ) : (
        <p>{t("no-days")}</p>
      )}
    </Section>
  );
}
