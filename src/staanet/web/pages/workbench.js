// The page: it collects clip, model, attack and budget, asks for the attack, and shows what came of it.

import * as api from "./api.js";
import { $, make, percent, problem, share } from "./dom.js";
import { Plots } from "./plots.js";
import * as result from "./result.js";
import * as runs from "./runs.js";
import { Sounds } from "./sounds.js";

const OTHER = "\0other";
const NEEDS = { gradient: "Needs gradients", scores: "Needs scores", decision: "Needs decisions", none: "Needs nothing of the model" };
const EFFORTS = { steps: "Steps", queries: "Queries", restarts: "Restarts" };

const known = { attacks: new Map(), about: null };
const chosen = { clip: null, looked: null, budget: { snr_db: 40, sparsity: 1 }, settings: {} };
let running = null;
let shown = null;

const sounds = new Sounds($("sounds"), () => plots.draw());
const plots = new Plots($("wave"), { before: $("before"), after: $("after"), difference: $("difference") }, () => sounds.position());

const complain = (message) => problem($("problem"), message);

// ---------------------------------------------------------------- what there is

async function begin() {
  $("progress").className = "hint busy";
  $("progress").textContent = "Loading the attacks …";
  for (;;) {
    try {
      known.about = await api.start();
    } catch (error) {
      return complain(error.message);
    }
    if (known.about.error) return complain(known.about.error);
    if (known.about.ready) break;
    await new Promise((done) => setTimeout(done, 250));
  }
  idle("");
  offer();
  if (location.hash === "#runs") select($("tab-runs"));
}

function offer() {
  const { attacks, clips, models, trust, most_bytes: bytes, most_seconds: seconds } = known.about;
  document.querySelector(".drop .hint").textContent = `or drop it here (up to ${seconds} s, ${Math.round(bytes / 2 ** 20)} MiB)`;
  const group = (label, keys, kind) => make("optgroup", { label }, ...keys.map((key) => make("option", { value: `${kind}/${key}` }, key)));
  $("clip").replaceChildren(make("option", { value: "" }, "–"),
    ...(clips.dataset ? [group("Dataset", clips.dataset, "dataset")] : []),
    group("Built-in synthetic speech", clips["built-in"], "built-in"));
  $("model").replaceChildren(
    ...models.map(({ reference, title }) => make("option", { value: reference }, title)),
    make("option", { value: OTHER }, models.length ? "Another model …" : "Name a model …"));
  $("trust").textContent = trust
    ? "Also file.py:name, TorchScript and pickles, since the workbench was started with --trust."
    : "A model that contains code needs --trust when the workbench is started.";
  known.attacks = new Map(attacks.map((attack) => [attack.name, attack]));
  $("attack").replaceChildren(...Object.entries(NEEDS).map(([access, label]) => make("optgroup", { label },
    ...attacks.filter((attack) => attack.access === access).map(({ name }) => make("option", { value: name }, name)))));
  $("attack").value = known.attacks.has("pgd") ? "pgd" : attacks[0].name;
  attackChosen();
  modelChosen();
  const first = $("clip").querySelector("optgroup option");
  $("clip").value = first.value;
  clipChosen();
}

// ---------------------------------------------------------------- clip

async function look(clip, name, own = false) {
  complain("");
  clear();
  $("chosen").className = "chosen busy";
  $("chosen").textContent = `Reading ${name} …`;
  forgetClip();
  const turn = (chosen.turn = (chosen.turn ?? 0) + 1);
  try {
    if (own) clip = { kind: "upload", key: (await api.send(clip)).clip };
    const { job, answer } = await api.work("look", clip);
    const about = await answer;
    const samples = await api.floats(job, "clip.f32");
    if (turn !== chosen.turn) return;
    Object.assign(chosen, { clip, looked: job });
    const channels = about.channels === 1 ? "one channel" : `${about.channels} channels`;
    $("chosen").className = "chosen";
    $("chosen").textContent = `${about.name}: ${about.seconds.toFixed(1)} s, ${about.rate} Hz, ${channels}`;
    preview(job, about, samples);
  } catch (error) {
    if (turn !== chosen.turn) return;
    if (clip.key && clip.kind === "upload") api.forget("clips", clip.key);
    $("chosen").textContent = "";
    complain(error.message);
  }
  ready();
}

