// The sparkline of a call in the list: the dominant emotion of the customer per cell, from start to end.
"use strict";

callmood.sparkline = function (call) {
  const top = call.labelDurations
    .map((seconds, i) => [seconds, callmood.LABELS[i]])
    .filter(([seconds]) => seconds > 0)
    .sort((a, b) => b[0] - a[0])
    .slice(0, 3)
    .map(([seconds, label]) => `${label} ${callmood.percent(seconds / call.emotionDuration)}`);
  const summary = top.length ? top.join(", ") : "no emotion inferred";
  const element = callmood.h("span", { class: "sparkline", role: "img", "aria-label": summary, title: summary });
  callmood.data.readSparkline(call).then(
    (cells) => (element.style.background = gradient([...cells])),
    () => undefined, // the text alternative remains
  );
  return element;

  function gradient(cells) {
    const stops = [];
    cells.forEach((cell, i) => {
      if (i > 0 && cell === cells[i - 1]) return;
      let end = i;
      while (end < cells.length && cells[end] === cell) end += 1;
      const color = cell === "." ? "var(--lane)" : `var(--${callmood.LABELS[Number(cell)]})`;
      stops.push(`${color} ${(100 * i) / cells.length}% ${(100 * end) / cells.length}%`);
    });
    return stops.length ? `linear-gradient(to right, ${stops.join(", ")})` : "";
  }
};
