// The small picture of a call in a list: its emotions from start to end, in as many cells as the data has.
"use strict";

callmood.strip = function (call) {
  const cells = [...call.strip];
  const stops = [];
  cells.forEach((cell, i) => {
    if (i > 0 && cell === cells[i - 1]) return;
    let end = i;
    while (end < cells.length && cells[end] === cell) end += 1;
    const color = cell === "." ? "var(--lane)" : `var(--${callmood.LABELS[Number(cell)]})`;
    stops.push(`${color} ${(100 * i) / cells.length}% ${(100 * end) / cells.length}%`);
  });
  const most = call.seconds
    .map((seconds, i) => [seconds, callmood.LABELS[i]])
    .filter(([seconds]) => seconds > 0)
    .sort((a, b) => b[0] - a[0])
    .slice(0, 3)
    .map(([seconds, label]) => `${label} ${callmood.percent(seconds / call.heard)}`);
  const said = most.length ? most.join(", ") : "no emotion heard";
  const style = stops.length ? { background: `linear-gradient(to right, ${stops.join(", ")})` } : {};
  return callmood.h("span", { class: "strip", role: "img", "aria-label": said, title: said, style });
};
