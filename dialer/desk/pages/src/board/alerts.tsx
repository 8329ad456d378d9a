import { say, sentence } from "../shared/parts";
import { ask, isProblem, me, value } from "../shared/server";
import { clock, has, t, word } from "../shared/words";
import type { Acknowledgement, Alert } from "../shared/wire";

const LEVELS = ["critical", "warning", "notice"];

async function see(alert: Alert): Promise<void> {
  const answer = await ask("POST", "/api/board/alerts", { code: alert.code, at: alert.at });
  if (isProblem(answer)) say(sentence(answer), true);
}

/** The sentence for an alert's code; of one of many ("trunk-north") for its kind, with the name. */
function headline(code: string): string {
  if (has(`alert-${code}`)) return t(`alert-${code}`);
  const levels = code.split("-");
  for (let count = levels.length - 1; count > 0; count--) {
    const id = `alert-of-${levels.slice(0, count).join("-")}`;
    if (has(id)) return t(id, { name: levels.slice(count).join("-") });
  }
  return "";
}

export function Alerts() {
  const standing = ["alerts", "warnings"].flatMap((key) => value<{ alerts: Alert[] }>(key)?.alerts ?? []);
  standing.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || a.at - b.at);
  const seen = value<Record<string, Acknowledgement>>("acknowledged") ?? {};
  if (!standing.length) return null;
  return (
    <ul class="alerts" aria-label={t("alerts")}>
      {standing.map((alert) => {
        const by = seen[alert.code]?.alert_at === alert.at ? seen[alert.code] : undefined;
        return (
          <li key={alert.code} class={`alert ${alert.level}${by ? " seen" : ""}`}>
            <strong>{word("level", alert.level)}</strong> <time>{clock(alert.at)}</time> {headline(alert.code)}{" "}
            <span lang="en">{alert.text}</span>
            {by ? (
              <em>{t("alert-seen-by", { name: by.name, at: clock(by.at) })}</em>
            ) : (
              me.value?.role !== "viewer" && <button onClick={() => void see(alert)}>{t("alert-see")}</button>
            )}
          </li>
        );
      })}
    </ul>
  );
}
