// The run's page: one part after the other, from the data in the page.
const data = JSON.parse(document.getElementById("data").textContent);
makeFloorplan(data);
makeLatency(data);
makeEnergy(data);
makeMatrix(data);
makeRaster(data);
hideEmptyChoices();
// Printed pages show all there is.
let closed = [];
addEventListener("beforeprint", () => {
  closed = Array.from(document.querySelectorAll("details:not([open])"));
  for (const each of closed) each.open = true;
});
addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
