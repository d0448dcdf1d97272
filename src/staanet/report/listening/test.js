"use strict";

// A session: every pair as often as required. Order, assignment to A and B, and X are all drawn from the seed.
function random(seed) { // mulberry32
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function drawTrials(pairs, seed) {
  const next = random(seed);
  const trials = pairs.flatMap(([one, other, times]) => Array.from({ length: times }, () => {
    const [a, b] = next() < 0.5 ? [one, other] : [other, one];
    return { a, b, x: next() < 0.5 ? "a" : "b" };
  }));
  for (let last = trials.length - 1; last > 0; last--) {
    const chosen = Math.floor(next() * (last + 1));
    [trials[last], trials[chosen]] = [trials[chosen], trials[last]];
  }
  return trials;
}

// The page.
const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const players = [...document.querySelectorAll("[data-play]")];
const answers = [...document.querySelectorAll("[data-answer]")];
const seed = crypto.getRandomValues(new Uint32Array(1))[0];
const seedText = seed.toString(16).padStart(8, "0");
const trials = drawTrials(data.pairs, seed);
const context = new AudioContext();
const sounds = {};
let playing = null;
let trial = null; // the present trial: { a, b, x, plays, since, resolve }

element("count").textContent = trials.length;
element("seed").textContent = seedText;

async function load(name) {
  if (sounds[name]) return;
  const bytes = Uint8Array.from(atob(data.clips[name]), (sign) => sign.charCodeAt(0));
  sounds[name] = await context.decodeAudioData(bytes.buffer);
}

function fail(error) {
  element("failure").textContent = `This browser cannot play the clips (${error.message}). Please try another one.`;
  element("failure").hidden = false;
}

function stop() {
  if (!playing) return;
  const { source, gain } = playing;
  playing = null;
  source.onended = null;
  gain.gain.setTargetAtTime(0, context.currentTime, 0.003); // avoid a click
  source.stop(context.currentTime + 0.03);
  players.forEach((button) => button.classList.remove("playing"));
}

function play(name, ended) {
  stop();
  context.resume();
  const source = context.createBufferSource();
  const gain = context.createGain();
  source.buffer = sounds[name];
  source.connect(gain).connect(context.destination);
  source.onended = () => { stop(); ended?.(); };
  source.start();
  playing = { source, gain };
}

const missing = () => Object.keys(trial.plays).filter((side) => !trial.plays[side]).map((side) => side.toUpperCase());

function prompt(before = "") {
  const left = missing();
  answers.forEach((button) => { button.disabled = left.length > 0; });
  const words = left.length ? `Play ${left.join(", ")} before you answer.` : "Is X the same as A or as B?";
  element("status").textContent = `${before} ${words}`.trim();
}

function playSide(side) {
  if (!trial) return;
  trial.plays[side] += 1;
  play(trial[side === "x" ? trial.x : side], () => { if (trial) prompt(); });
  players.forEach((button) => button.classList.toggle("playing", button.dataset.play === side));
  prompt(`Playing ${side.toUpperCase()}.`);
}

function submit(answer) {
  if (!trial || missing().length) return;
  const { a, b, x, plays, since, resolve } = trial;
  stop();
  trial = null;
  resolve({ a, b, x, answer, seconds: Math.round((performance.now() - since) / 100) / 10, plays });
}

function runTrial(title, { a, b, x }) {
  element("title").textContent = title;
  return new Promise((resolve) => {
    trial = { a, b, x, plays: { a: 0, b: 0, x: 0 }, since: performance.now(), resolve };
    prompt();
    element("title").focus();
  });
}

async function practice() {
  const [sample] = drawTrials([[...data.practice, 1]], ~seed);
  const { x, answer } = await runTrial("Practice", sample);
  [...players, ...answers].forEach((button) => { button.disabled = true; });
  element("status").textContent = `${x === answer ? "Correct" : "Not correct"}: X was ${x.toUpperCase()}. ` +
    "In the test you get no feedback, and most differences are much smaller.";
  element("next").hidden = false;
  element("next").focus();
  await new Promise((resolve) => element("next").addEventListener("click", resolve, { once: true }));
  element("next").hidden = true;
  players.forEach((button) => { button.disabled = false; });
}

async function session() {
  const confirmLeave = (event) => event.preventDefault();
  addEventListener("beforeunload", confirmLeave);
  element("trial").hidden = false;
  element("progress").max = trials.length;
  await practice();
  const results = [];
  for (const next of trials) {
    element("progress").value = results.length;
    results.push(await runTrial(`Trial ${results.length + 1} of ${trials.length}`, next));
  }
  removeEventListener("beforeunload", confirmLeave);
  finish(results);
}

function finish(results) {
  const listener = element("listener").value.trim();
  const { test, trials_per_clip } = data;
  const file = { test, trials_per_clip, listener, seed: seedText, trials: results };
  const link = element("download");
  link.download = `listening-${test}-${seedText}.json`;
  link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 1)], { type: "application/json" }));
  element("file").textContent = link.download;
  element("trial").hidden = true;
  element("end").hidden = false;
  element("thanks").focus();
  link.click();
}

players.forEach((button) => button.addEventListener("click", () => playSide(button.dataset.play)));
answers.forEach((button) => button.addEventListener("click", () => submit(button.dataset.answer)));
element("level").addEventListener("click", () => load(data.level).then(() => play(data.level)).catch(fail));
element("consent").addEventListener("submit", (event) => {
  event.preventDefault();
  stop();
  element("start").hidden = true;
  Promise.all(Object.keys(data.clips).map(load)).then(session).catch(fail);
});
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  const key = event.key.toLowerCase();
  if (["a", "b", "x"].includes(key)) playSide(key);
  else if (key === "1" || key === "2") submit(key === "1" ? "a" : "b");
  else if (key === "escape") { stop(); if (trial) prompt(); }
});
