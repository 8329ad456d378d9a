// A chart over time.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { hour, language, t, zone } from "../shared/words";

const style = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const darkScheme = matchMedia("(prefers-color-scheme: dark)");

interface Line {
  label: string;
  color: string;
  dash?: number[];
  shown: (value: number) => string;
}

/** The horizontal axis. */
export interface Axis {
  /** The interval between two points (seconds). */
  step: number;
  /** The shortest range shown (seconds). */
  least: number;
  incrs: number[];
  shown: (at: number) => string;
}
/** An axis of one day that shows at least an hour. */
export const hours = (step: number): Axis => ({
  step,
  least: 3600,
  incrs: [600, 1800, 3600, 7200, 14400],
  shown: hour,
});

interface Drawn {
  times: number[];
  rows: (number | null)[][];
  lines: Line[];
  label: string;
  least: number; // the smallest upper end of the scale, so that small values do not look large
  axis: Axis;
}

export function Chart({ times: given, rows: columns, lines, label, least, axis }: Drawn) {
  // uPlot draws a single point over a whole day, so an empty second one is added.
  const alone = given.length === 1;
  const times = alone ? [...given, given[0]! + axis.step] : given;
  const rows = alone ? columns.map((column) => [...column, null]) : columns;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [dark, setDark] = useState(darkScheme.matches);
  useEffect(() => {
    const changed = () => setDark(darkScheme.matches);
    darkScheme.addEventListener("change", changed);
    return () => darkScheme.removeEventListener("change", changed);
  }, []);
  const key = lines.map((line) => line.label).join() + language.value + dark;
  useEffect(() => {
    const box = place.current;
    if (!box) return; // removed before it was drawn
    const shown = lines[0]!.shown;
    const font = `12px ${getComputedStyle(box).fontFamily}`;
    const drawn = {
      font,
      stroke: style("--text"),
      grid: { stroke: style("--line"), width: 1 },
      ticks: { stroke: style("--line"), width: 1 },
    };
    const options: uPlot.Options = {
      width: box.clientWidth,
      height: 190,
      tzDate: (at) => (zone.value ? uPlot.tzDate(new Date(at * 1000), zone.value) : new Date(at * 1000)),
      cursor: { drag: { x: false, y: false } },
      scales: {
        x: { range: (_, first, last) => [first, Math.max(last, first + axis.least)] },
        y: { range: (_, __, most) => [0, Math.max(most * 1.1, least)] },
      },
      axes: [
        { ...drawn, space: 60, incrs: axis.incrs, values: (_, splits) => splits.map(axis.shown) },
        { ...drawn, size: 52, values: (_, splits) => splits.map((each) => shown(each)) },
      ],
      series: [
        { label: t("time"), value: (_, at) => (at === null ? "–" : axis.shown(at)) },
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
    plot.current = new uPlot(options, [times, ...rows] as uPlot.AlignedData, box);
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height: 190 }));
    resized.observe(box);
    return () => {
      resized.disconnect();
      plot.current?.destroy();
    };
  }, [key]);
  useEffect(
    () => plot.current?.setData([times, ...rows] as uPlot.AlignedData),
    [times.length, rows.map(String).join(";")],
  );
  return <div ref={place} class="chart" role="img" aria-label={label} />;
}
