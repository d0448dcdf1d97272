// The second view: runs of a folder with their first figures, and the comparison of two evaluations.

import { work } from "./api.js";
import { $, make, percent, problem } from "./dom.js";

let loaded = false;

export async function show(offered) {
  if (!offered) {
    $("runs-note").textContent = "Start the workbench with --runs DIR to see the experiments and evaluations of a folder.";
    $("compare").hidden = true;
    return;
  }
  if (loaded) return;
  loaded = true;
  $("runs-note").textContent = "Reading runs …";
  try {
    list(await (await work("runs", {})).answer);
  } catch (error) {
    loaded = false;
    $("runs-note").textContent = "";
    problem($("runs-problem"), error.message);
  }
}

function list(runs) {
  const comparable = runs.filter((run) => run.kind === "evaluation" && !run.error);
  $("compare").hidden = comparable.length < 2;
  $("runs-note").textContent = runs.length === 0
    ? "There are no runs in this folder. staanet run and staanet evaluate write them."
    : comparable.length < 2 ? `${runs.length} runs.` : `${runs.length} runs. Choose two evaluations of the same clips to compare them.`;
  if (runs.length === 0) return;
  const headings = ["", "run", "kind", "model", "clips", "clean", "robust", "under", "date"];
  const numeric = new Set(["clips", "clean", "robust"]);
  $("runs-list").replaceChildren(make("div", { className: "scroll", tabindex: "0", role: "region", "aria-label": "Runs" },
    make("table", {},
      make("thead", {}, make("tr", {}, ...headings.map((name) =>
        name ? make("th", { scope: "col", className: numeric.has(name) ? "number" : "" }, name) : make("td")))),
      make("tbody", {}, ...runs.map(row)))));
}

function row(run) {
  const place = run.path === "." ? "" : `${run.path.split("/").map(encodeURIComponent).join("/")}/`;
  const title = run.title || run.name;
  const cells = [make("th", { scope: "row", className: "title" },
    run.page ? make("a", { href: `/runs/${place}report/index.html`, target: "_blank", rel: "noopener" }, title) : title,
    make("div", { className: "hint" }, run.path === "." ? run.name : run.path))];
  const box = make("td");
  if (run.kind === "evaluation" && !run.error) {
    const check = make("input", { type: "checkbox", value: run.path, "aria-label": `Compare ${run.path}` });
    check.addEventListener("change", chosen);
    box.append(check);
  }
  if (run.error) {
    return make("tr", {}, box, ...cells, make("td", {}, run.kind), make("td", { colSpan: 6, className: "hint" }, run.error));
  }
  const figure = (value) => make("td", { className: "number" }, value === undefined ? "–" : percent(value));
  const flags = run.flags?.length ? make("div", { className: "hint" }, `flags: ${run.flags.join(", ")}`) : "";
  const models = run.models.length > 3 ? `${run.models.slice(0, 3).join(", ")} and ${run.models.length - 3} more` : run.models.join(", ");
  return make("tr", {}, box, ...cells, make("td", {}, run.kind), make("td", {}, models),
    make("td", { className: "number" }, run.clips === undefined ? "–" : String(run.clips)),
    figure(run.clean), figure(run.robust), make("td", {}, run.under ?? "–", flags),
    make("td", {}, new Date(1000 * run.modified).toISOString().slice(0, 10)));
}

const boxes = () => [...document.querySelectorAll("#runs-list input:checked")];

function chosen() {
  const count = boxes().length;
  $("compare").disabled = count !== 2;
}

$("compare").addEventListener("click", async () => {
  const [first, second] = boxes().map((box) => box.value);
  problem($("runs-problem"), "");
  $("compare").disabled = true;
  $("comparison").replaceChildren(make("p", { className: "hint busy" }, "Comparing …"));
  try {
    compared(await (await work("compare", { first, second })).answer);
  } catch (error) {
    $("comparison").replaceChildren();
    problem($("runs-problem"), error.message);
  }
  chosen();
});

function compared(found) {
  const points = (value) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`;
  const line = (one) => make("tr", {}, make("th", { scope: "row" }, one.measure), make("td", {}, one.budget ?? "–"),
    make("td", { className: "number" }, percent(one.a)), make("td", { className: "number" }, percent(one.b)),
    make("td", { className: "number" }, `${points(one.difference)} [${points(one.ci[0])}, ${points(one.ci[1])}]`),
    make("td", {}, one.result === "undecided" ? one.result : make("b", {}, one.result)));
  $("comparison").replaceChildren(
    make("h2", {}, `${found.b} compared with ${found.a}`),
    make("p", { className: "lead" }, found.headline), make("p", {}, found.besides),
    ...found.notes.map((note) => make("p", { className: "hint" }, note)),
    make("div", { className: "scroll", tabindex: "0", role: "region", "aria-label": "Differences" }, make("table", {},
      make("thead", {}, make("tr", {}, ...["measure", "budget", found.a, found.b, "difference, points [95 %]", "result"].map(
        (name, place) => make("th", { scope: "col", className: place > 1 && place < 5 ? "number" : "" }, name)))),
      make("tbody", {}, ...found.differences.map(line)))));
  $("comparison").focus();
}
