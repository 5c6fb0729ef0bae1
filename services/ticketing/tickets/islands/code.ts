// Ticket codes, MMJ scheme 1: reading and verifying. Twin of ../code.py, whose table says what each byte means.
// Pure: no DOM, no network, no clock. tests/vectors/ticket-code.json binds the two.
import * as noble from "@noble/ed25519";
import { capitals } from "./typed";

export interface TicketClaims {
  readonly keyId: number;
  readonly ticketId: string;
  readonly facility: number;
  readonly product: number;
  readonly category: number;
  readonly party: number;
  /** A day in Japan, YYYY-MM-DD. */
  readonly visitDate: string;
  /** The start of the visit in Japan's time, HH:MM; null for the whole day. */
  readonly slot: string | null;
}

export type MalformedReason =
  "not_a_ticket_code" | "unknown_scheme" | "wrong_length" | "not_base32" | "impossible_value";
export type ForgedReason = "bad_signature" | "malformed" | "unknown_key";

export interface Unverified {
  readonly kind: "unverified";
  readonly claims: TicketClaims;
  readonly payload: Bytes;
  readonly signature: Bytes;
}
export interface Malformed {
  readonly kind: "malformed";
  readonly reason: MalformedReason;
}
export type Reading = Unverified | Malformed;

export interface Genuine {
  readonly kind: "genuine";
  readonly claims: TicketClaims;
}
export interface Forged {
  readonly kind: "forged";
  readonly reason: ForgedReason;
}
export type Verdict = Genuine | Forged;

/** The public half of a signing key; see keys.py. `validFrom` is not asked: a gate's clock may be slow. */
export interface VerificationKey {
  readonly id: number;
  readonly publicKey: Bytes;
  readonly validUntil: Date | null;
  /** The facility numbers that it may vouch for. */
  readonly scope: ReadonlySet<number> | "all";
}

export type Bytes = Uint8Array<ArrayBuffer>;
export type SignatureCheck = (signature: Bytes, message: Bytes, key: VerificationKey) => Promise<boolean>;

const SCHEME = "MMJ1";
const DOMAIN = new TextEncoder().encode("momiji-ticket-code-1\0");
const EPOCH_MS = Date.UTC(2020, 0, 1);
const DAY_MS = 86_400_000;
const CLAIMS_BYTES = 26;
const CODE_CHARACTERS = 148;
const INPUT_CHARACTERS_MAX = 1024;
const DAY_MINUTES = 1440;
const WHOLE_DAY = 0x7ff;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Read a code without believing it; never throws. Forgives what code.py forgives. */
export function read(text: string): Reading {
  if (text.length > INPUT_CHARACTERS_MAX) return malformed("wrong_length");
  const whole = capitals(text);
  const code = whole.slice(Math.max(whole.lastIndexOf("/"), whole.lastIndexOf("="), whole.lastIndexOf("#")) + 1);
  if (!code.startsWith(SCHEME)) return malformed(/^MMJ[2-9]/.test(code) ? "unknown_scheme" : "not_a_ticket_code");
  if ([...code].length !== CODE_CHARACTERS) return malformed("wrong_length");
  const raw = fromBase32(code.slice(SCHEME.length));
  if (raw === null) return malformed("not_base32");
  const payload = raw.slice(0, CLAIMS_BYTES);
  const claims = claimsOf(payload);
  if (claims === null) return malformed("impossible_value");
  return { kind: "unverified", claims, payload, signature: raw.slice(CLAIMS_BYTES) };
}

/** Tell whether a code is one that we signed; never rejects. `keys` are by id. */
export async function verify(
  text: string,
  keys: ReadonlyMap<number, VerificationKey>,
  at: Date,
  check: SignatureCheck = checkSignature,
): Promise<Verdict> {
  const reading = read(text);
  return reading.kind === "malformed" ? forged("malformed") : verifyReading(reading, keys, at, check);
}

/** Tell whether a code that was read is one that we signed; never rejects. */
export async function verifyReading(
  reading: Unverified,
  keys: ReadonlyMap<number, VerificationKey>,
  at: Date,
  check: SignatureCheck = checkSignature,
): Promise<Verdict> {
  const { claims, payload, signature } = reading;
  const key = keys.get(claims.keyId);
  const believed =
    key !== undefined &&
    (key.validUntil === null || at.getTime() < key.validUntil.getTime()) &&
    (key.scope === "all" || key.scope.has(claims.facility));
  if (!believed) return forged("unknown_key");
  const message = new Uint8Array(DOMAIN.length + payload.length);
  message.set(DOMAIN);
  message.set(payload, DOMAIN.length);
  return (await check(signature, message, key)) ? { kind: "genuine", claims } : forged("bad_signature");
}

const imported = new WeakMap<VerificationKey, Promise<CryptoKey>>();

/** Check by WebCrypto: Chrome 137, Firefox 129, Safari 17 and later. Rejects where it is missing. */
export async function checkByWebCrypto(signature: Bytes, message: Bytes, key: VerificationKey): Promise<boolean> {
  let ready = imported.get(key);
  if (ready === undefined) {
    ready = crypto.subtle.importKey("raw", key.publicKey, "Ed25519", false, ["verify"]);
    imported.set(key, ready);
  }
  return crypto.subtle.verify("Ed25519", await ready, signature, message);
}

/** Check in plain JavaScript: some twenty times slower, and still unnoticed at a gate. */
export async function checkByNoble(signature: Bytes, message: Bytes, key: VerificationKey): Promise<boolean> {
  try {
    return await noble.verifyAsync(signature, message, key.publicKey, { zip215: false });
  } catch {
    return false; // the bytes of the key are no point of the curve
  }
}

/** Check by WebCrypto, or without it where the browser has no Ed25519 yet. */
export async function checkSignature(signature: Bytes, message: Bytes, key: VerificationKey): Promise<boolean> {
  try {
    return await checkByWebCrypto(signature, message, key);
  } catch {
    return checkByNoble(signature, message, key);
  }
}

function malformed(reason: MalformedReason): Malformed {
  return { kind: "malformed", reason };
}

function forged(reason: ForgedReason): Forged {
  return { kind: "forged", reason };
}

function fromBase32(text: string): Bytes | null {
  const bytes = new Uint8Array((text.length * 5) >> 3);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let index = 0; index < text.length; index += 1) {
    const value = BASE32.indexOf(text.charAt(index));
    if (value < 0) return null;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = held >> bits;
      at += 1;
    }
  }
  return bytes;
}

function claimsOf(payload: Bytes): TicketClaims | null {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const packed = (view.getUint8(23) << 16) | view.getUint16(24);
  const minutes = packed >> 13;
  const keyId = view.getUint8(0);
  const facility = view.getUint16(17);
  const product = view.getUint16(19);
  const party = packed & 0x7f;
  const timely = minutes < DAY_MINUTES || minutes === WHOLE_DAY;
  if (!timely || keyId === 0 || facility === 0 || product === 0 || party === 0) return null;
  const hex = [...payload.subarray(1, 17)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return {
    keyId,
    ticketId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    facility,
    product,
    category: (packed >> 7) & 0x3f,
    party,
    visitDate: new Date(EPOCH_MS + view.getUint16(21) * DAY_MS).toISOString().slice(0, 10),
    slot: minutes === WHOLE_DAY ? null : `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`,
  };
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
