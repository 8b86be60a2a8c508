// Samples of the microphone -> 16-bit pieces of 20 ms, in the thread of the sound.

class Pieces extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = Math.round(sampleRate / 50);
    this.piece = new Int16Array(this.size);
    this.filled = 0;
    this.loud = 0;
  }

  process([[samples]]) {
    if (!samples) return true;
    for (const sample of samples) {
      this.loud = Math.max(this.loud, Math.abs(sample));
      this.piece[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
      if (this.filled === this.size) this.give();
    }
    return true;
  }

  give() {
    this.port.postMessage({ samples: this.piece.buffer, loud: this.loud }, [this.piece.buffer]);
    this.piece = new Int16Array(this.size);
    this.filled = 0;
    this.loud = 0;
  }
}

registerProcessor("pieces", Pieces);
