"use strict";

// Tables: a heading sorts its column, numbers from the largest down first; what is undefined stays last.
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

// Listening: one sound at a time; the button changes to the other of the two at the same place.
const clips = [...document.querySelectorAll("audio")];
clips.forEach((clip) => clip.addEventListener("play", () => clips.forEach((other) => other !== clip && other.pause())));

for (const example of document.querySelectorAll(".example")) {
  const [original, adversarial] = example.querySelectorAll("audio[data-name]");
  const output = example.querySelector("output");
  let heard = null;
  for (const clip of [original, adversarial]) {
    clip.addEventListener("play", () => {
      heard = clip;
      output.textContent = `playing the ${clip.dataset.name}`;
    });
    clip.addEventListener("pause", () => { if (heard === clip) output.textContent = ""; });
  }
  example.querySelector(".ab button").addEventListener("click", () => {
    const next = heard === original ? adversarial : original;
    next.currentTime = heard && !heard.ended ? heard.currentTime : 0;
    next.play();
  });
}
