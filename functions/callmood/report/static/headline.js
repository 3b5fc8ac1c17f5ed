// The headline of the index page: key metrics with their changes, and the mix of emotions.
"use strict";

callmood.headline = (() => {
  const { h, fill, metrics, filters, percent, count, plural } = callmood;

  // Below 20 calls a share is a count, and below 200 calls a whole percentage.
  const digits = (calls) => (calls < 200 ? 0 : 1);

  const previousDays = (days) => (days === 1 ? "the previous day" : `the previous ${plural(days, "day")}`);

  function changeText(key, now, before, days, worseWhen) {
    const previous = previousDays(days);
    if (!before) return h("p", { class: "change" }, `loading ${previous}`);
    if (before.calls === 0) return h("p", { class: "change" }, `no calls in ${previous}`);
    if (before.isSuppressed) {
      return h("p", { class: "change" }, `fewer than ${callmood.minCallsPerGroup} calls in ${previous}`);
    }
    const change = metrics.change(key, now, before);
    if (!change) return null;
    const points = callmood.number(100 * Math.abs(change.value), 1);
    const range = `95% interval of the change: ${signed(change.low)} to ${signed(change.high)} points`;
    if (!change.isClear) return h("p", { class: "change", title: range }, `no clear change from ${previous}`);
    const direction = change.value > 0 ? "higher" : "lower";
    const tone = direction === worseWhen ? "worse" : "better";
    return h("p", { class: "change", "data-tone": tone, title: range }, `${points} points ${direction} than in ${previous}`);
  }

  const signed = (ratio) => `${ratio > 0 ? "+" : "−"}${callmood.number(100 * Math.abs(ratio), 1)}`;

  function callsChange(now, before, days) {
    const previous = previousDays(days);
    if (before === undefined) return h("p", { class: "change" }, `loading ${previous}`);
    if (before < callmood.minCallsPerGroup) return h("p", { class: "change" }, `${plural(before, "call")} in ${previous}`);
    const ratio = now / before - 1;
    const isSame = Math.abs(ratio) < 0.005;
    const text = isSame ? "same as" : `${percent(Math.abs(ratio))} ${ratio > 0 ? "more" : "fewer"} than`;
    return h("p", { class: "change" }, `${text} in ${previous}`);
  }

  function shareText(summary, key) {
    const [part, whole] = metrics.SHARES[key];
    if (summary[key] === null) return "–";
    return summary[whole] < 20 ? `${summary[part]} of ${summary[whole]}` : percent(summary[key], digits(summary[whole]));
  }

  function render(state, calls) {
    const now = metrics.summarize(calls);
    const previous = metrics.previousPeriod(state);
    const before = callmood.isComplete ? metrics.summarize(previous.calls) : null; // a part of the calls would mislead
    const few = calls.length ? `fewer than ${callmood.minCallsPerGroup} calls` : "no calls with these filters";
    const card = (id, title, changes, value, explanation, ...details) =>
      h(
        "div",
        { class: "metric", id },
        h("dt", {}, title),
        h("dd", { class: "value" }, filters.link(changes, { target: "#list-title" }, value)),
        h("dd", {}, explanation, ...details),
      );
    const share = (id, title, key, changes, explanation, worseWhen) =>
      now.isSuppressed
        ? card(id, title, changes, "–", few)
        : card(
            id,
            title,
            changes,
            shareText(now, key),
            explanation,
            changeText(key, now, before, previous.days, worseWhen),
          );
    fill(
      "#metrics",
      share(
        "metric-attention",
        "Needs review",
        "needsAttentionRatio",
        { review: 1 },
        `${plural(now.needsAttention, "call")}: negative for a third of the call or angry for 10 s, and not recovered`,
        "higher",
      ),
      now.isSuppressed
        ? card("metric-negativity", "Negative", { sort: "negativity" }, "–", few)
        : card(
            "metric-negativity",
            "Negative",
            { sort: "negativity" },
            percent(now.negativity, digits(now.calls)),
            "how customers sound: mean probability of anger, disgust, fear, or sadness",
            usualRange(state, digits(now.calls)),
            changeText("negativity", now, before, previous.days, "higher"),
          ),
      share(
        "metric-escalated",
        "Escalated",
        "escalatedRatio",
        { flag: "escalated" },
        `${plural(now.escalated, "call")}: negative at the end, and more than at the start`,
        "higher",
      ),
      share(
        "metric-recovered",
        "Recovered",
        "recoveredRatio",
        { flag: "recovered" },
        `${count(now.recovered)} of ${plural(now.negativeCalls, "negative call")} ended well`,
        "lower",
      ),
      card(
        "metric-calls",
        "Calls",
        { sort: "start" },
        count(now.calls),
        callmood.totalTime(now.duration),
        callsChange(now.calls, before?.calls, previous.days),
      ),
    );
    fill("#emotion-mix", now.negativity === null ? [] : emotionMix(now));
    fill("#marks", marks(calls));
  }

  function usualRange(state, decimals) {
    if (!callmood.isComplete) return h("p", { class: "usual" }, "usual range: loading");
    const [, last] = metrics.period(state);
    const range = metrics.usualRange(metrics.filterByGroup(state, callmood.calls), last);
    const text = range
      ? `usual: ${percent(range.low, decimals)} to ${percent(range.high, decimals)} per week (${range.weeks} weeks)`
      : "usual range: needs four weeks";
    return h("p", { class: "usual" }, text);
  }

  // Rounds shares so that they add up to a rounded total: the largest remainders are rounded up.
  function roundTo(total, ratios, decimals) {
    const unit = 10 ** (decimals + 2);
    const scaled = ratios.map((ratio) => ratio * unit);
    const rounded = scaled.map(Math.floor);
    let missing = Math.round(total * unit) - rounded.reduce((sum, value) => sum + value, 0);
    const order = scaled.map((_, i) => i).sort((a, b) => (scaled[b] % 1) - (scaled[a] % 1));
    for (const i of order) {
      if (missing <= 0) break;
      rounded[i] += 1;
      missing -= 1;
    }
    return rounded.map((value) => value / unit);
  }

  // The mean probabilities of the emotions. Those of the negative emotions add up to the headline.
  function emotionMix(summary) {
    const decimals = digits(summary.calls);
    const index = (emotion) => callmood.EMOTIONS.indexOf(emotion);
    const part = (emotions, total) => {
      const ratios = emotions.map((emotion) => summary.probabilities[index(emotion)]);
      const sum = ratios.reduce((a, b) => a + b, 0) || 1;
      const rounded = roundTo(total, ratios.map((ratio) => (ratio * total) / sum), decimals);
      return emotions.map((emotion, i) => [emotion, rounded[i]]);
    };
    const negativity = Number(summary.negativity.toFixed(decimals + 2));
    const negative = part(["anger", "disgust", "fear", "sadness"], negativity);
    const others = part(["neutral", "happiness"], 1 - negativity);
    const entry = ([emotion, ratio]) =>
      h(
        "li",
        {},
        filters.link(
          { emotion },
          { target: "#list-title", title: `List the calls with 5 s or more of ${emotion}` },
          callmood.dot(emotion),
          `${emotion} `,
          h("b", {}, percent(ratio, decimals)),
        ),
      );
    return [
      h(
        "div",
        { class: "bar", "aria-hidden": "true" },
        [...negative, ...others].map(([emotion, ratio]) => h("i", { "data-emotion": emotion, style: { "flex-grow": ratio } })),
      ),
      h(
        "ul",
        { class: "legend" },
        h("li", { class: "sum" }, `negative ${percent(negativity, decimals)} =`),
        negative.map(entry),
        h("li", { class: "sum" }, "others"),
        others.map(entry),
      ),
    ];
  }

  // What limits the figures of these calls.
  function marks(calls) {
    const mark = (flag, text) => {
      const n = calls.filter(metrics.FLAGS[flag].test).length;
      return n ? h("li", {}, filters.link({ flag }, { target: "#list-title" }, plural(n, "call")), ` ${text(n)}`) : null;
    };
    const verb = (n, one, many) => (n === 1 ? one : many);
    return [
      mark("shared", (n) => `${verb(n, "has", "have")} speakers in one channel that were not separated: figures, if any, can include the agent.`),
      mark("estimated", (n) => `${verb(n, "has", "have")} no known start: day and hour are those of the upload.`),
      mark("agent", (n) => `${verb(n, "contains", "contain")} inferred emotions of agents.`),
    ];
  }

  return { render };
})();
