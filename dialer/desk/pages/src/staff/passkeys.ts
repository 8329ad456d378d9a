// Passkeys: a key on the device instead of a password. The browser creates and stores it; this module sends its answers to the desk.
import { ask, isProblem, type Problem } from "../shared/server";

/** Whether browser and address support passkeys, which are bound to a host name, not to an IP address. */
export const offered =
  "PublicKeyCredential" in window &&
  "parseRequestOptionsFromJSON" in PublicKeyCredential &&
  !/^[\d.]+$|:/.test(location.hostname);

/** Let the browser answer the desk's challenge and send the answer. Return the problem, or null. */
async function answered(path: string, asking: Promise<Credential | null>): Promise<Problem | null> {
  try {
    const answer = await ask("POST", path, { credential: ((await asking) as PublicKeyCredential).toJSON() });
    return isProblem(answer) ? answer : null;
  } catch {
    return { problem: "passkey-none" }; // no passkey was chosen, or it took too long
  }
}

export async function signIn(): Promise<Problem | null> {
  const options = await ask<PublicKeyCredentialRequestOptionsJSON>("POST", "/api/sign-in/challenge", {});
  if (isProblem(options)) return options;
  return answered(
    "/api/sign-in/passkey",
    navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
  );
}

export async function make(password: string): Promise<Problem | null> {
  const options = await ask<PublicKeyCredentialCreationOptionsJSON>("POST", "/api/passkeys/challenge", { password });
  if (isProblem(options)) return options;
  return answered(
    "/api/passkeys",
    navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
  );
}
