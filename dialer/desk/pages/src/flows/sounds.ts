// Plays the sounds of prompts, one after another.
import { signal } from "@preact/signals";

/** Whether new prompts are played. */
export const isSoundOn = signal(true);
let player: HTMLAudioElement | undefined;

/** Play sounds by their names. Sounds that are still playing are stopped. */
export function playSounds(names: string[]): void {
  player?.pause();
  const [first, ...rest] = names;
  if (!first) return;
  player = new Audio(`/api/flows/sound?name=${encodeURIComponent(first)}`);
  player.onended = player.onerror = () => playSounds(rest);
  player.play().catch(() => {}); // it was stopped, or the browser plays no sound
}

/** Play the sounds of new prompts if the user wants to hear them. */
export const listenTo = (names: string[]): void => playSounds(isSoundOn.value ? names : []);
