// Passkeys: a key of the device in place of a password. The browser makes and keeps it; here its answers go to the desk.
import { ask, isProblem, type Problem } from "../shared/server";

/** Whether browser and address can have them: they are bound to a name, never to a number. */
export const offered =
  "PublicKeyCredential" in window && "parseRequestOptionsFromJSON" in PublicKeyCredential && !/^[\d.]+$|:/.test(location.hostname);

/** Have the browser answer what the desk asks, and send that; the problem, where there is one. */
async function answered(path: string, asking: Promise<Credential | null>): Promise<Problem | null> {
  try {
    const answer = await ask("POST", path, { credential: ((await asking) as PublicKeyCredential).toJSON() });
    return isProblem(answer) ? answer : null;
  } catch {
    return { problem: "passkey-none" }; // nothing was chosen, or it took too long
  }
}

export async function signIn(): Promise<Problem | null> {
  const options = await ask<PublicKeyCredentialRequestOptionsJSON>("POST", "/api/sign-in/challenge", {});
  if (isProblem(options)) return options;
  return answered("/api/sign-in/passkey", navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }));
}

export async function make(password: string): Promise<Problem | null> {
  const options = await ask<PublicKeyCredentialCreationOptionsJSON>("POST", "/api/passkeys/challenge", { password });
  if (isProblem(options)) return options;
  return answered("/api/passkeys", navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }));
}
