// The list of calls on the index page: search, sort order, and pages.
"use strict";

callmood.list = (() => {
  const { h, fill, metrics, count, plural } = callmood;
  const PAGE_SIZE = 50;

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
      h("td", { class: "negative" }, call.negativity === null ? "–" : callmood.meter(call.negativity)),
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

  return { render: renderList };
})();
