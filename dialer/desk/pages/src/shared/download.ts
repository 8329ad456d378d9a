// Saving a file that the desk sends.
import { problemText, showNotice } from "./parts";
import type { Problem } from "./server";

const REVOKE_MS = 60_000;

/** Save the file of an answer under a name: the one in its headers, or `name`. A refusal is shown as a notice. */
export async function saveFile(asked: Promise<Response>, name: string): Promise<void> {
  const answer = await asked.catch(() => null);
  if (!answer?.ok) {
    const refused: Problem = answer ? ((await answer.json()) as Problem) : { problem: "no-desk" };
    return showNotice(problemText(refused), true);
  }
  const file = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = file;
  link.download = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(file), REVOKE_MS);
}
