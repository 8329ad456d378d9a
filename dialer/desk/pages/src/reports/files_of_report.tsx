// Buttons that download a report as a file with all rows of the filter.
import { useState } from "preact/hooks";
import { saveFile } from "../shared/download";
import { messageOf, t } from "../shared/words";

const FORMATS = ["csv", "xlsx", "pdf"];

/** Download a report with a filter. A refusal is shown as a notice. */
const download = (name: string, format: string, query: string) =>
  saveFile(fetch(`/api/reports/${name}/file?${query}&format=${format}`, { cache: "no-store" }), `${name}.${format}`);

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
