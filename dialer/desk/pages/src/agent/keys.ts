// Shortcuts of the page by key position, so that Hindi layouts and the numeric keypad work. Off in input fields.

import { star } from "./controls";
import { change, pendingOf } from "./drafts";
import { openKeyboardHelp } from "./keyboard_help";
import { dialPreview, pressPreviewDigit, shown, skipping } from "./manual_dialling";
import { callBackAt, confirm, correcting, current, digit, pendingDetail, step, undoLastEntry } from "./outcomes";

const DIGIT = /^(?:Digit|Numpad)([0-9])$/;
const FIELDS = "input, textarea, select, [contenteditable], dialog";
const BUTTONS = "button, a, summary, [role=button]";

/** The keys pressed after a star; null = no star was pressed. */
let starred: string | null = null;

export function listen(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing) return;
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest(FIELDS)) return;
    if (press(event, target)) event.preventDefault();
  });
}

/** Handle a key. Return whether it has a function here. */
function press(event: KeyboardEvent, target: Element | null): boolean {
  if (event.code === "NumpadMultiply" || (event.code === "Digit8" && event.shiftKey)) {
    starred = "";
    return true;
  }
  const number = event.shiftKey ? undefined : DIGIT.exec(event.code)?.[1];
  if (starred !== null) {
    const typed: string = starred + (number ?? "x");
    starred = star(typed) ? typed : null;
    return number !== undefined;
  }
  if (event.code === "Backspace" || event.code === "NumpadSubtract") {
    undoLastEntry();
    return true;
  }
  if (event.code === "Slash" && event.shiftKey) {
    openKeyboardHelp();
    return true;
  }
  const call = current();
  if (!call) return false;
  if (number !== undefined) {
    if (shown()?.attempt === call.attempt) pressPreviewDigit(call, number);
    else digit(call, number);
    return true;
  }
  if (event.code === "NumpadAdd" || (event.code === "Equal" && event.shiftKey)) {
    callBackAt(call, "call-back");
    return true;
  }
  if (event.code === "NumpadDivide" || (event.code === "Slash" && !event.shiftKey)) {
    callBackAt(call, "own-call-back");
    return true;
  }
  if (event.code === "Escape") {
    if (skipping.value) skipping.value = "";
    else if (pendingDetail.value) pendingDetail.value = null;
    else if (correcting.value) correcting.value = null;
    else return false;
    return true;
  }
  if (event.code === "Enter" || event.code === "NumpadEnter") {
    if (target?.closest(BUTTONS)) return false;
    if (shown()?.attempt === call.attempt) dialPreview();
    else confirm(call);
    return true;
  }
  if (target?.closest("[role=listbox], [role=radiogroup], .scrolls")) return false;
  if (event.code === "ArrowDown" || event.code === "ArrowUp") {
    if (pendingOf(call).length < 2) return false;
    step(call, event.code === "ArrowDown" ? 1 : -1);
    return true;
  }
  const letter = /^Key([A-Z])$/.exec(event.code)?.[1];
  const voter = letter && !event.shiftKey ? pendingOf(call)[letter.charCodeAt(0) - 65] : undefined;
  if (!voter || pendingOf(call).length < 2) return false;
  change(call, { chosen: voter.id });
  return true;
}
