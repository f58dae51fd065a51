// Sweep pages: rows that hold a text.
const find = document.getElementById("find");
find.addEventListener("input", () => {
  const wanted = find.value.toLowerCase();
  let shown = 0;
  for (const row of document.getElementById("table-points").tBodies[0].rows) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
    shown += row.hidden ? 0 : 1;
  }
  document.getElementById("found").textContent = shown + " points";
});
