// The result of an attack: what the model decided, in sentences and figures, and what to repeat it with.

import { address } from "./api.js";
import { $, make, percent, share } from "./dom.js";

export function verdict(answer) {
  const { before, after } = answer.predicted;
  const noise = answer.controls.filter(Boolean).length;
  const draws = answer.controls.length;
  const lead = answer.fooled
    ? make("p", { className: "lead" }, `${before} → `, make("span", { className: "to" }, after))
    : make("p", { className: "lead" }, `${before} stays ${before}`);
  const attacked = answer.fooled
    ? `${answer.attack} changed the decision of ${answer.model}.`
    : `${answer.attack} did not change the decision of ${answer.model} within this budget.`;
  const control = noise === 0
    ? `Noise of the same size did not, in ${draws} draws.`
    : `Noise of the same size changed it in ${noise} of ${draws} draws${answer.fooled ? ", so that the attack shows little here" : ""}.`;
  const kept = noise === 0 && !answer.fooled ? `Noise of the same size did not either, in ${draws} draws.` : control;
  $("verdict").replaceChildren(lead, make("p", {}, `${attacked} ${kept}`), facts(answer),
    ...Object.entries(answer.flags).map(([name, meaning]) => make("p", { className: "warning" }, `${name}: ${meaning}`)));
}

function facts(answer) {
  const rows = {
    "Changed samples": share(answer.sparsity),
    "Peak SNR": answer.snr_db === null ? "nothing changed" : `${answer.snr_db.toFixed(1)} dB`,
    "Largest change": `${+answer.linf.toPrecision(2)} of full scale`,
    "Passes through the model": `${answer.queries} forward, ${answer.gradients} backward`,
    Time: `${answer.seconds.toFixed(1)} s`,
  };
  return make("dl", { className: "facts" },
    ...Object.entries(rows).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

export function decisions(answer) {
  const columns = { before: "original", after: "attacked", noise: "with noise" };
  const cell = (name, index) => {
    const value = answer.probabilities[name][index];
    const chosen = answer.predicted[name] === answer.labels[index];
    return make("td", { className: name },
      make("span", chosen ? { className: "chosen-class" } : {}, percent(value)),
      make("meter", { min: 0, max: 1, value, "aria-label": `${answer.labels[index]}, ${columns[name]}` }));
  };
  $("decisions").replaceChildren(make("table", { className: "decisions" },
    make("caption", {}, "Probabilities"),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "emotion"),
      ...Object.values(columns).map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...answer.labels.map((label, index) =>
      make("tr", {}, make("th", { scope: "row" }, label), ...Object.keys(columns).map((name) => cell(name, index)))))));
}

export function sounds(job, answer) {
  const { before, after, noise } = answer.predicted;
  return [
    { name: "Original", file: "original.flac", about: `decision: ${before}` },
    { name: "Attacked", file: "attacked.flac", about: `decision: ${after}` },
    { name: "Difference", file: "difference.flac", about: answer.louder_db ? `attacked minus original, ${answer.louder_db} dB louder` : "attacked minus original" },
    { name: "Noise of the same size", file: "noise.flac", about: `original with random changes as large; decision: ${noise}` },
  ].map((sound) => ({ ...sound, source: address(job, sound.file) }));
}

export function repeat(job, answer) {
  const stem = answer.name.replace(/\.[^.]*$/, "");
  Object.assign($("get-attacked"), { href: address(job, "attacked.wav"), download: `${stem}-${answer.attack}.wav` });
  Object.assign($("get-original"), { href: address(job, "original.wav"), download: `${stem}.wav` });
  $("command").textContent = answer.command;
  $("toml-part").hidden = $("get-toml").hidden = answer.toml === null;
  $("toml").textContent = answer.toml ?? "";
  $("get-toml").href = address(job, "attack.toml");
}

export function describe(answer, samples) {
  const seconds = (samples / answer.rate).toFixed(1);
  $("wave").setAttribute("aria-label",
    `Waveform of ${answer.name}, ${seconds} seconds, and below it the change, at most ${+answer.linf.toPrecision(2)} of full scale, in ${share(answer.sparsity)} of the samples.`);
  const range = answer.spectrogram.range_db;
  $("before").setAttribute("aria-label", "Log-mel spectrogram of the original clip.");
  $("after").setAttribute("aria-label", "Log-mel spectrogram of the attacked clip.");
  $("difference").setAttribute("aria-label", `Difference of both spectrograms, from ${-range} to ${range} dB.`);
  $("scale").textContent = `Log-mel, from 80 dB below the loudest cell of the original (dark) to that cell (bright). Difference: blue is weaker and red stronger after the attack, by up to ${range} dB.`;
  $("legend").replaceChildren(make("span", {}, "original"), make("span", { className: "changed" }, "changed samples"));
}
