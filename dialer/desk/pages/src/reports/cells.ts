// The texts of a report's columns and cells.
import { me } from "../shared/server";
import type { ReportColumn } from "../shared/wire";
import { count, decimal, has, lasted, messageOf, percent, t, word } from "../shared/words";

export type Cell = string | number | null;

/** The kinds of messages with the texts of codes, by the column that holds the codes. */
const CODES: Record<string, string> = {
  outcome: "ended",
  disposition: "outcome",
  pause_reason: "pause",
  cap_met: "cap-met",
  waits_for: "waits",
};
const NONE = "(none)";

export const isFigure = (column: ReportColumn) => column.kind !== "text";

export const headingOf = (column: ReportColumn) => messageOf(`column-${column.name.replaceAll("_", "-")}`);

/** Return the text of a code. A number may also wait for a calling rule. */
const codeText = (kind: string, code: string) =>
  has(`${kind}-${code}`) ? messageOf(`${kind}-${code}`) : word("rule", code);

const DAYS_FROM_HOURS = 48;
/** Return the length of a window as hours or days. */
export const windowText = (hours: number) =>
  hours >= DAYS_FROM_HOURS ? t("window-days", { days: Math.round(hours / 24) }) : t("window-hours", { hours });

/** Return an agent as "Asha Kale (17)", or the number of an agent whose settings have no name. */
export function agentText(agent: string): string {
  const name = me.value?.agents[agent];
  return name ? `${name} (${agent})` : agent;
}

export function textOf(column: ReportColumn, cell: Cell): string {
  if (cell === null || cell === "") return "–";
  if (column.name === "agent") return agentText(String(cell));
  if (typeof cell === "string")
    return cell === NONE
      ? t("none-entered")
      : column.name in CODES
        ? codeText(CODES[column.name]!, cell.toLowerCase())
        : cell;
  if (column.name === "window_hours") return windowText(cell);
  if (column.kind === "share") return percent(cell);
  if (column.kind === "seconds") return lasted(cell);
  return column.kind === "rate" ? decimal(cell) : count(cell);
}

const collator = new Intl.Collator("en", { numeric: true });
/** Compare two cells of a column. Missing values come first. */
export function compareCells(one: Cell, other: Cell): number {
  if (one === null || other === null) return Number(one !== null) - Number(other !== null);
  return typeof one === "number" && typeof other === "number"
    ? one - other
    : collator.compare(String(one), String(other));
}
