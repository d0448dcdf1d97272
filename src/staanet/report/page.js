"use strict";

// Tables: a click on a heading sorts the column, numbers in descending order first. Undefined values stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.querySelectorAll("thead tr:last-child th")];
  headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
    const before = heading.getAttribute("aria-sort");
    const numeric = heading.classList.contains("number");
    const falling = before ? before === "ascending" : numeric;
    const value = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      return (falling ? -1 : 1) * (numeric ? x - y : x.localeCompare(y, "en", { numeric: true }));
    };
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
  }));
}

// Print: data that is folded on the screen is on paper.
addEventListener("beforeprint", () => document.querySelectorAll("details.data").forEach((one) => { one.open = true; }));

// Examples: only one clip plays at a time; the button switches to the other clip at the same position.
const clips = [...document.querySelectorAll("audio")];
clips.forEach((clip) => clip.addEventListener("play", () => clips.forEach((other) => other !== clip && other.pause())));

for (const example of document.querySelectorAll(".example")) {
  const [original, adversarial] = example.querySelectorAll("audio[data-name]");
  const output = example.querySelector("output");
  let current = null;
  for (const clip of [original, adversarial]) {
    clip.addEventListener("play", () => {
      current = clip;
      output.textContent = `playing the ${clip.dataset.name}`;
    });
    clip.addEventListener("pause", () => { if (current === clip) output.textContent = ""; });
  }
  example.querySelector(".ab button").addEventListener("click", () => {
    const next = current === original ? adversarial : original;
    next.currentTime = current && !current.ended ? current.currentTime : 0;
    next.play();
  });
}
