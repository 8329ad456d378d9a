// The text of the opened flow with its mistakes at their lines. The editor is loaded when a flow is opened.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { isProblem } from "../shared/server";
import { t } from "../shared/words";
import type { FlowEditor } from "./editor";
import { check, text } from "./state";

const editor = signal<FlowEditor | null>(null);

/** Put the cursor on a line of the text. */
export const goToLine = (line: number): void => editor.value?.goToLine(line);

export function FlowText() {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let isOpen = true;
    void import("./editor").then(({ openEditor, READ_ONLY }) => {
      if (isOpen && box.current) editor.value = openEditor(box.current, text.value, t("flow-text-label"), READ_ONLY);
    });
    return () => {
      isOpen = false;
      editor.value?.close();
      editor.value = null;
    };
  }, []);
  const found = check.value;
  const shown = editor.value;
  useEffect(() => {
    if (shown && found && !isProblem(found)) shown.showProblems(found.problems);
  }, [shown, found]);
  return <div class="editor" ref={box} />;
}
