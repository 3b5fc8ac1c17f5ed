// Runs in the audio thread: collects samples into frames of 20 ms, as 16-bit integers.
class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.next();
  }

  next() {
    this.frame = new Int16Array(Math.round(sampleRate / 50));
    this.filled = 0;
  }

  process([channels]) {
    for (const sample of channels[0] ?? []) {
      this.frame[this.filled] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
      this.filled += 1;
      if (this.filled === this.frame.length) {
        this.port.postMessage(this.frame.buffer, [this.frame.buffer]);
        this.next();
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
