"use strict";
// What all pages share: small helpers, the theme, sortable tables.

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes, appended to a parent. */
function draw(parent, name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.appendChild(element);
  return element;
}

/** A value with three digits and a prefix. */
function si(value, unit) {
  if (value === null || value === undefined) return "-";
  if (value === 0) return "0 " + unit;
  const prefixes = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "\u00b5"],
    [1e-9, "n"], [1e-12, "p"]];
  const [scale, prefix] = prefixes.find(([s]) => Math.abs(value) >= s * 0.9995)
    || prefixes[prefixes.length - 1];
  return (value / scale).toPrecision(3).replace(/e\+?/, "e") + " " + prefix + unit;
}

/** A fraction with one decimal, or two digits where that would show nothing. */
const percent = (value) => (value > 0 && value < 0.001
  ? Number((100 * value).toPrecision(2)).toString() : (100 * value).toFixed(1)) + " %";

const theme = document.getElementById("theme");
/** Whether the page is dark now, by choice or by the system's. */
function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
function showTheme() {
  theme.textContent = isDark() ? "Light" : "Dark";
  theme.setAttribute("aria-pressed", String(isDark()));
  theme.setAttribute("aria-label", "Switch to " + theme.textContent.toLowerCase() + " colours");
}
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
  document.dispatchEvent(new Event("redraw"));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  showTheme();
  document.dispatchEvent(new Event("redraw"));
});
showTheme();

/** Radio buttons of a fieldset; calls back with the chosen value. */
function choices(fieldset, options, chosen, callback) {
  for (const [value, label] of options) {
    const wrap = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: fieldset.id, value, checked: value === chosen });
    input.addEventListener("change", () => callback(value));
    wrap.append(input, " " + label);
    fieldset.append(wrap);
  }
}

/** A choice that offers nothing is not shown. */
function hideEmptyChoices() {
  for (const fieldset of document.querySelectorAll("fieldset")) {
    fieldset.hidden = !fieldset.querySelector("input");
  }
}

/** Colours of a legend below a picture. */
function legend(parent, entries) {
  const box = document.createElement("div");
  box.className = "legend";
  for (const [name, colour] of entries) {
    const item = document.createElement("span");
    item.style.setProperty("--swatch", colour);
    item.textContent = name;
    box.append(item);
  }
  parent.append(box);
}

/** A click on a head sorts its table by that column; numbers as numbers, empty cells last. */
function sortBy(table, column, head) {
  const descending = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => {
    const text = row.cells[column].textContent;
    const number = text.trim() === "" ? NaN : Number(text);
    return { row, text, number };
  });
  rows.sort((a, b) => {
    if ((a.text === "") !== (b.text === "")) return a.text === "" ? 1 : -1;
    const order = Number.isNaN(a.number) || Number.isNaN(b.number)
      ? a.text.localeCompare(b.text) : a.number - b.number;
    return descending ? -order : order;
  });
  body.append(...rows.map((entry) => entry.row));
}
for (const table of document.querySelectorAll("table.sortable")) {
  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => sortBy(table, column, head));
  });
}
