// The floorplan: tiles with their cores, links as arrows; metrics, a step slider, hover and keys.

// Lightness rises steadily, so that the scale survives grey printers and colour blindness.
const RAMP = ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"];
const HEAT = ["#fff4d6", "#fed98e", "#fe9929", "#ec7014", "#cc4c02", "#993404", "#662506"];
const LAYERS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#8c6bb1"];

/** Colour at a fraction of a ramp. */
function ramp(colours, fraction) {
  const at = Math.max(0, Math.min(1, fraction)) * (colours.length - 1);
  const low = Math.min(colours.length - 2, Math.floor(at));
  const mix = [1, 3, 5].map((i) => {
    const a = parseInt(colours[low].slice(i, i + 2), 16);
    const b = parseInt(colours[low + 1].slice(i, i + 2), 16);
    return Math.round(a + (b - a) * (at - low)).toString(16).padStart(2, "0");
  });
  return "#" + mix.join("");
}
const dark = (colour) => {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b < 140;
};

function makeFloorplan(data) {
  const plan = data.result.floorplan;
  const cores = data.cores, links = data.links, windows = data.windows;
  const count = (cores.core || []).length;
  const box = document.getElementById("plan"), info = document.getElementById("planinfo");
  let metric = "busy", linkMetric = "utilisation", step = 0, selected = -1;

  const METRICS = [
    ["layer", "layer", (i) => cores.layer[i]],
    ["busy", "utilisation", (i) => (step && windows ? windows.cores[step - 1][i] : cores.busy[i])],
    ["memory", "memory", (i) => cores.memory_bytes[i] / data.result.memory.capacity_bytes],
    ["energy", "energy", (i) => cores.active_j[i]],
    ["ops", "synaptic operations", (i) => cores.synaptic_ops[i]],
  ];
  const value = () => METRICS.find(([name]) => name === metric)[2];
  const linkValue = (i) => (linkMetric === "packets" ? links.packets[i]
    : step && windows ? windows.links[step - 1][i] : links.utilisation[i]);

  // Tiles: known by their coordinates; cores of a tile in a square of squares.
  const key = (x, y) => x + "," + y;
  const tiles = new Map();
  const xs = [...(links.from_x || []), ...(links.to_x || []), ...(cores.x || []), plan.host[0]];
  const ys = [...(links.from_y || []), ...(links.to_y || []), ...(cores.y || []), plan.host[1]];
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  xs.forEach((x, i) => tiles.set(key(x, ys[i]), { x, y: ys[i], cores: [] }));
  for (let i = 0; i < count; i++) tiles.get(key(cores.x[i], cores.y[i])).cores.push(i);
  const depth = Math.max(1, ...Array.from(tiles.values(), (tile) => tile.cores.length));
  const side = Math.ceil(Math.sqrt(depth));

  const PITCH = 92, TILE = 62;
  const left = (x) => 34 + (x - x0) * PITCH, top = (y) => 8 + (y1 - y) * PITCH;
  const width = left(x1) + PITCH, height = top(y0) + PITCH;
  const svg = draw(null, "svg", {
    viewBox: `0 0 ${width} ${height}`, role: "application", tabindex: "0",
    "aria-label": "Floorplan of " + tiles.size + " tiles and " + count
      + " used cores. Arrow keys go from core to core; values are read below.",
    style: `width:${Math.min(1150, width)}px`,
  });
  box.append(svg);
  const key_ = document.createElement("div");
  box.append(key_);

  const shapes = [], arrows = [];
  for (const tile of tiles.values()) {
    const x = left(tile.x), y = top(tile.y);
    const host = tile.x === plan.host[0] && tile.y === plan.host[1];
    draw(svg, "rect", { x, y, width: TILE, height: TILE, rx: 5, class: "axis",
      style: "fill:var(--empty)" + (host ? ";stroke:var(--accent);stroke-width:2" : "") });
    const cell = (TILE - 6) / side;
    tile.cores.forEach((i, n) => {
      const cx = x + 3 + (n % side) * cell, cy = y + 3 + Math.floor(n / side) * cell;
      const shape = draw(svg, "rect", { x: cx + 1, y: cy + 1, width: cell - 2, height: cell - 2,
        rx: 3, "data-core": cores.core[i] });
      draw(shape, "title");
      const label = cell >= 22 ? draw(svg, "text", { x: cx + cell / 2, y: cy + cell / 2 + 4,
        "text-anchor": "middle", style: "pointer-events:none" }, cores.core[i]) : null;
      shape.addEventListener("pointerenter", () => select(i));
      shapes[i] = { shape, label, x: cx, y: cy };
    });
  }
  for (let x = x0; x <= x1; x++) {
    draw(svg, "text", { x: left(x) + TILE / 2, y: height - 12, "text-anchor": "middle",
      class: "faint" }, x);
  }
  for (let y = y0; y <= y1; y++) {
    draw(svg, "text", { x: 24, y: top(y) + TILE / 2 + 4, "text-anchor": "end", class: "faint" }, y);
  }
  for (let i = 0; i < (links.link || []).length; i++) arrows[i] = arrow(i);

  /** A link as an arrow in the gap between its tiles; longer ways (around a torus) as a bow. */
  function arrow(i) {
    const [ax, ay, bx, by] = [links.from_x[i], links.from_y[i], links.to_x[i], links.to_y[i]];
    const dx = bx - ax, dy = by - ay, far = Math.max(Math.abs(dx), Math.abs(dy)) > 1;
    const sx = Math.sign(far ? -dx : dx), sy = Math.sign(far ? -dy : dy);
    const cx = left(ax) + TILE / 2, cy = top(ay) + TILE / 2;
    const lane = 7, reach = TILE / 2 + 3, gap = far ? 12 : PITCH - TILE - 6;
    const px = cx + sx * reach + sy * lane, py = cy - sy * reach + sx * lane;
    const ex = px + sx * gap, ey = py - sy * gap;
    const head = 6;
    const points = [[px + sy * 2, py + sx * 2], [ex - sx * head + sy * 2, ey + sy * head + sx * 2],
      [ex - sx * head + sy * 5, ey + sy * head + sx * 5], [ex, ey],
      [ex - sx * head - sy * 5, ey + sy * head - sx * 5],
      [ex - sx * head - sy * 2, ey + sy * head - sx * 2], [px - sy * 2, py - sx * 2]];
    const shape = draw(svg, "polygon", { points: points.map((p) => p.join()).join(" "),
      "data-link": links.link[i] });
    draw(shape, "title");
    shape.addEventListener("pointerenter", () => { info.textContent = linkText(i); });
    return shape;
  }

  function coreText(i) {
    return `core ${cores.core[i]} at (${cores.x[i]},${cores.y[i]}): layer ${cores.layer[i]}, `
      + `${cores.units[i]} units, busy ${percent(METRICS[1][2](i))}, `
      + `memory ${cores.memory_bytes[i].toLocaleString("en")} B `
      + `(${percent(cores.memory_bytes[i] / data.result.memory.capacity_bytes)}), `
      + `energy ${si(cores.active_j[i], "J")}, ${cores.synaptic_ops[i].toLocaleString("en")} `
      + `synaptic operations, FIFO up to ${cores.fifo_max[i]}`;
  }
  function linkText(i) {
    const load = step && windows ? windows.links[step - 1][i] : links.utilisation[i];
    return `link (${links.from_x[i]},${links.from_y[i]}) to (${links.to_x[i]},${links.to_y[i]}): `
      + `busy ${percent(load)}, ${links.packets[i].toLocaleString("en")} packets in the run`;
  }

  function select(i) {
    if (selected >= 0) shapes[selected].shape.classList.remove("selected");
    selected = i;
    shapes[i].shape.classList.add("selected");
    info.textContent = coreText(i);
  }

  const WAYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  svg.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    if (!way || !count) return;
    event.preventDefault();
    if (selected < 0) { select(0); return; }
    let best = -1, least = Infinity;
    shapes.forEach((other, i) => {
      const dx = other.x - shapes[selected].x, dy = other.y - shapes[selected].y;
      const along = dx * way[0] + dy * way[1], off = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
      if (along > 0.5 && along + 3 * off < least) { best = i; least = along + 3 * off; }
    });
    if (best >= 0) select(best);
  });

  function paint() {
    // The heaviest link stands out most: darkest on light paper, brightest on dark.
    const heat = isDark() ? [...HEAT].reverse() : HEAT;
    const of = value();
    const values = shapes.map((_, i) => of(i));
    const fixed = metric === "busy" || metric === "memory";
    const most = fixed ? 1 : Math.max(...values, 1e-300);
    shapes.forEach((core, i) => {
      const colour = metric === "layer" ? LAYERS[values[i] % LAYERS.length]
        : ramp(RAMP, values[i] / most);
      core.shape.setAttribute("fill", colour);
      core.shape.firstChild.textContent = coreText(i);
      core.shape.dataset.value = values[i];
      if (core.label) core.label.style.fill = dark(colour) ? "#fff" : "#000";
    });
    const loads = arrows.map((_, i) => linkValue(i));
    const heaviest = Math.max(...loads, 1e-300);
    arrows.forEach((shape, i) => {
      shape.setAttribute("fill", loads[i] > 0 ? ramp(heat, loads[i] / heaviest) : "var(--line)");
      shape.firstChild.textContent = linkText(i);
      shape.dataset.value = loads[i];
    });
    key_.replaceChildren();
    if (count) {
      const format = { busy: percent, memory: percent, energy: (v) => si(v, "J"),
        ops: (v) => Math.round(v).toLocaleString("en") }[metric];
      legend(key_, metric === "layer"
        ? [...new Set(cores.layer)].sort((a, b) => a - b).map(
          (l) => ["layer " + l, LAYERS[l % LAYERS.length]])
        : [0, 0.25, 0.5, 0.75, 1].map((f) => [format(f * most), ramp(RAMP, f)]));
    }
    if (arrows.length) {
      const format = linkMetric === "packets" ? (v) => Math.round(v).toLocaleString("en") : percent;
      legend(key_, [0, 0.5, 1].map((f) => ["links " + format(f * heaviest), ramp(heat, f)]));
    }
    legend(key_, [["tile with the host", "var(--accent)"]]);
    if (selected >= 0) info.textContent = coreText(selected);
  }

  if (count) {
    choices(document.getElementById("metric"), METRICS.map(([name, label]) => [name, label]),
      metric, (name) => { metric = name; paint(); });
  }
  choices(document.getElementById("linkmetric"), [["utilisation", "load"], ["packets", "packets"]],
    linkMetric, (name) => { linkMetric = name; paint(); });
  if (windows) {
    const slider = document.getElementById("step"), label = document.getElementById("steplabel");
    document.getElementById("when").hidden = false;
    slider.max = windows.label.length;
    slider.addEventListener("input", () => {
      step = Number(slider.value);
      label.textContent = step ? windows.label[step - 1] : "whole run";
      slider.setAttribute("aria-valuetext", label.textContent);
      paint();
    });
  }
  document.addEventListener("redraw", paint);
  paint();
}
