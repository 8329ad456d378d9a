// The text of the opened flow with its mistakes at their lines. The editor is loaded when a flow is opened.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { isProblem } from "../shared/server";
import { t } from "../shared/words";
import type { Known } from "./complete";
import type { FlowEditor } from "./editor";
import { changeText, check, isEditable, page, text } from "./state";

const editor = signal<FlowEditor | null>(null);

/** Put the cursor on a line of the text. */
export const goToLine = (line: number): void => editor.value?.goToLine(line);

/** Return what the editor can suggest at this site. */
function known(): Known {
  const shown = page.peek();
  if (!shown || isProblem(shown)) return { schema: {}, kinds: [], texts: [], flows: [] };
  return {
    schema: shown.flow_schema as Known["schema"],
    kinds: shown.node_kinds,
    texts: shown.text_keys,
    flows: shown.flows.map((each) => each.name),
  };
}

export function FlowText() {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let isOpen = true;
    void import("./editor").then(({ openEditor, makeEditable, READ_ONLY }) => {
      if (!isOpen || !box.current) return;
      const more = isEditable.peek() ? makeEditable(known, changeText) : READ_ONLY;
      editor.value = openEditor(box.current, text.peek(), t("flow-text-label"), more);
    });
    return () => {
      isOpen = false;
      editor.value?.close();
      editor.value = null;
    };
  }, []);
  const found = check.value;
  const [shown, written] = [editor.value, text.value];
  // The newest text: while somebody types fast, the rendered one is older than the editor's.
  useEffect(() => shown?.replaceText(text.peek()), [shown, written]);
  useEffect(() => {
    if (shown && found && !isProblem(found)) shown.showProblems(found.problems);
  }, [shown, found]);
  return <div class="editor" ref={box} />;
}
