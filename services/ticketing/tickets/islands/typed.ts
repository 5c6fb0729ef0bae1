// What people type and scanners send, as plain capitals. Twin of ../typed.py; one list of spaces for both.

const SPACES = new Set(
  "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" +
    "\u200b\u200c\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff",
);

/** Return a text without spaces, full-width ASCII made plain and ASCII letters made capitals; nothing else. */
export function capitals(text: string): string {
  let plain = "";
  for (const character of text) {
    if (SPACES.has(character)) continue;
    let code = character.codePointAt(0) ?? 0;
    if (code >= 0xff01 && code <= 0xff5e) code -= 0xfee0;
    if (code >= 0x61 && code <= 0x7a) code -= 0x20;
    plain += String.fromCodePoint(code);
  }
  return plain;
}
