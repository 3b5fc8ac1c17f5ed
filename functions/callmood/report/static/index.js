// The first page: headline figures, charts, queues and agents, and the list of calls.
"use strict";

(() => {
  const { h, fill, figures, percent, count, plural } = callmood;
  const PAGE = 50;

  // --- filters ----------------------------------------------------------------------------------------------------

  const form = document.querySelector("#filters");
  const fields = Object.fromEntries([...form.elements].filter((e) => e.name).map((e) => [e.name, e]));

  function fillFilters() {
    const names = (known) => [...known].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const options = (all, known) => [
      h("option", { value: "" }, all),
      ...names(known).map((n) => h("option", { value: n }, n)),
    ];
    fill(fields.queue, options("All queues", callmood.data.queues));
    fill(fields.agent, options("All agents", callmood.data.agents));
  }

  function showFilters(state) {
    const [from, to] = figures.period(state);
    fields.days.value = state.from || state.to ? "chosen" : state.days || "28";
    fields.from.value = from;
    fields.to.value = to;
    for (const name of ["queue", "agent"]) fields[name].value = state[name] ?? "";
    document.querySelector("#clear").hidden = !["days", "from", "to", "queue", "agent", "q", "only"].some(
      (k) => state[k],
    );
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", ({ target: { name, value } }) => {
    const period = { days: "", from: "", to: "" };
    if (name === "days" && value === "chosen") return fields.from.focus();
    if (name === "days") return callmood.state.change({ ...period, days: value === "28" ? "" : value, page: "" });
    if (name === "from" || name === "to") {
      return callmood.state.change({ ...period, from: fields.from.value, to: fields.to.value, page: "" });
    }
    return callmood.state.change({ [name]: value, page: "" });
  });
  document.querySelector("#clear").addEventListener("click", () => {
    callmood.state.change({ days: "", from: "", to: "", queue: "", agent: "", q: "", only: "", page: "" });
    search.value = "";
  });

  // --- headline ---------------------------------------------------------------------------------------------------

  // Figures about one agent rest on enough calls, or are not shown.
  const tooFew = (state, sums) => Boolean(state.agent) && sums.calls < callmood.data.minCalls;

  function difference(now, then, before, worse) {
    if (now === null || then === null) return null;
    const points = 100 * (now - then);
    const words =
      Math.abs(points) < 0.05 ? "as" : `${Math.abs(points).toFixed(1)} points ${points > 0 ? "more" : "less"} than`;
    const mood = Math.abs(points) < 0.05 || !worse ? "same" : points > 0 === (worse === "more") ? "worse" : "better";
    return h("p", { class: "change", "data-mood": mood }, `${words} in the ${plural(before.length, "day")} before`);
  }

  function callsChange(now, before) {
    if (before.calls.length === 0) return h("p", { class: "change" }, "no calls in the days before");
    const ratio = now / before.calls.length - 1;
    const words =
      Math.abs(ratio) < 0.005 ? "as many as" : `${percent(Math.abs(ratio))} ${ratio > 0 ? "more" : "fewer"} than`;
    return h("p", { class: "change" }, `${words} in the ${plural(before.length, "day")} before`);
  }

  function headline(state, calls) {
    const now = figures.sums(calls);
    const before = figures.before(state);
    const then = figures.sums(before.calls);
    const hidden = tooFew(state, now);
    const card = (id, title, value, detail, change) =>
      h(
        "div",
        { class: "figure", id },
        h("dt", {}, title),
        h("dd", { class: "value" }, value),
        h("dd", {}, detail, change),
      );
    const share = (id, title, key, detail, worse) =>
      hidden
        ? card(id, title, "–", `fewer than ${callmood.data.minCalls} calls of this agent`, null)
        : card(id, title, percent(now[key], 1), detail, difference(now[key], then[key], before, worse));
    fill(
      "#headline",
      card("figure-calls", "Calls", count(now.calls), callmood.hours(now.length), callsChange(now.calls, before)),
      share("figure-attention", "Worth hearing", "attentionShare", plural(now.attention, "call"), "more"),
      share("figure-negativity", "Negative", "negativity", "of customers’ speech", "more"),
      share("figure-escalated", "Escalated", "escalatedShare", plural(now.escalated, "call"), "more"),
      share(
        "figure-recovered",
        "Recovered",
        "recoveredShare",
        `${count(now.recovered)} of ${plural(now.hard, "hard call")}`,
        "less",
      ),
    );
    fill("#mix", hidden ? [] : mix(now));
  }

  function mix(sums) {
    const order = [0, 1, 2, 5, 6, 4, 3]; // negative ones together at the left, happiness at the right
    const labels = order.filter((i) => sums.mix[i] > 0).map((i) => [callmood.LABELS[i], sums.mix[i]]);
    return [
      h(
        "div",
        { class: "bar", "aria-hidden": "true" },
        labels.map(([label, part]) => h("i", { "data-emotion": label, style: { "flex-grow": part } })),
      ),
      h(
        "ul",
        { class: "legend" },
        labels.map(([label, part]) => h("li", {}, callmood.dot(label), `${label} `, h("b", {}, percent(part)))),
      ),
    ];
  }

  // --- charts -----------------------------------------------------------------------------------------------------

  function drawCharts(state, calls) {
    const hidden = tooFew(state, { calls: calls.length });
    const days = new Set(calls.map((call) => call.day)).size;
    const enough = !hidden && calls.some((call) => call.heard > 0);
    if (enough && days > 1)
      callmood.charts.trend("#trend", figures.trend(figures.among(state, callmood.calls), figures.period(state)));
    else callmood.charts.none("#trend", "A trend needs calls on two days or more.");
    if (enough) callmood.charts.week("#week", figures.week(calls.filter((call) => call.heard > 0)));
    else
      callmood.charts.none(
        "#week",
        hidden ? `Fewer than ${callmood.data.minCalls} calls.` : "No emotion was heard in these calls.",
      );
  }

  // --- queues and agents ------------------------------------------------------------------------------------------

  function ranking(selector, name, calls, key, least) {
    const rows = figures.ranking(calls, key, least);
    const most = Math.max(0.2, ...rows.map((row) => (row.few ? 0 : row.negativity)));
    const cell = (value) => h("td", { class: "number" }, value);
    const line = (row) => {
      const link = h("a", { href: callmood.state.hash({ ...callmood.state.read(), [name]: row.name, page: "" }) });
      link.append(callmood.name(row.name));
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, link),
        cell(count(row.calls)),
        row.few
          ? h("td", { class: "quiet", colspan: 3 }, `fewer than ${least} calls`)
          : [
              h("td", {}, meter(row.negativity, most)),
              cell(percent(row.attentionShare)),
              cell(percent(row.recoveredShare)),
            ],
      );
    };
    fill(
      `${selector} tbody`,
      rows.length ? rows.map(line) : h("tr", {}, h("td", { colspan: 5, class: "quiet" }, "none named")),
    );
  }

  const meter = (share, most = 1) =>
    h(
      "span",
      { class: "meter", style: { "--part": share === null ? 0 : Math.min(1, share / most) } },
      h("span", { class: "number" }, percent(share)),
    );

  // --- list -------------------------------------------------------------------------------------------------------

  const search = document.querySelector("#search");
  const only = document.querySelector("#only");
  search.addEventListener("input", () => callmood.state.change({ q: search.value, page: "" }));
  only.addEventListener("change", () => callmood.state.change({ only: only.checked ? "attention" : "", page: "" }));
  for (const button of document.querySelectorAll("#list thead button")) {
    button.addEventListener("click", () => {
      const { sort, turned } = callmood.state.read();
      const again = (sort || "worst") === button.dataset.sort;
      const wanted = button.dataset.sort === "worst" ? "" : button.dataset.sort;
      callmood.state.change({ sort: wanted, turned: again && !turned ? "1" : "", page: "" });
    });
  }

  function link(state, call, at) {
    return `call.html${callmood.state.hash({ ...state, page: "", call: call.id, t: at === undefined ? "" : at })}`;
  }

  function listRow(state, call) {
    const peak =
      call.peak === null
        ? "–"
        : h(
            "a",
            { href: link(state, call, call.peak), "aria-label": `${call.peakEmotion} at ${callmood.clock(call.peak)}` },
            callmood.dot(call.peakEmotion),
            `${callmood.clock(call.peak)} ${call.peakEmotion} ${percent(call.peakProbability)}`,
          );
    return h(
      "tr",
      { "data-attention": call.attention === 1 },
      h(
        "th",
        { scope: "row", class: "call" },
        h("a", { href: link(state, call) }, callmood.name(call.name)),
        h("span", { class: "when" }, `${callmood.date(call.day)}, ${call.time}`),
      ),
      h("td", { class: "queue" }, call.queue === null ? "" : callmood.name(call.queue)),
      h("td", { class: "agent" }, call.agent === null ? "" : callmood.name(call.agent)),
      h("td", { class: "length number" }, callmood.clock(call.length)),
      h("td", { class: "through" }, callmood.strip(call)),
      h("td", { class: "negative" }, call.negativity === null ? "–" : meter(call.negativity)),
      h("td", { class: "peak" }, peak),
      h("td", { class: "reason" }, call.reason ?? ""),
    );
  }

  function list(state, calls) {
    const found = figures.listed(state, calls);
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    const page = Math.min(Math.max(1, Number(state.page) || 1), pages);
    const shown = found.slice((page - 1) * PAGE, page * PAGE);
    for (const button of document.querySelectorAll("#list thead button")) {
      const active = (state.sort || "worst") === button.dataset.sort;
      const up = ["queue", "agent"].includes(button.dataset.sort) !== Boolean(state.turned);
      button.closest("th").setAttribute("aria-sort", active ? (up ? "ascending" : "descending") : "none");
    }
    if (document.activeElement !== search) search.value = state.q ?? "";
    only.checked = state.only === "attention";
    fill(
      "#list tbody",
      shown.map((call) => listRow(state, call)),
    );
    const [first, last] = [(page - 1) * PAGE + 1, (page - 1) * PAGE + shown.length];
    fill(
      "#found",
      found.length === 0 ? "No call matches." : `${count(first)} to ${count(last)} of ${plural(found.length, "call")}`,
    );
    document.querySelector("#pages").hidden = pages === 1;
    for (const [selector, to] of [
      ["#previous", page - 1],
      ["#next", page + 1],
    ]) {
      const button = document.querySelector(selector);
      button.disabled = to < 1 || to > pages;
      button.onclick = () => {
        callmood.state.change({ page: to === 1 ? "" : to });
        document.querySelector("#list").scrollIntoView({ block: "start" });
      };
    }
  }

  // --- all of it --------------------------------------------------------------------------------------------------

  let drawn = "";

  function render() {
    const state = callmood.state.read();
    const calls = figures.filtered(state);
    const { days, from, to, queue, agent } = state;
    const key = JSON.stringify([days, from, to, queue, agent, callmood.calls.length]);
    if (key !== drawn) {
      drawn = key;
      const period = figures.period(state);
      fill(
        "#period",
        period[0] === period[1] ? callmood.longDay(period[0]) : period.map(callmood.longDay).join(" to "),
      );
      showFilters(state);
      headline(state, calls);
      drawCharts(state, calls);
      ranking("#queues", "queue", calls, (call) => call.queue, 1);
      ranking("#agents", "agent", calls, (call) => call.agent, callmood.data.minCalls);
    }
    list(state, calls);
  }

  function start() {
    drawn = "";
    fillFilters();
    render();
  }

  window.addEventListener("statechange", render);
  window.addEventListener("hashchange", render);
  window.addEventListener("callschange", start);
  start();
})();
