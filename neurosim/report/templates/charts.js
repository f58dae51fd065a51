// Charts: latency of the steps, energy, traffic matrix, activity raster.

const PARTS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442",
  "#8c6bb1", "#999999", "#66a61e", "#a6761d", "#e7298a"];

/** A round number at or above a value: 1, 2 or 5 times a power of ten. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((f) => f * power).find((f) => f >= value * 0.999999);
}

/** Units of a chart's width: those of its place, so that text keeps its size on a phone. */
const chartWidth = (box) => Math.max(320, Math.min(900, box.clientWidth));

function makeLatency(data) {
  const sources = {};
  if (data.latency.step.length) sources.layer = data.latency;
  if (data.path) sources.part = data.path;
  const box = document.getElementById("latencychart");
  const info = document.getElementById("latencyinfo");
  if (!Object.keys(sources).length) {
    box.textContent = "No step was finished.";
    return;
  }
  let by = data.path ? "part" : "layer";

  /** Parts with less than a thousandth of all are shown together. */
  function grouped(source) {
    const sum = (name) => source.parts[name].reduce((a, b) => a + b, 0);
    const names = Object.keys(source.parts);
    const all = names.reduce((s, name) => s + sum(name), 0);
    const small = names.filter((name) => sum(name) < 0.001 * all);
    if (small.length < 2) return source;
    const parts = { ...source.parts };
    for (const name of small) delete parts[name];
    parts.other = source.step.map((_, i) => small.reduce((s, name) => s + source.parts[name][i], 0));
    return { step: source.step, parts };
  }

  function paint() {
    box.replaceChildren();
    const { step, parts } = grouped(sources[by]);
    const names = Object.keys(parts).filter((name) => parts[name].some((v) => v > 0));
    const sum = (name) => parts[name].reduce((a, b) => a + b, 0);
    if (by === "part") names.sort((a, b) => sum(b) - sum(a));
    const total = step.map((_, i) => names.reduce((s, name) => s + parts[name][i], 0));
    const most = Math.max(...total, 1e-15);
    const W = chartWidth(box), H = 300, L = 70, B = 34, T = 8;
    const svg = draw(box, "svg", { viewBox: `0 0 ${W} ${H}`, role: "img",
      "aria-label": "Latency of " + step.length + " steps, split by " + by });
    const y = (v) => T + (H - B - T) * (1 - v / most);
    const tick = roundUp(most / 5);
    for (let v = 0; v <= most; v += tick) {
      draw(svg, "line", { x1: L, x2: W, y1: y(v), y2: y(v), class: "axis" });
      draw(svg, "text", { x: L - 6, y: y(v) + 4, "text-anchor": "end" }, si(v, "s"));
    }
    const w = (W - L) / step.length;
    step.forEach((s, i) => {
      let base = 0;
      const bar = draw(svg, "g", {});
      names.forEach((name, n) => {
        const v = parts[name][i];
        if (v > 0) {
          draw(bar, "rect", { x: (L + i * w + w * 0.07).toFixed(2), width: (w * 0.86).toFixed(2),
            y: y(base + v).toFixed(2), height: Math.max(0, y(base) - y(base + v)).toFixed(2),
            fill: PARTS[n % PARTS.length] });
        }
        base += v;
      });
      const text = `step ${s}: ${si(total[i], "s")}; ` + names.filter((name) => parts[name][i] > 0)
        .map((name) => `${name} ${si(parts[name][i], "s")}`).join(", ");
      draw(bar, "title", {}, text);
      bar.addEventListener("pointerenter", () => { info.textContent = text; });
    });
    const every = Math.max(1, Math.ceil(step.length / (W / 75)));
    step.forEach((s, i) => {
      if (i % every === 0) {
        draw(svg, "text", { x: L + (i + 0.5) * w, y: H - B + 16, "text-anchor": "middle" }, s);
      }
    });
    draw(svg, "text", { x: (L + W) / 2, y: H - 3, "text-anchor": "middle", class: "faint" }, "step");
    legend(box, names.map((name, n) => [
      `${name} ${percent(sum(name) / Math.max(1e-300, total.reduce((a, b) => a + b, 0)))}`,
      PARTS[n % PARTS.length]]));
  }
  const options = [["part", "part of the critical path"], ["layer", "layer"]]
    .filter(([name]) => sources[name]);
  choices(document.getElementById("latencyby"), options, by, (name) => { by = name; paint(); });
  paint();
}

