// The phone in the page: SIP over the desk's own WebSocket, voice from the browser to Asterisk. The desk rings it once an agent has
// signed in, it answers by itself and stays on the line; between voters it is silent.
import { effect, signal } from "@preact/signals";
import type { UA, WebSocketInterface } from "jssip";
import type { DisconnectEvent, IncomingRTCSessionEvent, UnRegisteredEvent } from "jssip/lib/UA";
import type { RTCSession } from "jssip/lib/RTCSession";
import { ask, isProblem } from "../shared/server";
import { stateOf } from "./state";

export interface Phone {
  state: "off" | "asking" | "registering" | "ready" | "on-call" | "lost" | "refused";
  /**
   * A word: of "refused" microphone-refused, no-microphone, microphone-busy, not-secure, taken, signed-out, not-registered or the
   * desk's own; of "lost" no-desk; beside "on-call" no-desk too (the voice goes on) or microphone-gone.
   */
  problem: string | null;
}
export interface Device {
  id: string;
  label: string;
}

export const phone = signal<Phone>({ state: "off", problem: null });
export const muted = signal(false);
/** How loud the microphone is, 0 to 1. */
export const level = signal(0);
export const devices = signal<{ microphones: Device[]; speakers: Device[] }>({ microphones: [], speakers: [] });
/** The devices that were chosen, by id; "": the browser's own choice. */
export const chosen = signal({ microphone: stored("microphone"), speaker: stored("speaker") });

const TAKEN = 4409; // the desk's words for a socket that it closes for good (dialer/desk/agents/phone.py)
const SIGNED_OUT = 4401;
const AGAIN_MILLISECONDS = 3000;
const LEVEL_MILLISECONDS = 100;
const ECHO_MILLISECONDS = 10_000;
const HEARD = 0.02; // of the level: above the noise of a quiet line
const PEER = { iceServers: [] }; // none at all: one that cannot be reached costs ten seconds and more

let ua: UA | null = null;
let socket: WebSocketInterface | null = null;
let call: RTCSession | null = null;
let echo: RTCSession | null = null;
let microphone: MediaStream | null = null;
let meter: Meter | null = null;
let started = 0; // a number for each start, so that what an earlier one waited for changes nothing
const speaker = new Audio();
const echoSpeaker = new Audio();

/** Ask for the microphone, register, and answer the desk. Again: begin anew. Never throws: `phone` says how it stands. */
export async function startPhone(): Promise<void> {
  stopPhone();
  const mine = started;
  say("asking");
  const stream = await open();
  if (mine !== started) return stream instanceof MediaStream ? close(stream) : undefined;
  if (!(stream instanceof MediaStream)) return say("refused", stream);
  use(stream);
  void listDevices();
  say("registering");
  const [given, sip] = await Promise.all([ask<{ uri: string; password: string; ws: string }>("POST", "/api/agent/phone", {}), import("jssip")]);
  if (mine !== started) return;
  if (isProblem(given)) return say(given.problem === "no-desk" ? "lost" : "refused", given.problem);
  socket = new sip.WebSocketInterface(location.origin.replace(/^http/, "ws") + given.ws);
  ua = new sip.UA({
    sockets: [socket],
    uri: given.uri,
    password: given.password,
    contact_uri: `${given.uri.split("@")[0]}@${crypto.randomUUID().slice(0, 8)}.invalid;transport=ws`,
    register_expires: 300,
    session_timers: false,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 8,
    user_agent: "Matdan",
  });
  ua.on("registered", () => stands(null));
  ua.on("registrationFailed", (event: UnRegisteredEvent) => {
    if (event.response) return refuse("not-registered");
    stands("no-desk");
    setTimeout(() => mine === started && ua?.isConnected() && ua.register(), AGAIN_MILLISECONDS);
  });
  ua.on("disconnected", (event: DisconnectEvent) => {
    if (event.code === TAKEN) refuse("taken");
    else if (event.code === SIGNED_OUT) refuse("signed-out");
    else stands("no-desk");
  });
  ua.on("newRTCSession", (event: IncomingRTCSessionEvent | { originator: "local"; session: RTCSession }) => {
    if (event.originator !== "local") answer(event.session);
  });
  ua.start();
}

/** Hang up and be no phone any more. */
export function stopPhone(): void {
  started += 1;
  echo?.terminate();
  const former = ua;
  ua = call = echo = null;
  if (socket) socket.connect = () => undefined; // JsSIP would open it once more, and take the phone from the page that has it now
  former?.stop(); // with a BYE to each call, and unregistered: the dialler knows at once
  meter?.close();
  meter = null;
  if (microphone) close(microphone);
  microphone = null;
  level.value = 0;
  if (phone.value.state !== "off") say("off");
}

// A page that goes tells so; one that is killed is missed by what it does not send. Where a voter is, or comes, it goes without a
// word: a page that is reloaded takes the place of the call that is left, and the voter stays.
const ALONE = ["ready", "paused", "wrap-up", "lost", "offline"];
addEventListener("pagehide", () => ALONE.includes(stateOf()) && stopPhone());

function refuse(problem: string): void {
  stopPhone();
  say("refused", problem);
}

function say(state: Phone["state"], problem: string | null = null): void {
  phone.value = { state, problem };
}

/** After any change: on the line or not, whatever the socket does. */
function stands(problem: string | null): void {
  if (!ua) return;
  if (call) say("on-call", problem);
  else if (ua.isRegistered()) say("ready");
  else say("lost", problem ?? "no-desk");
}

