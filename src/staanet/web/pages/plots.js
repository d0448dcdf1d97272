// The drawings: the waveform with its changed samples, and spectrograms on the same time axis, which can be zoomed.

const LEFT = 52;
const BOTTOM = 20;

const colours = () => {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return Object.fromEntries(["ink", "soft", "line", "well", "changed", "quiet"].map((name) => [name, colour(name)]));
};

/** Prepare a canvas for the pixels of the screen, and return its context with width and height in CSS pixels. */
function prepared(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "11px system-ui, sans-serif";
  return { context, width, height };
}

function ticks(from, to, most) {
  const rough = (to - from) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const found = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) found.push(tick);
  return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

function timeAxis(context, width, height, view, palette) {
  const { found, digits } = ticks(view.from, view.to, Math.max(3, (width - LEFT) / 90));
  context.fillStyle = palette.soft;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  for (const tick of found) {
    const x = LEFT + ((tick - view.from) / (view.to - view.from)) * (width - LEFT);
    if (x > width - 26 || x < LEFT + 6) continue;
    context.fillText(`${tick.toFixed(digits)} s`, x, height - 6);
  }
}

/** Draw samples as the range of each column of pixels, or as a line with dots where single samples can be told apart. */
function drawSamples(context, samples, view, rate, lane, scale, colour, keep = () => true) {
  const first = Math.max(0, Math.floor(view.from * rate));
  const last = Math.min(samples.length, Math.ceil(view.to * rate) + 1);
  const perPixel = ((view.to - view.from) * rate) / lane.width;
  const middle = lane.top + lane.height / 2;
  const y = (value) => middle - (value * scale * lane.height) / 2;
  context.fillStyle = context.strokeStyle = colour;
  if (perPixel < 0.25) {
    for (let place = first; place < last; place++) {
      if (!keep(place)) continue;
      const x = LEFT + ((place / rate - view.from) / (view.to - view.from)) * lane.width;
      if (x < LEFT) continue;
      const top = y(samples[place]);
      context.fillRect(x - 0.75, Math.min(top, middle), 1.5, Math.abs(top - middle));
      context.beginPath();
      context.arc(x, top, 2.6, 0, 7);
      context.fill();
    }
    return;
  }
  for (let column = 0; column < lane.width; column++) {
    const begin = Math.max(0, Math.floor(view.from * rate + column * perPixel));
    const end = Math.min(samples.length, Math.max(begin + 1, Math.floor(view.from * rate + (column + 1) * perPixel)));
    let low = Infinity;
    let high = -Infinity;
    for (let place = begin; place < end; place++) {
      if (!keep(place)) continue;
      if (samples[place] < low) low = samples[place];
      if (samples[place] > high) high = samples[place];
    }
    if (low <= high) context.fillRect(LEFT + column, y(high), 1, Math.max(1, y(low) - y(high)));
  }
}

function peak(samples) {
  let largest = 0;
  for (const sample of samples) largest = Math.max(largest, Math.abs(sample));
  return largest;
}

/** Everything that shares one time axis. */
export class Plots {
  constructor(wave, pictures, player) {
    Object.assign(this, { wave, pictures, player, clip: null, spectrogram: null, images: {} });
    this.view = { from: 0, to: 1 };
    new ResizeObserver(() => this.draw()).observe(wave);
    for (const canvas of Object.values(pictures)) new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    this.listen();
  }

  /** Show a clip, and its change if there is one; both hold samples at the same rate. */
  show(samples, rate, change = null, spectrogram = null) {
    this.clip = { samples, rate, change, seconds: samples.length / rate, peak: peak(samples) || 1 };
    if (change) {
      this.clip.changePeak = peak(change);
      this.clip.attacked = samples.map((sample, place) => sample + change[place]);
    }
    this.spectrogram = spectrogram;
    this.view = { from: 0, to: this.clip.seconds };
    this.paint();
  }

  /** Paint the spectrograms once; they are only stretched afterwards. */
  paint() {
    this.images = {};
    if (this.spectrogram) {
      const well = rgb(colours().well);
      for (const name of ["before", "after", "difference"]) {
        this.images[name] = image(this.spectrogram, this.spectrogram[name], name === "difference" ? diverging(well) : LEVELS);
      }
    }
    this.draw();
  }

  draw() {
    if (!this.clip || !this.wave.offsetParent) return;
    const palette = colours();
    this.drawWave(palette);
    for (const [name, canvas] of Object.entries(this.pictures)) {
      if (this.images[name] && canvas.offsetParent) this.drawPicture(canvas, this.images[name], palette);
    }
  }

  drawWave(palette) {
    const { context, width, height } = prepared(this.wave);
    const { samples, rate, change, changePeak, attacked } = this.clip;
    const inner = width - LEFT;
    const upper = change ? (height - BOTTOM) * 0.62 : height - BOTTOM;
    const lanes = [{ top: 6, height: upper - 12, width: inner }];
    const scale = 1 / this.clip.peak;
    const moved = (place) => change[place] !== 0;
    drawSamples(context, samples, this.view, rate, lanes[0], scale, palette.quiet);
    this.label(context, "clip", this.clip.peak, lanes[0], palette);
    if (change) {
      const few = this.sparse;
      if (few) drawSamples(context, attacked, this.view, rate, lanes[0], scale, palette.changed, moved);
      lanes.push({ top: upper + 6, height: height - BOTTOM - upper - 10, width: inner });
      context.fillStyle = palette.line;
      context.fillRect(LEFT, upper, inner, 1);
      drawSamples(context, change, this.view, rate, lanes[1], changePeak ? 1 / changePeak : 0, palette.changed, moved);
      this.label(context, "change", changePeak, lanes[1], palette);
    }
    timeAxis(context, width, height, this.view, palette);
    this.drawPosition(context, width, height - BOTTOM, palette);
  }