function makeEnergy(data) {
  const energy = data.result.energy_j, ranges = data.result.energy_range_j;
  const names = Object.keys(energy).filter((n) => n !== "total" && (energy[n] > 0
    || ranges[n][1] > 0)).sort((a, b) => energy[b] - energy[a]);
  if (!names.length) return;
  const most = Math.max(...names.map((n) => Math.max(energy[n], ranges[n][1])));
  const box = document.getElementById("energychart");
  const W = chartWidth(box), ROW = 26, L = 90, R = W < 600 ? 110 : 170;
  const svg = draw(box, "svg", {
    viewBox: `0 0 ${W} ${names.length * ROW + 6}`, role: "img",
    "aria-label": "Energy by component; the table below has the numbers" });
  const x = (v) => L + (W - L - R) * v / most;
  names.forEach((name, i) => {
    const y = i * ROW + 4;
    draw(svg, "text", { x: L - 8, y: y + 14, "text-anchor": "end" }, name.replace(/_/g, " "));
    const bar = draw(svg, "rect", { x: L, y, width: Math.max(1, x(energy[name]) - L), height: 18,
      fill: PARTS[i % PARTS.length] });
    const [low, high] = ranges[name];
    draw(bar, "title", {}, `${name}: ${si(energy[name], "J")} (${si(low, "J")} to ${si(high, "J")})`);
    if (high > low) {
      draw(svg, "path", { d: `M${x(low)},${y + 9}H${x(high)}M${x(low)},${y + 4}v10M${x(high)},${y + 4}v10`,
        style: "stroke:var(--ink);stroke-width:1.5;fill:none" });
    }
    draw(svg, "text", { x: Math.max(x(energy[name]), x(high)) + 8, y: y + 14 },
      `${si(energy[name], "J")}, ${percent(energy[name] / energy.total)}`);
  });
}

function makeMatrix(data) {
  const canvas = document.getElementById("matrix");
  if (!canvas || !data.matrix) return;
  const { names, counts } = data.matrix, n = names.length;
  const info = document.getElementById("matrixinfo");
  const cell = Math.max(3, Math.floor(600 / n)), most = Math.max(1, ...counts.map((r) => Math.max(...r)));
  canvas.width = canvas.height = cell * n;
  const context = canvas.getContext("2d");
  function paint() {
    const empty = getComputedStyle(document.documentElement).getPropertyValue("--empty").trim();
    context.fillStyle = empty;
    context.fillRect(0, 0, canvas.width, canvas.height);
    counts.forEach((row, i) => row.forEach((count, j) => {
      if (!count) return;
      context.fillStyle = ramp(RAMP, count / most);
      context.fillRect(j * cell, i * cell, cell, cell);
    }));
  }
  canvas.addEventListener("pointermove", (event) => {
    const area = canvas.getBoundingClientRect();
    const j = Math.floor((event.clientX - area.left) / area.width * n);
    const i = Math.floor((event.clientY - area.top) / area.height * n);
    if (i < 0 || j < 0 || i >= n || j >= n) return;
    info.textContent = `${names[i]} to ${names[j]}: ${counts[i][j].toLocaleString("en")} copies`;
  });
  paint();
  document.addEventListener("redraw", paint);
  legend(canvas.parentNode, [0.05, 0.5, 1].map(
    (f) => [Math.round(f * most).toLocaleString("en") + " copies", ramp(RAMP, f)]));
  const pairs = counts.flatMap((row, i) => row.map((count, j) => [count, i, j]))
    .filter(([count]) => count).sort((a, b) => b[0] - a[0]).slice(0, 10);
  const body = document.getElementById("pairs").tBodies[0];
  for (const [count, i, j] of pairs) {
    const row = body.insertRow();
    for (const text of [names[i], names[j], count.toLocaleString("en")]) {
      row.insertCell().textContent = text;
    }
  }
}

function makeRaster(data) {
  const canvas = document.getElementById("raster");
  if (!canvas || !data.activity) return;
  const info = document.getElementById("rasterinfo");
  let layer = 0;
  function paint() {
    const { name, units, steps, of, bits } = data.activity[layer];
    const bytes = Uint8Array.from(atob(bits), (c) => c.charCodeAt(0));
    const style = getComputedStyle(document.documentElement);
    const [dx, dy] = [Math.max(1, Math.floor(900 / steps)), Math.max(1, Math.floor(320 / units))];
    canvas.width = steps * dx;
    canvas.height = units * dy;
    canvas.style.width = "min(100%, 900px)";
    canvas.style.height = Math.min(480, Math.max(160, units * dy)) + "px";
    const context = canvas.getContext("2d");
    context.fillStyle = style.getPropertyValue("--empty").trim();
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = style.getPropertyValue("--ink").trim();
    let events = 0;
    for (let t = 0; t < steps; t++) {
      for (let u = 0; u < units; u++) {
        const i = t * units + u;
        if (bytes[i >> 3] >> (7 - (i & 7)) & 1) {
          context.fillRect(t * dx, u * dy, dx, dy);
          events++;
        }
      }
    }
    const cut = steps < of ? `; the first ${steps} of ${of} steps` : "";
    info.textContent = `${name}: ${units} units (top to bottom) over ${steps} steps (left to right), `
      + `${events.toLocaleString("en")} events, ${percent(events / (units * steps))} active${cut}`;
    canvas.setAttribute("aria-label", "Which unit fired in which step: " + info.textContent);
  }
  choices(document.getElementById("rasterof"),
    data.activity.map((entry, i) => [String(i), entry.name]), "0",
    (i) => { layer = Number(i); paint(); });
  paint();
  document.addEventListener("redraw", paint);
}
