"use strict";

// Charts: each replaces its still picture on the screen; print and browsers without scripts keep the picture.
// The data of a chart: x (positions), ticks ([position, text]), log (whether x is logarithmic), label (of x),
// lines ({name, style, values, low, high}) and optionally choices (ids of the radio buttons of the positions) and
// titles (of the positions). Styles are named in STYLES; colours are the variables of the style sheet.
{
  const STYLES = {
    attack: { colour: "--attack", width: 3, marker: "circle" },
    noise: { colour: "--noise", width: 1.5, marker: "diamond" },
    clean: { colour: "--clean", width: 1.5, dash: [8, 5] },
    chance: { colour: "--ink", width: 1.5, dash: [2, 4] },
    proven: { colour: "--robust", width: 2, dash: [4, 3], marker: "diamond" },
  };
  const PALETTE = 8;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const percent = (share) => `${(Math.round(1000 * share) / 10).toFixed(1).replace("-", "−")} %`;

  const styleOf = (line, place) => STYLES[line.style] ?? { colour: `--series-${place % PALETTE}`, width: 0, marker: "circle" };

  // Draws the marks of a line as circles or diamonds, filled or open, with a border in the colour of the ground.
  const marks = (style, open) => (plot, series) => {
    const { ctx } = plot;
    const size = 4.5 * devicePixelRatio;
    ctx.save();
    ctx.lineWidth = 1.5 * devicePixelRatio;
    plot.data[0].forEach((x, place) => {
      const value = plot.data[series][place];
      if (value == null) return;
      const [left, top] = [plot.valToPos(x, "x", true), plot.valToPos(value, "y", true)];
      ctx.beginPath();
      if (style.marker === "diamond") {
        ctx.moveTo(left, top - 1.2 * size);
        for (const [dx, dy] of [[1.2, 0], [0, 1.2], [-1.2, 0]]) ctx.lineTo(left + dx * size, top + dy * size);
        ctx.closePath();
      } else ctx.arc(left, top, size, 0, 2 * Math.PI);
      ctx.fillStyle = open?.[place] ? colour("--ground") : colour(style.colour);
      ctx.strokeStyle = open?.[place] ? colour(style.colour) : colour("--ground");
      ctx.fill();
      ctx.stroke();
    });
    ctx.restore();
  };

  const build = (host, data, choose) => {
    const columns = [data.x], series = [{}], bands = [];
    data.lines.forEach((line, place) => {
      const style = styleOf(line, place);
      if (line.low) {
        bands.push({ series: [series.length + 1, series.length], fill: colour(style.colour) + "2e" });
        series.push({ points: { show: false } }, { points: { show: false } });
        columns.push(line.low, line.high);
      }
      series.push({
        label: line.name, stroke: style.width ? colour(style.colour) : "transparent", width: style.width, dash: style.dash,
        spanGaps: true, points: { show: style.marker ? marks(style, line.open) : false },
      });
      columns.push(line.values);
    });
    const ink = colour("--soft"), grid = { stroke: colour("--line"), width: 1 };
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.setAttribute("aria-hidden", "true");
    const plot = new uPlot({
      width: host.clientWidth, height: data.height ?? 300, series, bands, legend: { show: false },
      scales: {
        x: { time: false, distr: data.log ? 3 : 1, range: data.log ? undefined : (_, low, high) => [low - (data.pad ?? 0.4), high + (data.pad ?? 0.4)] },
        y: { range: [-0.03, 1.03] },
      },
      cursor: {
        y: false, drag: { x: false, y: false }, points: { show: false },
        hover: { prox: null },
      },
      axes: [
        {
          stroke: ink, font, grid: { show: !data.ticks, ...grid }, ticks: { show: false }, size: 30, gap: 6,
          label: data.label, labelFont: font, labelSize: 22, labelGap: 0,
          ...(data.ticks ? {
            splits: () => data.ticks.map((tick) => tick[0]),
            values: () => data.ticks.map((tick) => tick[1]),
          } : { values: (_, all) => all.map((value) => (value == null ? "" : `${value}${data.unit ?? ""}`)) }),
        },
        {
          stroke: ink, font, grid, ticks: { show: false }, size: 48, gap: 6,
          splits: () => [0, 0.2, 0.4, 0.6, 0.8, 1], values: (_, all) => all.map((share) => `${Math.round(100 * share)} %`),
        },
      ],
      hooks: {
        drawClear: [(own) => {
          const place = data.choices?.findIndex((id) => document.getElementById(id)?.checked) ?? -1;
          if (place < 0) return;
          const { left, top, width, height } = own.bbox, centre = own.valToPos(data.x[place], "x", true);
          const half = Math.min(26 * devicePixelRatio, (own.valToPos(data.x[0] + 0.5, "x", true) - own.valToPos(data.x[0], "x", true)));
          own.ctx.fillStyle = colour("--chosen");
          own.ctx.fillRect(Math.max(left, centre - half), top, Math.min(2 * half, left + width - centre + half), height);
        }],
        setCursor: [(own) => {
          const place = own.cursor.idx;
          tip.hidden = place == null || own.cursor.left < 0;
          if (tip.hidden) return;
          tip.replaceChildren(...told(data, place));
          const left = own.valToPos(data.x[place], "x");
          tip.style.left = `${Math.max(0, Math.min(left + (left > own.over.clientWidth / 2 ? -tip.offsetWidth - 14 : 14), own.over.clientWidth - tip.offsetWidth))}px`;
        }],
        ready: [(own) => {
          tip.hidden = true;
          own.over.append(tip);
          if (data.choices) own.over.addEventListener("click", () => choose(data.choices[own.cursor.idx]));
        }],
      },
    }, columns, host);
    return plot;
  };

  const told = (data, place) => {
    const row = (text, style) => {
      const one = document.createElement("p");
      if (style) {
        const key = document.createElement("i");
        key.style.background = colour(style.colour);
        one.append(key);
      }
      one.append(text);
      return one;
    };
    const title = document.createElement("strong");
    title.textContent = data.titles?.[place] ?? "";
    return [title, ...data.lines.toReversed().flatMap((line, behind) => {
      const number = data.lines.length - 1 - behind;
      const value = line.values[place];
      if (value == null) return [];
      const range = line.low ? ` (${percent(line.low[place])} to ${percent(line.high[place])})` : "";
      return [row(`${line.name}: ${percent(value)}${range}`, styleOf(line, number))];
    })];
  };

  const drawn = [];
  const choose = (id) => {
    const button = document.getElementById(id);
    if (!button) return;
    button.checked = true;
    button.dispatchEvent(new Event("change", { bubbles: true }));
  };
  for (const chart of document.querySelectorAll(".chart")) {
    const live = chart.querySelector(".live"), data = JSON.parse(live.querySelector("script").textContent);
    (chart.closest(".chart-pair") ?? chart).classList.add("is-drawn");
    const entry = {};
    const draw = () => {
      entry.plot?.destroy();
      entry.plot = build(live, data, choose);
    };
    draw();
    drawn.push(entry);
    let width = live.clientWidth;
    new ResizeObserver(() => {
      if (!live.clientWidth || live.clientWidth === width) return;
      width = live.clientWidth;
      draw();
    }).observe(live);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  }
  document.addEventListener("change", (event) => {
    if (event.target.name === "budget") drawn.forEach(({ plot }) => plot.redraw(false));
  });
}
