import assert from "node:assert/strict";
import { test } from "node:test";
import vectors from "../../vectors/ticket-code.json";
import {
  checkByNoble,
  checkByWebCrypto,
  checkSignature,
  read,
  verify,
  type SignatureCheck,
  type VerificationKey,
} from "../../../services/ticketing/tickets/islands/code";
import { readNumber } from "../../../services/ticketing/tickets/islands/number";

const AT = new Date(vectors.at);
const KEYS = new Map(
  vectors.keys.map((key): [number, VerificationKey] => [
    key.id,
    {
      id: key.id,
      publicKey: Uint8Array.from(key.public_key.match(/../g) ?? [], (byte) => parseInt(byte, 16)),
      validUntil: key.valid_until === null ? null : new Date(key.valid_until),
      scope: Array.isArray(key.scope) ? new Set(key.scope) : "all",
    },
  ]),
);
const CHECKS: Record<string, SignatureCheck> = { checkByNoble, checkByWebCrypto, checkSignature };

for (const vector of vectors.codes) {
  test(`reads as written: ${vector.name}`, () => {
    const reading = read(vector.text);
    assert.equal(reading.kind === "malformed" ? reading.reason : null, vector.malformed);
    if (reading.kind === "malformed") return;
    const { keyId, ticketId, visitDate, ...same } = reading.claims;
    assert.deepEqual({ key_id: keyId, ticket_id: ticketId, visit_date: visitDate, ...same }, vector.claims);
  });
  for (const [name, check] of Object.entries(CHECKS)) {
    test(`${name} verifies as written: ${vector.name}`, async () => {
      const verdict = await verify(vector.text, KEYS, AT, check);
      assert.equal(verdict.kind === "forged" ? verdict.reason : "genuine", vector.verdict);
    });
  }
}

for (const vector of vectors.order_numbers) {
  test(`reads the order number ${JSON.stringify(vector.text.slice(0, 20))}`, () => {
    assert.equal(readNumber(vector.text), vector.number);
  });
}

test("without Ed25519 in the browser, codes are verified all the same", async (context) => {
  context.mock.method(crypto.subtle, "importKey", () => Promise.reject(new DOMException("no", "NotSupportedError")));
  const keys = new Map([...KEYS].map(([id, key]) => [id, { ...key }]));
  const [good] = vectors.codes;
  assert.ok(good);
  assert.equal((await verify(good.text, keys, AT)).kind, "genuine");
});

test("a key that is no point of the curve believes nothing", async () => {
  const [good] = vectors.codes;
  assert.ok(good);
  const key: VerificationKey = { id: 1, publicKey: new Uint8Array(32).fill(255), validUntil: null, scope: "all" };
  assert.deepEqual(await verify(good.text, new Map([[1, key]]), AT), { kind: "forged", reason: "bad_signature" });
});

test("no text makes reading throw", () => {
  for (let length = 0; length < 200; length += 1) {
    const text = Array.from({ length }, (_, at) => String.fromCharCode((length * 7919 + at * 104_729) & 0xffff)).join("");
    assert.equal(read(text).kind, "malformed");
    assert.equal(read("MMJ1" + text).kind, "malformed");
    assert.equal(readNumber(text), null);
  }
});
