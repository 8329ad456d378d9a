// The sentence of an alert, in the reader's language.

import type { Alert, ShownAlert } from "../shared/wire";
import { has, messageOf } from "../shared/words";

/** Shows an alert's sentence. An alert of a newer dialler, for which there is no message, is shown as the dialler's English text. */
export function AlertText({ alert }: { alert: Alert | ShownAlert }) {
  const id = `alert-${alert.kind}`;
  return has(id) ? <span>{messageOf(id, alert.fields)}</span> : <span lang="en">{alert.text}</span>;
}
