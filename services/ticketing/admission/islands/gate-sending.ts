// Sending scans: each keeps its number until the server has answered it, whatever happens to the network.

const ANSWER_MS_MAX = 4000;
const KEPT_MAX = 200;

export interface Scan {
  scan_id: string;
  code: string;
  scanned_at: string;
}

export interface Answer {
  scan_id: string;
  decision: "admit" | "refuse";
  reason: string;
  message: string;
  remaining: number | null;
  ticket: { category_name: string; product_name: string; order_number: string; slot: string | null } | null;
}

export type Sent =
  | { kind: "answered"; answer: Answer }
  | { kind: "away"; server: boolean }
  | { kind: "signed_out" }
  | { kind: "refused"; detail: string };

/** A UUIDv7 (RFC 9562 §5.7): sorted by time, as the server's own. */
export function newScanId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let time = Date.now();
  for (let at = 5; at >= 0; at -= 1) {
    bytes[at] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Send one scan once. */
export async function send(address: string, scan: Scan): Promise<Sent> {
  try {
    const answer = await fetch(address, {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(scan),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    if (answer.ok) return { kind: "answered", answer: (await answer.json()) as Answer };
    if (answer.status === 401) return { kind: "signed_out" };
    if (answer.status >= 500 || answer.status === 429) return { kind: "away", server: true };
    const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
    return { kind: "refused", detail: problem.detail ?? "" };
  } catch {
    return { kind: "away", server: false };
  }
}

/** The scans without an answer, kept on the device: a closed page or an ended sign-in loses none. */
export class Unsent {
  private readonly key: string;

  constructor(gate: string) {
    this.key = `momiji-unsent-${gate}`;
  }

  all(): Scan[] {
    try {
      return JSON.parse(localStorage.getItem(this.key) ?? "[]") as Scan[];
    } catch {
      return [];
    }
  }

  keep(scan: Scan): void {
    const others = this.all().filter((each) => each.scan_id !== scan.scan_id);
    this.write([...others, scan].slice(-KEPT_MAX));
  }

  done(scan: Scan): void {
    this.write(this.all().filter((each) => each.scan_id !== scan.scan_id));
  }

  private write(scans: Scan[]): void {
    try {
      localStorage.setItem(this.key, JSON.stringify(scans));
    } catch {
      // Without storage a scan lives as long as the page does.
    }
  }
}
