// Why a call needs review: its figures beside the thresholds of schemas/views/unstored_metrics.sql.
"use strict";

callmood.why = (() => {
  const { h, percent, number } = callmood;
  const NEGATIVE = 0.4; // negativity of a negative third
  const CHANGE = 0.2; // change of negativity to escalate or recover
  const ANGER_S = 10;

  function rows(call) {
    const points = (change) => `${change > 0 ? "+" : "−"}${number(Math.abs(100 * change))} points`;
    const ratio = (name, value) => [name, value, percent(value), percent(NEGATIVE), value >= NEGATIVE];
    const { negativityChange: change, angerDuration: anger } = call;
    const found = [
      ratio("Negativity in the first third", call.negativityStart),
      ratio("Negativity in the middle third", call.negativityMiddle),
      ratio("Negativity in the last third", call.negativityEnd),
      ["Change from the first to the last third", change, points(change), points(CHANGE), change >= CHANGE],
      ["Anger", anger, `${number(anger ?? 0, 1)} s`, `${ANGER_S} s`, anger >= ANGER_S],
    ];
    return found.filter(([, value]) => value !== null);
  }

  function conclusion(call) {
    if (call.needsAttention === null) {
      const reason = call.isSharedChannel ? ": the speakers of its one channel could not be separated" : "";
      return `No emotion of the customer was inferred${reason}.`;
    }
    if (!call.isNegativeCall) return "Not a negative call: no third and no anger reaches its threshold.";
    if (call.recovered) return "A negative call that recovered: its last third is below the threshold.";
    return `Needs review: ${call.attentionReason}.`;
  }

  function render(call) {
    const row = ([name, , value, threshold, isReached]) =>
      h(
        "tr",
        { "data-reached": isReached },
        h("th", { scope: "row" }, name),
        h("td", { class: "number" }, value),
        h("td", { class: "number" }, threshold),
        h("td", {}, isReached ? "reached" : ""),
      );
    const header = ["", "This call", "Threshold", ""].map((text, i) =>
      h(text ? "th" : "td", { class: i > 0 && i < 3 ? "number" : null, scope: text ? "col" : null }, text),
    );
    const table = h("table", {}, h("thead", {}, h("tr", {}, header)), h("tbody", {}, rows(call).map(row)));
    callmood.fill("#why", h("p", {}, conclusion(call)), call.needsAttention === null ? null : table);
  }

  return { render };
})();
