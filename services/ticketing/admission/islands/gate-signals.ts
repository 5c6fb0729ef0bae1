// What a clerk hears and feels: two sounds that nobody mixes up, even in a noisy hall.

let audio: AudioContext | null = null;

/** Allow sound; browsers want this to happen inside a tap or a key. */
export function unlockSound(): void {
  audio ??= new AudioContext();
  if (audio.state === "suspended") void audio.resume();
}

function tone(shape: OscillatorType, hertz: number, startSeconds: number, lengthSeconds: number, loudness: number): void {
  if (audio === null || audio.state !== "running") return;
  const start = audio.currentTime + startSeconds;
  const source = new OscillatorNode(audio, { type: shape, frequency: hertz });
  const volume = new GainNode(audio, { gain: 0 });
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(loudness, start + 0.01);
  volume.gain.setValueAtTime(loudness, start + lengthSeconds - 0.03);
  volume.gain.linearRampToValueAtTime(0, start + lengthSeconds);
  source.connect(volume).connect(audio.destination);
  source.start(start);
  source.stop(start + lengthSeconds);
}

/** Two short high notes going up. */
export function signalEnter(): void {
  tone("sine", 988, 0, 0.11, 0.5);
  tone("sine", 1319, 0.12, 0.2, 0.5);
  navigator.vibrate?.(80);
}

/** One long low buzz, twice. */
export function signalStop(): void {
  tone("sawtooth", 165, 0, 0.28, 0.6);
  tone("sawtooth", 131, 0.34, 0.4, 0.6);
  navigator.vibrate?.([250, 120, 250]);
}

/** One middle note: wait. */
export function signalWait(): void {
  tone("triangle", 440, 0, 0.16, 0.4);
  navigator.vibrate?.([60, 60, 60]);
}
