// The index page: metrics, charts, rankings of queues and agents, and the list of calls.
"use strict";

(() => {
  const { h, fill, metrics, percent, count, plural } = callmood;
  const PAGE_SIZE = 50;

  // --- filters ----------------------------------------------------------------------------------------------------

  const form = document.querySelector("#filters");
  const fields = Object.fromEntries([...form.elements].filter((e) => e.name).map((e) => [e.name, e]));

  function fillFilters() {
    const sorted = (names) => [...names].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const options = (all, names) => [
      h("option", { value: "" }, all),
      ...sorted(names).map((name) => h("option", { value: name }, name)),
    ];
    fill(fields.queue, options("All queues", callmood.queues));
    fill(fields.agent, options("All agents", callmood.agents));
  }

  function showFilters(state) {
    const [from, to] = metrics.period(state);
    fields.days.value = state.from || state.to ? "custom" : state.days || "28";
    fields.from.value = from;
    fields.to.value = to;
    for (const name of ["queue", "agent"]) fields[name].value = state[name] ?? "";
    const filters = ["days", "from", "to", "queue", "agent", "q", "review"];
    document.querySelector("#clear").hidden = !filters.some((key) => state[key]);
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", ({ target: { name, value } }) => {
    const period = { days: "", from: "", to: "" };
    if (name === "days" && value === "custom") return fields.from.focus();
    if (name === "days") return callmood.state.update({ ...period, days: value === "28" ? "" : value, page: "" });
    if (name === "from" || name === "to") {
      return callmood.state.update({ ...period, from: fields.from.value, to: fields.to.value, page: "" });
    }
    return callmood.state.update({ [name]: value, page: "" });
  });
  document.querySelector("#clear").addEventListener("click", () => {
    callmood.state.update({ days: "", from: "", to: "", queue: "", agent: "", q: "", review: "", page: "" });
    search.value = "";
  });

  // --- key metrics ------------------------------------------------------------------------------------------------

  // Metrics of one agent need a minimum number of calls.
  const isSuppressed = (state, calls) => Boolean(state.agent) && calls < callmood.minCallsPerGroup;

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
    const suppressed = isSuppressed(state, now.calls);
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

  // --- charts -----------------------------------------------------------------------------------------------------

  function drawCharts(state, calls) {
    const suppressed = isSuppressed(state, calls.length);
    const days = new Set(calls.map((call) => call.day)).size;
    const withEmotion = calls.filter((call) => call.emotionDuration > 0);
    const canDraw = !suppressed && withEmotion.length > 0;
    if (canDraw && days > 1) {
      const matching = metrics.filterByGroup(state, callmood.calls);
      callmood.charts.trend("#trend", metrics.trend(matching, metrics.period(state)));
    } else {
      callmood.charts.message("#trend", "A trend needs calls on at least two days.");
    }
    if (canDraw) {
      callmood.charts.weekdayHour("#weekday-hour", metrics.weekdayHour(withEmotion));
    } else {
      const reason = suppressed
        ? `Fewer than ${callmood.minCallsPerGroup} calls.`
        : "No emotion was inferred in these calls.";
      callmood.charts.message("#weekday-hour", reason);
    }
  }

  // --- queues and agents ------------------------------------------------------------------------------------------

  function renderRanking(selector, filter, calls, key, minCalls) {
    const rows = metrics.ranking(calls, key, minCalls);
    const max = Math.max(0.2, ...rows.map((row) => (row.isSuppressed ? 0 : row.negativity)));
    const cell = (value) => h("td", { class: "number" }, value);
    const tableRow = (row) => {
      const href = callmood.state.toHash({ ...callmood.state.read(), [filter]: row.name, page: "" });
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, h("a", { href }, callmood.nameElement(row.name))),
        cell(count(row.calls)),
        row.isSuppressed
          ? h("td", { class: "quiet", colspan: 3 }, `fewer than ${minCalls} calls`)
          : [
              h("td", {}, meter(row.negativity, max)),
              cell(percent(row.needsAttentionRatio)),
              cell(percent(row.recoveredRatio)),
            ],
      );
    };
    const empty = h("tr", {}, h("td", { colspan: 5, class: "quiet" }, "not specified in these calls"));
    fill(`${selector} tbody`, rows.length ? rows.map(tableRow) : empty);
  }

  const meter = (ratio, max = 1) =>
    h(
      "span",
      { class: "meter", style: { "--ratio": ratio === null ? 0 : Math.min(1, ratio / max) } },
      h("span", { class: "number" }, percent(ratio)),
    );

  // --- list -------------------------------------------------------------------------------------------------------

  const search = document.querySelector("#search");
  const reviewOnly = document.querySelector("#review-only");
  const sortButtons = document.querySelectorAll("#list thead button");
  search.addEventListener("input", () => callmood.state.update({ q: search.value, page: "" }));
  reviewOnly.addEventListener("change", () => callmood.state.update({ review: reviewOnly.checked ? 1 : "", page: "" }));
  for (const button of sortButtons) {
    button.addEventListener("click", () => {
      const { sort, reversed } = callmood.state.read();
      const key = button.dataset.sort;
      const isActive = (sort || "priority") === key;
      callmood.state.update({
        sort: key === "priority" ? "" : key,
        reversed: isActive && !reversed ? 1 : "",
        page: "",
      });
    });
  }

  function callUrl(state, call, second = "") {
    return `call.html${callmood.state.toHash({ ...state, page: "", call: call.id, t: second })}`;
  }

  function peakLink(state, call) {
    const time = callmood.clock(call.peakStart);
    return h(
      "a",
      { href: callUrl(state, call, call.peakStart), "aria-label": `${call.peakEmotion} at ${time}` },
      callmood.dot(call.peakEmotion),
      `${time} ${call.peakEmotion} ${percent(call.peakProbability)}`,
    );
  }

  function listRow(state, call) {
    return h(
      "tr",
      { "data-attention": call.needsAttention === 1 },
      h(
        "th",
        { scope: "row", class: "call" },
        h("a", { href: callUrl(state, call) }, callmood.nameElement(call.name)),
        h("span", { class: "start" }, `${callmood.date(call.day)}, ${call.time}`),
      ),
      h("td", { class: "queue" }, call.queue === null ? "" : callmood.nameElement(call.queue)),
      h("td", { class: "agent" }, call.agent === null ? "" : callmood.nameElement(call.agent)),
      h("td", { class: "duration number" }, callmood.clock(call.duration)),
      h("td", { class: "emotions" }, callmood.sparkline(call)),
      h("td", { class: "negative" }, call.negativity === null ? "–" : meter(call.negativity)),
      h("td", { class: "peak" }, call.peakStart === null ? "–" : peakLink(state, call)),
      h("td", { class: "reason" }, call.attentionReason ?? ""),
    );
  }

  function renderList(state, calls) {
    const found = metrics.search(state, calls);
    const pages = Math.max(1, Math.ceil(found.length / PAGE_SIZE));
    const page = Math.min(Math.max(1, Number(state.page) || 1), pages);
    const onPage = found.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE);
    for (const button of sortButtons) {
      const isActive = (state.sort || "priority") === button.dataset.sort;
      const isAscending = ["queue", "agent"].includes(button.dataset.sort) !== Boolean(state.reversed);
      const order = isAscending ? "ascending" : "descending";
      button.closest("th").setAttribute("aria-sort", isActive ? order : "none");
    }
    if (document.activeElement !== search) search.value = state.q ?? "";
    reviewOnly.checked = Boolean(state.review);
    fill(
      "#list tbody",
      onPage.map((call) => listRow(state, call)),
    );
    const first = (page - 1) * PAGE_SIZE + 1;
    const range = `${count(first)} to ${count(first + onPage.length - 1)} of ${plural(found.length, "call")}`;
    fill("#result-count", found.length === 0 ? "No call matches." : range);
    document.querySelector("#pagination").hidden = pages === 1;
    for (const [selector, target] of [
      ["#previous-page", page - 1],
      ["#next-page", page + 1],
    ]) {
      const button = document.querySelector(selector);
      button.disabled = target < 1 || target > pages;
      button.onclick = () => {
        callmood.state.update({ page: target === 1 ? "" : target });
        document.querySelector("#list").scrollIntoView({ block: "start" });
      };
    }
  }

  // --- page -------------------------------------------------------------------------------------------------------

  let renderedFilters = ""; // search, sort order, and list page change only the list

  function render() {
    const state = callmood.state.read();
    const calls = metrics.filterCalls(state);
    const { days, from, to, queue, agent } = state;
    const filters = JSON.stringify([days, from, to, queue, agent, callmood.calls.length]);
    if (filters !== renderedFilters) {
      renderedFilters = filters;
      const [first, last] = metrics.period(state).map(callmood.longDate);
      fill("#period", first === last ? first : `${first} to ${last}`);
      showFilters(state);
      renderMetrics(state, calls);
      drawCharts(state, calls);
      renderRanking("#queues", "queue", calls, (call) => call.queue, 1);
      renderRanking("#agents", "agent", calls, (call) => call.agent, callmood.minCallsPerGroup);
    }
    renderList(state, calls);
  }

  function renderAll() {
    renderedFilters = "";
    fillFilters();
    render();
  }

  window.addEventListener("statechange", render);
  window.addEventListener("hashchange", render);
  window.addEventListener("callschange", renderAll);
  renderAll();
})();