  /** Whether so few samples changed that they can be marked in the waveform without hiding it. */
  get sparse() {
    const { change } = this.clip;
    this.clip.share ??= change.reduce((count, value) => count + (value !== 0), 0) / change.length;
    return this.clip.share < 0.5 || (this.view.to - this.view.from) * this.clip.rate < 400;
  }

  label(context, name, largest, lane, palette) {
    context.fillStyle = palette.soft;
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillText(name, 4, lane.top);
    context.fillText(largest ? `±${+largest.toPrecision(2)}` : "0", 4, lane.top + 13);
  }

  drawPicture(canvas, picture, palette) {
    const { context, width, height } = prepared(canvas);
    const { frames, seconds_per_frame: step, marks } = this.spectrogram;
    const inner = height - BOTTOM;
    context.imageSmoothingEnabled = (this.view.to - this.view.from) / step > 40;
    const from = this.view.from / step;
    const count = (this.view.to - this.view.from) / step;
    context.drawImage(picture, from, 0, Math.min(count, frames - from), picture.height, LEFT, 0, width - LEFT, inner);
    context.fillStyle = palette.soft;
    context.textAlign = "right";
    context.textBaseline = "middle";
    let last = Infinity;
    for (const { hertz, height: share } of marks) {
      const y = inner * (1 - share);
      if (last - y < 14 || y < 8) continue;
      context.fillText(hertz < 1000 ? `${hertz} Hz` : `${hertz / 1000} kHz`, LEFT - 5, y);
      context.fillRect(LEFT - 3, y - 0.5, 3, 1);
      last = y;
    }
    timeAxis(context, width, height, this.view, palette);
    this.drawPosition(context, width, inner, palette);
  }

  drawPosition(context, width, height, palette) {
    const position = this.player();
    if (position === null || position < this.view.from || position > this.view.to) return;
    const x = LEFT + ((position - this.view.from) / (this.view.to - this.view.from)) * (width - LEFT);
    context.fillStyle = palette.ink;
    context.fillRect(x - 0.75, 0, 1.5, height);
  }

  /** Zoom by a factor around a time, or move; the view never leaves the clip. */
  zoom(factor, around = (this.view.from + this.view.to) / 2) {
    if (!this.clip) return;
    const { seconds, rate } = this.clip;
    const span = Math.min(seconds, Math.max(24 / rate, (this.view.to - this.view.from) * factor));
    const share = (around - this.view.from) / (this.view.to - this.view.from);
    this.move(around - share * span, span);
  }

  move(from, span = this.view.to - this.view.from) {
    const begin = Math.min(Math.max(0, from), Math.max(0, this.clip.seconds - span));
    this.view = { from: begin, to: begin + span };
    this.draw();
  }

  whole() {
    if (this.clip) this.move(0, this.clip.seconds);
  }

  listen() {
    const canvases = [this.wave, ...Object.values(this.pictures)];
    const timeAt = (canvas, x) => {
      const { left, width } = canvas.getBoundingClientRect();
      return this.view.from + ((x - left - LEFT) / (width - LEFT)) * (this.view.to - this.view.from);
    };
    for (const canvas of canvases) {
      canvas.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        this.zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(canvas, event.clientX));
      }, { passive: false });
      let held = null;
      canvas.addEventListener("pointerdown", (event) => {
        held = { x: event.clientX, from: this.view.from };
        canvas.setPointerCapture(event.pointerId);
      });
      canvas.addEventListener("pointermove", (event) => {
        if (!held || !this.clip) return;
        const { width } = canvas.getBoundingClientRect();
        this.move(held.from - ((event.clientX - held.x) / (width - LEFT)) * (this.view.to - this.view.from));
      });
      for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; });
      canvas.addEventListener("dblclick", (event) => this.zoom(0.4, timeAt(canvas, event.clientX)));
    }
    this.wave.addEventListener("keydown", (event) => {
      const span = this.view.to - this.view.from;
      const keys = {
        ArrowLeft: () => this.move(this.view.from - span / 5),
        ArrowRight: () => this.move(this.view.from + span / 5),
        "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), 0: () => this.whole(),
      };
      if (!this.clip || !(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}

const rgb = (colour) => [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));

/** A table of 256 colours through some stops. */
function table(stops) {
  return Array.from({ length: 256 }, (_, place) => {
    const where = (place / 255) * (stops.length - 1);
    const index = Math.min(stops.length - 2, Math.floor(where));
    return [0, 1, 2].map((part) => stops[index][part] + (stops[index + 1][part] - stops[index][part]) * (where - index));
  });
}

const LEVELS = table(["#000004", "#1d1147", "#51127c", "#832681", "#b73779", "#e75263", "#fc8961", "#fec488", "#fcfdbf"].map(rgb));
const diverging = (none) => table([rgb("#2166ac"), rgb("#67a9cf"), none, rgb("#ef8a62"), rgb("#b2182b")]);

/** Return a canvas with one pixel per cell of a spectrogram, whose bytes come frame by frame from the lowest band. */
function image({ bands, frames }, text, colours) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [frames, bands];
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(frames, bands);
  for (let frame = 0; frame < frames; frame++) {
    for (let band = 0; band < bands; band++) {
      const place = 4 * ((bands - 1 - band) * frames + frame);
      pixels.data.set([...colours[bytes[frame * bands + band]], 255], place);
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
