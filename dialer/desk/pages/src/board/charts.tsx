import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { Section } from "../shared/parts";
import { me, now, value } from "../shared/server";
import { count, hour, language, percent, t, zone } from "../shared/words";
import { campaigns, type Day, type Window } from "./wire";

const COLUMNS = ["placed", "answered", "connected", "abandoned", "live_answers"] as const;
/** How long each part of the day's course is. */
const stretchSeconds = () => me.value?.stretch_seconds ?? 0;

/** The course of the shown campaigns, added up stretch by stretch. */
function together(days: Day[]): Day {
  const at = [...new Set(days.flatMap((day) => day.at))].sort((a, b) => a - b);
  const added: Day = { at, placed: [], answered: [], connected: [], abandoned: [], live_answers: [] };
  for (const column of COLUMNS) {
    const by = new Map<number, number>();
    for (const day of days) day.at.forEach((moment, place) => by.set(moment, (by.get(moment) ?? 0) + (day[column][place] ?? 0)));
    added[column] = at.map((moment) => by.get(moment) ?? 0);
  }
  return added;
}

const style = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

interface Line {
  label: string;
  color: string;
  dash?: number[];
  shown: (value: number) => string;
}

interface Drawn {
  times: number[];
  rows: (number | null)[][];
  lines: Line[];
  label: string;
  least: number; // of the scale's end: little is not to look like much
}

function Chart({ times: given, rows: columns, lines, label, least }: Drawn) {
  // uPlot takes a single point for a whole day: it gets a second one, with nothing in it.
  const alone = given.length === 1;
  const times = alone ? [...given, given[0]! + stretchSeconds()] : given;
  const rows = alone ? columns.map((column) => [...column, null]) : columns;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const key = lines.map((line) => line.label).join() + language.value;
  useEffect(() => {
    const shown = lines[0]!.shown;
    const axis = { stroke: style("--text"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 } };
    const options: uPlot.Options = {
      width: place.current!.clientWidth,
      height: 190,
      tzDate: (at) => (zone.value ? uPlot.tzDate(new Date(at * 1000), zone.value) : new Date(at * 1000)),
      cursor: { drag: { x: false, y: false } },
      scales: {
        // An hour at least: the first calls of a day are no whole picture of it.
        x: { range: (_, first, last) => [first, Math.max(last, first + 3600)] },
        y: { range: (_, __, most) => [0, Math.max(most * 1.1, least)] },
      },
      axes: [
        { ...axis, space: 60, incrs: [600, 1800, 3600, 7200, 14400], values: (_, splits) => splits.map(hour) },
        { ...axis, size: 52, values: (_, splits) => splits.map((each) => shown(each)) },
      ],
      series: [
        { label: t("time"), value: (_, at) => (at === null ? "–" : hour(at)) },
        ...lines.map((line) => ({
          label: line.label,
          stroke: style(line.color),
          width: 2,
          ...(line.dash ? { dash: line.dash } : {}),
          points: { show: times.length < 4 },
          value: (_: uPlot, each: number | null) => (each === null ? "–" : line.shown(each)),
        })),
      ],
    };
    plot.current = new uPlot(options, [times, ...rows] as uPlot.AlignedData, place.current!);
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: place.current!.clientWidth, height: 190 }));
    resized.observe(place.current!);
    return () => {
      resized.disconnect();
      plot.current?.destroy();
    };
  }, [key]);
  useEffect(() => plot.current?.setData([times, ...rows] as uPlot.AlignedData), [times.length, rows.map(String).join(";")]);
  return <div ref={place} class="chart" role="img" aria-label={label} />;
}

export function Charts() {
  const shown = campaigns();
  const day = together(shown.flatMap((campaign) => value<Day>(`day/${campaign.campaign}`) ?? []));
  const stops = shown.flatMap((campaign) => value<Window[]>(`abandoned/${campaign.campaign}`) ?? []).map((window) => window.stop);
  const stop = Math.min(...stops, 1);
  // Over an hour that ends with each stretch: a share of ten minutes leaps with every call.
  const share = day.at.map((moment, place) => {
    const since = day.at.findIndex((each) => each > moment - 3600);
    const added = (column: "live_answers" | "abandoned") => day[column].slice(since, place + 1).reduce((a, b) => a + b, 0);
    return added("live_answers") ? added("abandoned") / added("live_answers") : null;
  });
  const added = (column: (typeof COLUMNS)[number]) => day[column].reduce((a, b) => a + b, 0);
  // A stretch that has only begun would look like a fall.
  const wholeUntil = day.at.length > 1 && day.at.at(-1)! + stretchSeconds() > now.peek() ? -1 : undefined;
  const shownRows = (row: (number | null)[]) => row.slice(0, wholeUntil);
  const times = day.at.slice(0, wholeUntil);
  const told = t("chart-calls-told", { placed: added("placed"), answered: added("answered"), connected: added("connected") });
  return (
    <Section id="charts" title={t("day")}>
      {day.at.length ? (
        <>
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
            label={told}
          />
          <h3>{t("chart-abandoned")}</h3>
          <Chart
            times={times}
            rows={[shownRows(share), times.map(() => stop)]}
            lines={[
              { label: t("abandoned"), color: "--chart-4", shown: percent },
              { label: t("cap"), color: "--bad", dash: [6, 4], shown: percent },
            ]}
            least={0.02}
            label={t("chart-abandoned-told", { abandoned: added("abandoned"), answers: added("live_answers"), stop: percent(stop) })}
          />
        </>
      ) : (
        <p>{t("no-day")}</p>
      )}
    </Section>
  );
}