// Calls

function answer(session: RTCSession): void {
  const former = call; // of whose end nothing was heard: the desk rings only who is not on the line
  call = session;
  follow(session, speaker, () => {
    if (call !== session) return;
    call = null;
    stands(null);
  });
  session.on("confirmed", () => stands(null));
  session.answer({ mediaStream: microphone!, pcConfig: PEER });
  if (former && !former.isEnded()) former.terminate();
}

function follow(session: RTCSession, heardBy: HTMLAudioElement, over: () => void): void {
  const hear = (peer: RTCPeerConnection) =>
    peer.addEventListener("track", ({ track }) => {
      heardBy.srcObject = new MediaStream([track]);
      void heardBy.play().catch(() => undefined); // a page that has the microphone may play without a click
    });
  session.on("peerconnection", ({ peerconnection }) => hear(peerconnection));
  if (session.connection) hear(session.connection);
  session.on("icecandidate", ({ ready }) => ready()); // the first of this machine's addresses will do: Asterisk learns the rest
  session.on("ended", over);
  session.on("failed", over);
}

/** Speak and hear yourself, through Asterisk and back. Rejects with "no-echo" where nothing came in ten seconds, with "not-ready". */
export function checkEcho(): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!ua?.isRegistered() || !microphone || echo) return reject(new Error("not-ready"));
    let heard: Meter | null = null;
    let came = false;
    const session = (echo = ua.call("echo", { mediaStream: microphone, pcConfig: PEER }));
    const timer = setTimeout(() => session.terminate(), ECHO_MILLISECONDS);
    follow(session, echoSpeaker, () => {
      clearTimeout(timer);
      heard?.close();
      echo = null;
      if (came) resolve();
      else reject(new Error("no-echo"));
    });
    session.on("confirmed", () => {
      heard = new Meter(echoSpeaker.srcObject as MediaStream, (loud) => {
        if (loud < HEARD || came) return;
        came = true;
        setTimeout(() => !session.isEnded() && session.terminate(), AGAIN_MILLISECONDS); // and be heard for a while
      });
    });
  });
}

// The microphone. Its track is never stopped while it is sent: a phone from which nothing comes is given up.

effect(() => {
  const on = !muted.value;
  for (const track of microphone?.getTracks() ?? []) track.enabled = on;
});

async function open(): Promise<MediaStream | string> {
  if (!navigator.mediaDevices) return "not-secure";
  const id = chosen.peek().microphone;
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: id ? { deviceId: { ideal: id } } : true });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    return { NotFoundError: "no-microphone", NotReadableError: "microphone-busy" }[name] ?? "microphone-refused";
  }
}

function use(stream: MediaStream): void {
  const former = microphone;
  microphone = stream;
  const track = stream.getAudioTracks()[0]!;
  track.enabled = !muted.peek();
  track.onended = () => void replace(); // it was unplugged
  for (const session of [call, echo]) void session?.connection?.getSenders()[0]?.replaceTrack(track);
  meter?.close();
  meter = new Meter(stream, (loud) => (level.value = track.enabled ? loud : 0));
  if (former) close(former);
}

async function replace(): Promise<void> {
  if (!microphone) return;
  const mine = started;
  const stream = await open();
  if (mine !== started) return stream instanceof MediaStream ? close(stream) : undefined;
  if (stream instanceof MediaStream) use(stream);
  else phone.value = { ...phone.value, problem: "microphone-gone" };
}

function close(stream: MediaStream): void {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
}

export async function useMicrophone(id: string): Promise<void> {
  choose("microphone", id);
  await replace();
}

export async function useSpeaker(id: string): Promise<void> {
  choose("speaker", id);
  await Promise.all([speaker, echoSpeaker].map((each) => each.setSinkId?.(id)));
}

async function listDevices(): Promise<void> {
  const all = await navigator.mediaDevices.enumerateDevices();
  const of = (kind: string) => all.filter((each) => each.kind === kind).map(({ deviceId, label }) => ({ id: deviceId, label }));
  devices.value = { microphones: of("audioinput"), speakers: of("audiooutput") };
  const { speaker: id } = chosen.peek();
  if (id && devices.value.speakers.some((each) => each.id === id)) await useSpeaker(id);
}
navigator.mediaDevices?.addEventListener("devicechange", () => void (microphone && listDevices()));

function choose(what: "microphone" | "speaker", id: string): void {
  chosen.value = { ...chosen.peek(), [what]: id };
  try {
    localStorage.setItem(`phone-${what}`, id);
  } catch {
    // for this page alone, then
  }
}

function stored(what: string): string {
  try {
    return localStorage.getItem(`phone-${what}`) ?? "";
  } catch {
    return "";
  }
}

/** Tells how loud a stream is, 0 to 1, ten times a second while the page is seen. */
class Meter {
  private readonly context = new AudioContext();
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(stream: MediaStream, told: (loud: number) => void) {
    const analyser = this.context.createAnalyser();
    this.context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, each) => sum + each * each, 0) / samples.length;
      told(Math.min(1, Math.sqrt(power) * 4)); // speech close to a microphone has some 0.1 to 0.25
    }, LEVEL_MILLISECONDS);
  }

  close(): void {
    clearInterval(this.timer);
    void this.context.close();
  }
}
