// The headline of the index page: key metrics and the mix of emotions.
"use strict";

callmood.headline = (() => {
  const { h, fill, metrics, percent, count, plural } = callmood;

  function ratioChange(now, before, days, worseWhen) {
    if (now === null || before === null) return null;
    const points = 100 * (now - before);
    const isSame = Math.abs(points) < 0.05;
    const text = isSame ? "same as" : `${Math.abs(points).toFixed(1)} points ${points > 0 ? "higher" : "lower"} than`;
    const tone = isSame ? "same" : points > 0 === (worseWhen === "higher") ? "worse" : "better";
    return h("p", { class: "change", "data-tone": tone }, `${text} in the previous ${plural(days, "day")}`);
  }

  function callsChange(now, before, days) {
    if (before === 0) return h("p", { class: "change" }, `no calls in the previous ${plural(days, "day")}`);
    const ratio = now / before - 1;
    const isSame = Math.abs(ratio) < 0.005;
    const text = isSame ? "same as" : `${percent(Math.abs(ratio))} ${ratio > 0 ? "more" : "fewer"} than`;
    return h("p", { class: "change" }, `${text} in the previous ${plural(days, "day")}`);
  }

  function renderMetrics(state, calls) {
    const now = metrics.summarize(calls);
    const previous = metrics.previousPeriod(state);
    const before = metrics.summarize(previous.calls);
    const suppressed = metrics.isSuppressed(state, now.calls);
    const card = (id, title, value, detail, change) =>
      h(
        "div",
        { class: "metric", id },
        h("dt", {}, title),
        h("dd", { class: "value" }, value),
        h("dd", {}, detail, change),
      );
    const ratioCard = (id, title, key, detail, worseWhen) =>
      suppressed
        ? card(id, title, "–", `fewer than ${callmood.minCallsPerGroup} calls of this agent`, null)
        : card(id, title, percent(now[key], 1), detail, ratioChange(now[key], before[key], previous.days, worseWhen));
    const recovered = `${count(now.recovered)} of ${plural(now.negativeCalls, "negative call")}`;
    fill(
      "#metrics",
      card(
        "metric-calls",
        "Calls",
        count(now.calls),
        callmood.totalTime(now.duration),
        callsChange(now.calls, before.calls, previous.days),
      ),
      ratioCard(
        "metric-attention",
        "Needs review",
        "needsAttentionRatio",
        plural(now.needsAttention, "call"),
        "higher",
      ),
      ratioCard("metric-negativity", "Negative", "negativity", "of customer speech", "higher"),
      ratioCard("metric-escalated", "Escalated", "escalatedRatio", plural(now.escalated, "call"), "higher"),
      ratioCard("metric-recovered", "Recovered", "recoveredRatio", recovered, "lower"),
    );
    fill("#emotion-mix", suppressed ? [] : emotionMix(now));
  }

  function emotionMix({ labelRatios }) {
    const order = [0, 1, 2, 5, 6, 4, 3]; // negative labels on the left, happiness on the right
    const labels = order.filter((i) => labelRatios[i] > 0).map((i) => [callmood.LABELS[i], labelRatios[i]]);
    return [
      h(
        "div",
        { class: "bar", "aria-hidden": "true" },
        labels.map(([label, ratio]) => h("i", { "data-emotion": label, style: { "flex-grow": ratio } })),
      ),
      h(
        "ul",
        { class: "legend" },
        labels.map(([label, ratio]) => h("li", {}, callmood.dot(label), `${label} `, h("b", {}, percent(ratio)))),
      ),
    ];
  }

  return { render: renderMetrics };
})();
