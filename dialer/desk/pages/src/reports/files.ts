// Files of a report: they have all rows of the filter.
import { problemText, showNotice } from "../shared/parts";
import type { Problem } from "../shared/server";
import { query } from "./filter";

export const FORMATS = ["csv", "xlsx", "pdf"];
const REVOKE_MS = 60_000;

/** Download a report with the present filter. A refusal is shown as a notice. */
export async function download(name: string, format: string): Promise<void> {
  const answer = await fetch(`/api/reports/${name}/file?${query.value}&format=${format}`, { cache: "no-store" }).catch(
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
