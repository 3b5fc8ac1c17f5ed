// How far each day's calls are from what the model knows. The figures stand in the page itself.
"use strict";

(() => {
  const box = document.querySelector("#health");
  if (box) callmood.charts.health("#health", JSON.parse(box.dataset.rows));
})();
