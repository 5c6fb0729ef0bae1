// Order numbers and the character that finds typing errors. Twin of ../number.py, which explains the mathematics.
import { capitals } from "./typed";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS = 10;
const INPUT_CHARACTERS_MAX = 64;
const HYPHENS = new Set("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\uff70\ufe63_.");
const MISTAKEN: Readonly<Record<string, string>> = { O: "0", I: "1", L: "1" };

/** Return an order number in its written form `XXXXX-XXXXX`, or null if it is none or was mistyped. */
export function readNumber(text: string): string | null {
  if (text.length > INPUT_CHARACTERS_MAX) return null;
  let plain = "";
  for (const character of capitals(text)) {
    if (!HYPHENS.has(character)) plain += MISTAKEN[character] ?? character;
  }
  const values = [...plain].map((character) => ALPHABET.indexOf(character));
  if (values.length !== CHARACTERS || values.includes(-1)) return null;
  const last = values.pop();
  return checkValue(values) === last ? `${plain.slice(0, 5)}-${plain.slice(5)}` : null;
}

/** Return the check value (0 to 31) of nine values. */
export function checkValue(values: readonly number[]): number {
  return values.reduce((total, value) => doubled(total ^ value), 0);
}

function doubled(value: number): number {
  const twice = value << 1; // in the field of 32 elements, by x^5 + x^2 + 1
  return twice & 0b100000 ? twice ^ 0b100101 : twice;
}