function preview(job, about, samples) {
  $("verdict").replaceChildren(make("p", { className: "empty" },
    "Choose a model and an attack. You will see and hear what the attack changes, and what noise of the same size would have done."));
  $("sounds-part").hidden = $("wave-part").hidden = false;
  sounds.offer([{ name: "Original", source: api.address(job, "clip.flac"), about: about.name }]);
  $("legend").replaceChildren();
  $("wave").setAttribute("aria-label", `Waveform of ${about.name}, ${about.seconds.toFixed(1)} seconds.`);
  plots.show(samples, about.rate);
}

function clipChosen() {
  const [kind, ...rest] = $("clip").value.split("/");
  if (kind) look({ kind, key: rest.join("/") }, rest.join("/"));
}

/** Read a file of the user, unless its size or name says already that it cannot be used. */
function take(file) {
  if (!file || !known.about) return;
  $("clip").value = "";
  const most = known.about.most_bytes;
  if (file.size > most) {
    clear();
    forgetClip();
    ready();
    return complain(`${file.name}: expected a clip of ${Math.round(most / 2 ** 20)} MiB or less, got ${Math.round(file.size / 2 ** 20)} MiB; cut it, or convert it: ffmpeg -i CLIP -vn -ac 1 -ar 16000 clip.wav`);
  }
  look(file, file.name, true);
}

function forgetClip() {
  if (chosen.clip?.kind === "upload") api.forget("clips", chosen.clip.key);
  if (chosen.looked) api.forget("jobs", chosen.looked);
  Object.assign(chosen, { clip: null, looked: null });
}

function clear() {
  sounds.stop();
  for (const part of ["sounds-part", "wave-part", "spectrograms", "repeat"]) $(part).hidden = true;
  $("verdict").replaceChildren();
  $("decisions").replaceChildren();
  $("result").classList.remove("stale");
  if (shown) api.forget("jobs", shown);
  shown = null;
}

$("file").addEventListener("change", () => {
  take($("file").files[0]);
  $("file").value = "";
});
$("clip").addEventListener("change", clipChosen);
addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  take(event.dataTransfer.files[0]);
});

// ---------------------------------------------------------------- model, attack, budget

function modelChosen() {
  const other = $("model").value === OTHER;
  $("other-model").hidden = !other;
  const listed = known.about.models.find(({ reference }) => reference === $("model").value);
  if (listed?.error) complain(listed.error);
  ready();
}

const reference = () => ($("model").value === OTHER ? $("reference").value.trim() : $("model").value);

function attackChosen() {
  const attack = known.attacks.get($("attack").value);
  const [, site, number] = /^(arXiv) (\S+)$/.exec(attack.reference) ?? [];
  $("summary").replaceChildren(`${attack.summary} `, site
    ? make("a", { href: `https://arxiv.org/abs/${number}`, target: "_blank", rel: "noopener noreferrer" }, attack.reference)
    : attack.reference);
  chosen.budget = { snr_db: attack.snr_db, sparsity: attack.sparsity };
  chosen.settings = { ...attack.settings };
  $("snr").value = attack.snr_db;
  $("share").value = 100 + 25 * Math.log10(attack.sparsity);
  const main = ["steps", "queries"].find((key) => key in attack.settings);
  $("effort").replaceChildren(...(main ? [slider(main, attack.settings[main])] : []));
  $("further").replaceChildren(...Object.keys(attack.settings).filter((key) => key !== main).map((key) => {
    const input = make("input", { type: "number", min: 1, step: 1, value: attack.settings[key] });
    input.addEventListener("input", () => { chosen.settings[key] = Math.max(1, Math.round(+input.value || 1)); });
    return make("label", { className: "number" }, `${EFFORTS[key]} `, input);
  }));
  say();
}

/** A slider from 1 to ten times the attack's own number or more, in even ratios. */
function slider(key, value) {
  const most = Math.max(500, 10 * value);
  const position = (number) => (100 * Math.log(number)) / Math.log(most);
  const input = make("input", { type: "range", id: key, min: 0, max: 100, step: 1, value: position(value) });
  const output = make("output", {}, String(value));
  input.addEventListener("input", () => {
    const number = Math.round(most ** (input.value / 100));
    chosen.settings[key] = number < 100 ? number : +number.toPrecision(2);
    output.textContent = input.ariaValueText = String(chosen.settings[key]);
  });
  return make("div", { className: "slider" }, make("label", { htmlFor: key }, EFFORTS[key]), output, input);
}

