import { Section } from "../shared/parts";
import { me, now, value } from "../shared/server";
import type { AbandonedWindow, DayFigures } from "../shared/wire";
import { count, percent, t, tenths } from "../shared/words";
import { Chart, hours } from "../staff/chart";
import { campaigns } from "./state";

const COLUMNS = ["placed", "answered", "connected", "abandoned", "live_answers"] as const;
/** Return the length of an interval of the day's figures (seconds). */
const stretchSeconds = () => me.value?.stretch_seconds ?? 0;

/** Return the sums of several campaigns' figures for each interval. */
function together(days: DayFigures[]): DayFigures {
  const at = [...new Set(days.flatMap((day) => day.at))].sort((a, b) => a - b);
  const added: DayFigures = { at, placed: [], answered: [], connected: [], abandoned: [], live_answers: [] };
  for (const column of COLUMNS) {
    const by = new Map<number, number>();
    for (const day of days)
      for (const [place, moment] of day.at.entries()) by.set(moment, (by.get(moment) ?? 0) + (day[column][place] ?? 0));
    added[column] = at.map((moment) => by.get(moment) ?? 0);
  }
  return added;
}

export function Charts() {
  const shown = campaigns();
  const day = together(shown.flatMap((campaign) => value<DayFigures>(`day/${campaign.campaign_id}`) ?? []));
  const stops = shown
    .flatMap((campaign) => value<AbandonedWindow[]>(`abandoned/${campaign.campaign_id}`) ?? [])
    .map((window) => window.stop);
  const stop = Math.min(...stops, 1);
  // Over the hour that ends with each interval: a rate of ten minutes would jump with every call.
  const share = day.at.map((moment, place) => {
    const since = day.at.findIndex((each) => each > moment - 3600);
    const added = (column: "live_answers" | "abandoned") =>
      day[column].slice(since, place + 1).reduce((a, b) => a + b, 0);
    return added("live_answers") ? added("abandoned") / added("live_answers") : null;
  });
  const added = (column: (typeof COLUMNS)[number]) => day[column].reduce((a, b) => a + b, 0);
  // An interval that has only begun would look like a drop.
  const wholeUntil = day.at.length > 1 && day.at.at(-1)! + stretchSeconds() > now.peek() ? -1 : undefined;
  const shownRows = (row: (number | null)[]) => row.slice(0, wholeUntil);
  const times = day.at.slice(0, wholeUntil);
  const told = t("chart-calls-summary", {
    placed: added("placed"),
    answered: added("answered"),
    connected: added("connected"),
  });
  return (
    <Section id="charts" title={t("day")}>
      {day.at.length ? (
        <div class="columns">
          <div>
            <h3>{t("chart-calls")}</h3>
            <Chart
              times={times}
              rows={[day.placed, day.answered, day.connected].map(shownRows)}
              lines={[
                { label: t("placed"), color: "--chart-1", shown: count },
                { label: t("answered"), color: "--chart-2", shown: count },
                { label: t("connected"), color: "--chart-3", shown: count },
              ]}
              least={10}
              axis={hours(stretchSeconds())}
              label={told}
            />
          </div>
          <div>
            <h3>{t("chart-abandoned")}</h3>
            <Chart
              times={times}
              rows={[shownRows(share), times.map(() => stop)]}
              lines={[
                { label: t("abandoned"), color: "--chart-4", shown: percent },
                { label: t("cap"), color: "--bad", dash: [6, 4], shown: percent },
              ]}
              least={0.02}
              axis={hours(stretchSeconds())}
              label={t("chart-abandoned-summary", {
                abandoned: tenths(added("abandoned")),
                answers: tenths(added("live_answers")),
                stop: percent(stop),
              })}
            />
          </div>
        </div>
      ) : (
        <p>{t("no-day")}</p>
      )}
    </Section>
  );
}
