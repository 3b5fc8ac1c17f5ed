// Draws the drift checks. Their values are in an attribute of the page itself.
"use strict";

(() => {
  const box = document.querySelector("#drift-checks");
  if (box) callmood.charts.driftChecks("#drift-checks", JSON.parse(box.dataset.rows));
})();
