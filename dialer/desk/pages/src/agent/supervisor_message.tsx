// A supervisor's message, shown until the agent has read it.
import { showNotice } from "../shared/parts";
import { clock, t } from "../shared/words";
import { command } from "./entries";
import { seat } from "./state";

async function read(at: number): Promise<void> {
  if (!(await command(crypto.randomUUID(), "seat-message-read", { message_at: at })))
    showNotice(t("seat-command-unanswered"), true);
}

export function Line() {
  const line = seat()?.message;
  return (
    <div role="status" class={line ? "line" : "unseen"}>
      {line && (
        <>
          <b>{t("message-from", { sender: line.sender, at: clock(line.at) })}</b> <bdi>{line.text}</bdi>
          <button type="button" onClick={() => void read(line.at)}>
            {t("message-mark-read")}
          </button>
        </>
      )}
    </div>
  );
}
