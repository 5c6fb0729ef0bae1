// The camera: frames go to the worker one at a time; what it sees comes back as text or null.
import type { FromWorker, ToWorker } from "./gate-worker";

const FRAME_WIDTH_MAX = 1024; // Enough for a code of a fifth of the picture's height; more only costs time.
const FRAME_GAP_MS = 60;

export type CameraProblem = "camera_denied" | "camera_none" | "camera_busy" | "camera_insecure";

export class Camera {
  private stream: MediaStream | null = null;
  private worker: Worker | null = null;
  private reading = false;
  private devices: string[] = [];
  private device: string | null = null;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly sources: { worker: string; wasm: string },
    private readonly seen: (text: string | null) => void,
  ) {}

  get running(): boolean {
    return this.stream !== null && this.stream.active;
  }

  get several(): boolean {
    return this.devices.length > 1;
  }

  async start(): Promise<CameraProblem | null> {
    if (!navigator.mediaDevices?.getUserMedia) return "camera_insecure";
    this.stop();
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: {
          ...(this.device ? { deviceId: { exact: this.device } } : { facingMode: { ideal: "environment" } }),
          width: { ideal: 1280 },
          height: { ideal: 720 },
        },
      });
    } catch (problem) {
      return Camera.problemOf(problem);
    }
    this.video.srcObject = this.stream;
    await this.video.play().catch(() => undefined);
    const listed = await navigator.mediaDevices.enumerateDevices();
    this.devices = listed.filter((each) => each.kind === "videoinput").map((each) => each.deviceId);
    this.openWorker();
    void this.loop(this.stream);
    return null;
  }

  stop(): void {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  async next(): Promise<CameraProblem | null> {
    const now = this.track()?.getSettings().deviceId ?? "";
    this.device = this.devices[(this.devices.indexOf(now) + 1) % this.devices.length] ?? null;
    return this.start();
  }

  get hasTorch(): boolean {
    const can = this.track()?.getCapabilities?.() as (MediaTrackCapabilities & { torch?: boolean }) | undefined;
    return can?.torch === true;
  }

  async torch(on: boolean): Promise<void> {
    await this.track()?.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] });
  }

  private track(): MediaStreamTrack | undefined {
    return this.stream?.getVideoTracks()[0];
  }

  private static problemOf(problem: unknown): CameraProblem {
    const name = problem instanceof DOMException ? problem.name : "";
    if (name === "NotAllowedError" || name === "SecurityError") return "camera_denied";
    if (name === "NotReadableError" || name === "AbortError") return "camera_busy";
    return "camera_none";
  }

  private openWorker(): void {
    if (this.worker !== null) return;
    this.worker = new Worker(this.sources.worker);
    this.worker.addEventListener("message", (event: MessageEvent<FromWorker>) => {
      this.reading = false;
      if (event.data.kind === "seen") this.seen(event.data.text);
      else if (event.data.kind === "broken") console.warn("gate worker:", event.data.problem);
    });
    this.worker.addEventListener("error", () => {
      // A worker that died must not leave a dead scanner behind: the next frame opens another one.
      this.worker?.terminate();
      this.worker = null;
      this.reading = false;
    });
    this.reading = true; // Until it says that it is ready.
    this.say({ kind: "open", wasm: new URL(this.sources.wasm, location.href).href });
  }

  private say(message: ToWorker, transfer: Transferable[] = []): void {
    this.worker?.postMessage(message, transfer);
  }

  private async loop(mine: MediaStream): Promise<void> {
    while (this.stream === mine && mine.active) {
      await new Promise((done) => setTimeout(done, FRAME_GAP_MS));
      if (this.reading || document.hidden || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) continue;
      this.openWorker();
      if (this.reading) continue;
      const { videoWidth: width, videoHeight: height } = this.video;
      if (width === 0) continue;
      const scale = Math.min(1, FRAME_WIDTH_MAX / width);
      try {
        const size = { resizeWidth: Math.round(width * scale), resizeHeight: Math.round(height * scale) };
        const frame = await createImageBitmap(this.video, size);
        this.reading = true;
        this.say({ kind: "frame", frame }, [frame]);
      } catch {
        this.reading = false; // The camera was between two pictures.
      }
    }
  }
}
