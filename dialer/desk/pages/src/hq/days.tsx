// Charts over the last month, of what the page is narrowed to.
import { useEffect, useState } from "preact/hooks";
import { Chart } from "../staff/chart";
import { Section } from "../shared/parts";
import { ask, isProblem } from "../shared/server";
import { count, day, decimal, percent, t } from "../shared/words";
import { abandonedOf, contactsOf, place, type Today } from "./wire";

type Day = Today & { day: string };
const DAY_SECONDS = 86_400;
const axis = { step: DAY_SECONDS, least: 6 * DAY_SECONDS, incrs: [1, 2, 7].map((days) => days * DAY_SECONDS), shown: day };

export function Days() {
  const [days, setDays] = useState<Day[]>([]);
  const { zone = "", centre = "" } = place.value;
  const path = `/api/hq/days?${new URLSearchParams({ zone, centre })}`;
  useEffect(() => void ask<Day[]>("GET", path).then((found) => setDays(isProblem(found) ? [] : found)), [path]);
  const times = days.map((each) => Date.parse(`${each.day}T12:00:00Z`) / 1000);
  const row = (of: (day: Day) => number | undefined) => days.map((each) => of(each) ?? null);
  const added = (of: (day: Day) => number) => days.reduce((whole, each) => whole + of(each), 0);
  return (
    <Section id="days" title={t("days")} aside={<span>{centre || zone || t("all-zones")}</span>}>
      {days.length ? (
        <div class="columns">
          <div>
            <h3>{t("chart-calls")}</h3>
            <Chart
              times={times}
              rows={[row((each) => each.attempts), row((each) => each.contacts), row((each) => each.marked_voted)]}
              lines={[
                { label: t("calls"), color: "--chart-1", shown: count },
                { label: t("contacts-made"), color: "--chart-3", shown: count },
                { label: t("marked-voted"), color: "--chart-2", shown: count },
              ]}
              least={10}
              axis={axis}
              label={t("chart-told", { days: days.length, calls: added((each) => each.attempts), contacts: added((each) => each.contacts) })}
            />
          </div>
          <div>
            <h3>{t("chart-work")}</h3>
            <Chart
              times={times}
              rows={[row(contactsOf)]}
              lines={[{ label: t("contacts"), color: "--chart-3", shown: decimal }]}
              least={1}
              axis={axis}
              label={t("chart-work")}
            />
          </div>
          <div>
            <h3>{t("chart-abandoned")}</h3>
            <Chart
              times={times}
              rows={[row(abandonedOf)]}
              lines={[{ label: t("abandoned"), color: "--chart-4", shown: percent }]}
              least={0.02}
              axis={axis}
              label={t("chart-abandoned")}
            />
          </div>
          <div>
            <h3>{t("chart-seats")}</h3>
            <Chart
              times={times}
              rows={[row((each) => each.seat_hours)]}
              lines={[{ label: t("seat-hours"), color: "--chart-2", shown: decimal }]}
              least={1}
              axis={axis}
              label={t("chart-seats")}
            />
          </div>
        </div>
      ) : (
        <p>{t("no-days")}</p>
      )}
    </Section>
  );
}
