// What saving a form changes in a settings file, as the desk's check of the form has found it.
import { t } from "../shared/words";

/** The lines in the file, with those that are added and removed. */
function Difference({ lines }: { lines: string }) {
  if (!lines) return <p>{t("nothing-changed")}</p>;
  return (
    <pre class="difference" lang="en" dir="ltr" tabIndex={0}>
      {lines.split("\n").map((line, place) => {
        const text = `${line[0]} ${line.slice(1)}\n`;
        if (line[0] === "+") return <ins key={place}>{text}</ins>;
        return line[0] === "-" ? <del key={place}>{text}</del> : text;
      })}
    </pre>
  );
}

interface Found {
  difference: string;
  also_applied: string[];
  needs_restart: string[];
}
/** The lines that saving changes, and other changed settings that a reload applies too or that make it fail. */
export function FileChange({ found, file }: { found: Found; file: string }) {
  const { difference, also_applied: others, needs_restart: restart } = found;
  return (
    <>
      <h3>{t("will-be-written", { file })}</h3>
      <Difference lines={difference} />
      {others.length > 0 && <p class="warnings">{t("also-applied", { settings: others.join(", ") })}</p>}
      {restart.length > 0 && <p class="warnings">{t("needs-restart", { settings: restart.join(", ") })}</p>}
    </>
  );
}
