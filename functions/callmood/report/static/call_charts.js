// The charts of a call as plain SVG, so that the page needs no chart library.
"use strict";

callmood.callCharts = (() => {
  const { svg, fill, percent, clock } = callmood;
  const [TOP_PX, BOTTOM_PX] = [20, 140]; // of the bars by quarter

  // Negativity by quarter of the call.
  function quarters(ratios) {
    const names = ["first", "second", "third", "last"];
    const max = Math.max(0.5, ...ratios);
    const x = (share) => `${10 + 22.5 * share}%`; // in quarters; the numbers of the axis are on the left
    const y = (ratio) => BOTTOM_PX - ((BOTTOM_PX - TOP_PX) * ratio) / max;
    const lines = [0, 0.25, 0.5, 0.75, 1].filter((ratio) => ratio <= max).map((ratio) => [
      svg("line", { x1: x(0), x2: x(4), y1: y(ratio), y2: y(ratio) }),
      svg("text", { x: "8.5%", y: y(ratio) + 4, class: "tick" }, percent(ratio)),
    ]);
    const bars = ratios.map((ratio, i) => [
      svg("text", { x: x(i + 0.5), y: BOTTOM_PX + 20 }, names[i]),
      svg("rect", { x: x(i + 0.2), y: y(ratio), width: "13.5%", height: BOTTOM_PX - y(ratio), rx: 3 }),
      svg("text", { x: x(i + 0.5), y: y(ratio) - 6, class: "value" }, ratio === null ? "" : percent(ratio)),
    ]);
    const shown = ratios.map((ratio, i) => `${names[i]} ${percent(ratio)}`).join(", ");
    const label = `Negativity of the customer by quarter of the call: ${shown}`;
    fill("#quarters", svg("svg", { role: "img", "aria-label": label }, lines.flat(), bars.flat()));
  }

  // Negativity per ten seconds. The chart stretches with the lanes.
  function timeline(ratios, duration) {
    const bars = ratios.map((ratio, i) => {
      const [start, end] = [10 * i, Math.min(10 * i + 10, duration)];
      const title = svg("title", {}, `${clock(start)} to ${clock(end)}: negative ${percent(ratio)}`);
      return svg("rect", { x: start, y: 1 - ratio, width: end - start, height: ratio ?? 0 }, title);
    });
    const label = "Negativity of the customer, per ten seconds";
    const box = { viewBox: `0 0 ${duration} 1`, preserveAspectRatio: "none" };
    fill("#timeline", svg("svg", { ...box, role: "img", "aria-label": label }, bars));
  }

  return { quarters, timeline };
})();