function say() {
  const { snr_db: snr, sparsity } = chosen.budget;
  $("snr-out").textContent = `${snr} dB below the peak (${share(10 ** (-snr / 20))})`;
  $("snr").ariaValueText = `${snr} dB below the peak`;
  $("share-out").textContent = $("share").ariaValueText = sparsity === 1 ? "all" : share(sparsity);
}

function ready() {
  $("go").disabled = Boolean(running) || !chosen.clip || !reference();
}

$("model").addEventListener("change", () => { complain(""); modelChosen(); });
$("reference").addEventListener("input", ready);
$("attack").addEventListener("change", attackChosen);
$("snr").addEventListener("input", () => { chosen.budget.snr_db = +$("snr").value; say(); });
$("share").addEventListener("input", () => {
  chosen.budget.sparsity = +(10 ** ((+$("share").value - 100) / 25)).toPrecision(2);
  say();
});

// ---------------------------------------------------------------- the attack

function idle(message) {
  running = null;
  $("progress").className = "hint";
  $("progress").textContent = message;
  $("cancel").hidden = true;
  $("go").textContent = "Attack";
  ready();
}

function told({ state, ahead, passes, doing }) {
  const before = ahead === 1 ? "one attack" : `${ahead} attacks`;
  $("progress").textContent = state === "waiting" && ahead
    ? `Waiting for ${before} before yours …`
    : `${doing ? doing[0].toUpperCase() + doing.slice(1) : "Starting"} …${passes > 0 ? ` ${passes} passes through the model` : ""}`;
}

async function attack() {
  complain("");
  sounds.stop();
  $("result").classList.toggle("stale", shown !== null);
  $("progress").className = "hint busy";
  $("progress").textContent = "Starting …";
  $("cancel").hidden = false;
  $("go").disabled = true;
  running = { job: null, cancelled: false };
  const mine = running;
  const clip = chosen.clip;
  const question = {
    clip: { kind: clip.kind, key: clip.key }, model: reference(), attack: $("attack").value,
    ...chosen.budget, settings: chosen.settings, seed: Math.max(0, Math.round(+$("seed").value || 0)),
  };
  try {
    const { job, answer } = await api.work("attack", question, (about) => mine === running && told(about));
    mine.job = job;
    if (mine.cancelled) api.forget("jobs", job);
    const found = await answer;
    if (mine.cancelled || found === null) return;
    const [samples, change] = await Promise.all(["original.f32", "change.f32"].map((name) => api.floats(job, name)));
    if (clip !== chosen.clip) return api.forget("jobs", job);
    if (shown) api.forget("jobs", shown);
    shown = job;
    present(job, found, samples, change);
  } catch (error) {
    if (!mine.cancelled) complain(error.message);
  } finally {
    if (mine === running) idle(mine.cancelled ? "Cancelled." : "");
    $("result").classList.remove("stale");
  }
}

function present(job, answer, samples, change) {
  result.verdict(answer);
  result.decisions(answer);
  result.repeat(job, answer);
  for (const part of ["sounds-part", "wave-part", "spectrograms", "repeat"]) $(part).hidden = false;
  sounds.offer(result.sounds(job, answer));
  result.describe(answer, samples.length);
  plots.show(samples, answer.rate, change, answer.spectrogram);
  $("result").focus({ preventScroll: true });
  if (matchMedia("(max-width: 60rem)").matches) $("result").scrollIntoView({ block: "start" });
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!$("go").disabled) attack();
});
$("cancel").addEventListener("click", () => {
  if (!running) return;
  running.cancelled = true;
  if (running.job) api.forget("jobs", running.job);
  idle("Cancelled.");
  $("result").classList.remove("stale");
  $("go").focus();
});
for (const button of document.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => ({ in: () => plots.zoom(0.5), out: () => plots.zoom(2), all: () => plots.whole() })[button.dataset.zoom]());
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText($(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

// ---------------------------------------------------------------- views, and the end

const tabs = [$("tab-attack"), $("tab-runs")];

function select(tab) {
  for (const other of tabs) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = other !== tab;
  }
  history.replaceState(null, "", tab.id === "tab-runs" ? "#runs" : " ");
  if (tab.id === "tab-runs") runs.show(known.about?.runs);
  else plots.draw();
}

for (const [place, tab] of tabs.entries()) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const next = tabs[(place + 1) % tabs.length];
    next.focus();
    select(next);
  });
}
addEventListener("pagehide", () => {
  forgetClip();
  for (const job of [shown, running?.job]) if (job) api.forget("jobs", job);
});
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

begin();
