// Buttons that download a report as a file with all rows of the filter.
import { useState } from "preact/hooks";
import { problemText, showNotice } from "../shared/parts";
import type { Problem } from "../shared/server";
import { messageOf, t } from "../shared/words";

const FORMATS = ["csv", "xlsx", "pdf"];
const REVOKE_MS = 60_000;

/** Download a report with a filter. A refusal is shown as a notice. */
async function download(name: string, format: string, query: string): Promise<void> {
  const answer = await fetch(`/api/reports/${name}/file?${query}&format=${format}`, { cache: "no-store" }).catch(
    () => null,
  );
  if (!answer?.ok) {
    const refused: Problem = answer ? ((await answer.json()) as Problem) : { problem: "no-desk" };
    return showNotice(problemText(refused), true);
  }
  const file = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = file;
  link.download =
    /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? `${name}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(file), REVOKE_MS);
}

export function Files({ name, query }: { name: string; query: string }) {
  const [busy, setBusy] = useState("");
  return (
    <div class="row" role="group" aria-label={t("files-of", { report: messageOf(`report-${name}`) })}>
      {FORMATS.map((format) => (
        <button
          type="button"
          key={format}
          disabled={busy !== ""}
          aria-busy={busy === format}
          aria-label={t("download-as", { format: format.toUpperCase() })}
          onClick={() => {
            setBusy(format);
            void download(name, format, query).finally(() => setBusy(""));
          }}
        >
          <span aria-hidden="true">↓ </span>
          {format.toUpperCase()}
        </button>
      ))}
    </div>
  );
}
