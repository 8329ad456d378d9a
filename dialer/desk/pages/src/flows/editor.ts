// The text of a flow in CodeMirror. Its styles go into a shadow root: there CodeMirror uses constructed style sheets, which the
// pages' Content-Security-Policy allows, instead of style elements, which it forbids.
import { autocompletion, type CompletionContext, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { FlowProblem } from "../shared/wire";
import { serverText } from "../shared/words";
import { type Known, suggestAt } from "./complete";

const COLOURS = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.comment, color: "var(--quiet)", fontStyle: "italic" },
  { tag: [tags.string, tags.content], color: "var(--text)" },
  { tag: [tags.punctuation, tags.separator, tags.bracket], color: "var(--quiet)" },
]);
const THEME = EditorView.theme({
  "&": { fontSize: "0.85rem", backgroundColor: "var(--panel)", color: "var(--text)", height: "100%" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--page)", color: "var(--quiet)", borderColor: "var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 10%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 25%, transparent)",
  },
  // CodeMirror's own marks are images in data: addresses, which the Content-Security-Policy forbids.
  ".cm-lint-marker": { content: "normal", width: "auto" },
  ".cm-lint-marker-error::before": { content: '"▲"', color: "var(--bad)" },
  ".cm-lint-marker-warning::before": { content: '"●"', color: "var(--near)" },
  ".cm-lintRange": { backgroundImage: "none", textDecoration: "underline wavy var(--near)" },
  ".cm-lintRange-error": { textDecorationColor: "var(--bad)" },
  ".cm-tooltip": { backgroundColor: "var(--panel)", color: "var(--text)", border: "1px solid var(--quiet)" },
});

export interface FlowEditor {
  /** Show another text, unless it is shown already. */
  replaceText: (text: string) => void;
  showProblems: (problems: FlowProblem[]) => void;
  goToLine: (line: number) => void;
  close: () => void;
}

/** Show a text in an element. `more` are the extensions of a text that can be changed. */
export function openEditor(parent: HTMLElement, text: string, label: string, more: Extension): FlowEditor {
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: "open" });
  const createState = (doc: string) =>
    EditorState.create({
      doc,
      extensions: [
        lineNumbers(),
        lintGutter(),
        highlightActiveLine(),
        drawSelection(),
        yaml(),
        syntaxHighlighting(COLOURS),
        THEME,
        keymap.of(lintKeymap),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label, lang: "en", spellcheck: "false" }),
        more,
      ],
    });
  const view = new EditorView({ state: createState(text), parent: root, root });
  return {
    replaceText: (doc) => {
      if (doc !== view.state.doc.toString()) view.setState(createState(doc));
    },
    showProblems: (problems) => view.dispatch(setDiagnostics(view.state, problems.flatMap(convertToDiagnostic(view)))),
    goToLine: (line) => {
      const { from } = view.state.doc.line(Math.min(line, view.state.doc.lines));
      view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
      view.focus();
    },
    close: () => view.destroy(),
  };
}

/** Return a function that marks the line of a problem. Problems of other files have no line. */
const convertToDiagnostic =
  (view: EditorView) =>
  ({ level, line, text }: FlowProblem): Diagnostic[] => {
    if (line < 1 || line > view.state.doc.lines) return [];
    const { from, to } = view.state.doc.line(line);
    return [{ from, to, severity: level === "error" ? "error" : "warning", message: serverText(text) }];
  };

/** The extensions of a text that is only shown. */
export const READ_ONLY: Extension = EditorState.readOnly.of(true);

// A browser that replaces a selection gives the new text the look of the old one, with an inline style that the
// Content-Security-Policy forbids and reports.
const replaceSelectionWithoutStyle = EditorView.domEventHandlers({
  beforeinput: (event, view) => {
    if (event.inputType !== "insertText" || event.data === null || view.state.selection.main.empty) return false;
    view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
    return true;
  },
});

/** The extensions of a text that can be changed, with completion. `onChange` gets each new text. */
export const makeEditable = (known: () => Known, onChange: (text: string) => void): Extension => [
  history(),
  replaceSelectionWithoutStyle,
  autocompletion({
    override: [
      ({ state, pos, explicit }: CompletionContext) => {
        const found = suggestAt(state.doc.toString(), pos, known());
        return found && (explicit || found.from < pos) ? { ...found, validFor: /^[\w.*#-]*$/ } : null;
      },
    ],
  }),
  keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap]),
  EditorView.updateListener.of((update) => {
    if (update.docChanged) onChange(update.state.doc.toString());
  }),
];
