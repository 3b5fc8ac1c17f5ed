// The list of calls on the index page: search, sort order, pages, playback of moments, and export.
"use strict";

callmood.list = (() => {
  const { h, fill, metrics, count, percent, plural } = callmood;
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

  const callUrl = (state, call, second = "") => `call.html${callmood.state.toHash({ ...state, call: call.id, t: second })}`;

  // --- moments ----------------------------------------------------------------------------------------------------

  function momentCell(state, call) {
    if (!call.hasMoment) return h("span", { class: "quiet" }, call.negativity === null ? "–" : "none");
    const time = callmood.clock(call.peakStart);
    const uncertain = call.peakIsUncertain ? "uncertain, " : "";
    return h(
      "a",
      { href: callUrl(state, call, call.peakStart), "aria-label": `${uncertain}${call.peakEmotion} at ${time}` },
      callmood.dot(call.peakIsUncertain ? "uncertain" : call.peakEmotion),
      `${time} ${call.peakEmotion}${call.peakIsUncertain ? "?" : ""} ${percent(call.peakProbability)}`,
    );
  }

  function playButton(call) {
    const label = call.hasMoment ? `Play ${call.name} before its worst moment` : `Play ${call.name} from the start`;
    return h("button", { type: "button", class: "play", "aria-label": label, title: label, onclick: () => play(call) }, "▶");
  }

  async function play(call) {
    try {
      const detail = callmood.decodeCall(await callmood.data.readCall(call.id));
      callmood.player.load(detail);
      callmood.player.seekMoment(call.hasMoment ? call.peakStart : 0);
    } catch {
      fill("#result-count", `The call ${call.name} no longer exists. Reload the page.`);
    }
    markPlaying();
  }

  function markPlaying() {
    const playing = callmood.player.call?.id;
    for (const row of document.querySelectorAll("#list tbody tr")) {
      row.toggleAttribute("data-playing", Boolean(playing?.startsWith(row.dataset.call)));
    }
  }

  // Plays the worst moment of the next call in the list that has one.
  callmood.player.onNext = function (step) {
    const call = metrics.nextMoment(callmood.state.read(), callmood.player.call?.id ?? null, step);
    if (call) play(call);
  };

  // --- export -----------------------------------------------------------------------------------------------------

  function exportCalls() {
    const state = callmood.state.read();
    const columns = {
      recording_id: (call) => call.id,
      call: (call) => call.name,
      day: (call) => call.day,
      time: (call) => call.time,
      queue: (call) => call.queue,
      agent: (call) => call.agent,
      customer: (call) => call.customer,
      duration_s: (call) => call.duration,
      negativity: (call) => call.negativity?.toFixed(3),
      needs_attention: (call) => call.needsAttention,
      escalated: (call) => call.escalated,
      recovered: (call) => call.recovered,
      worst_moment_s: (call) => (call.hasMoment ? call.peakStart : null),
      worst_moment_emotion: (call) => (call.hasMoment ? call.peakEmotion : null),
      reason: (call) => call.attentionReason,
      verdict: (call) => reviewOf(call)?.verdict,
      note: (call) => reviewOf(call)?.note,
    };
    const found = metrics.search(state, metrics.filterCalls(state));
    const rows = found.map((call) => Object.values(columns).map((value) => value(call)));
    callmood.saveCsv("callmood-calls.csv", Object.keys(columns), rows);
  }

  document.querySelector("#export-calls").addEventListener("click", exportCalls);

  // --- reviews ----------------------------------------------------------------------------------------------------

  const VERDICTS = { reviewed: "reviewed", agree: "agree", not_worth_it: "not worth it" };
  let reviews = new Map(); // by the id in the list, which may be shortened

  const reviewOf = (call) => reviews.get(call.id);

  function updateReviews() {
    const digits = callmood.calls?.[0]?.id.length ?? 0;
    reviews = new Map(callmood.reviews.reviewed().map(([callId, review]) => [callId.slice(0, digits), review]));
  }

  function reviewBadge(call) {
    const review = reviewOf(call);
    if (!review) return null;
    return h("span", { class: "review", title: review.note || null }, `✓ ${VERDICTS[review.verdict] ?? "note"}`);
  }

  // --- rows -------------------------------------------------------------------------------------------------------

  // What limits the figures of a call.
  function marks(call) {
    const texts = [call.hasEstimatedStart ? "time of upload" : null, call.hasSharedChannel ? "shared channel" : null];
    return texts.filter(Boolean).map((text) => ` · ${text}`);
  }

  function listRow(state, call) {
    return h(
      "tr",
      { "data-attention": call.needsAttention === 1, "data-call": call.id },
      h(
        "th",
        { scope: "row", class: "call" },
        h("a", { href: callUrl(state, call) }, callmood.nameElement(call.name)),
        h("span", { class: "start" }, `${callmood.dateText(call.day)}, ${call.time}`, marks(call)),
      ),
      h("td", { class: "queue" }, call.queue === null ? "" : callmood.nameElement(call.queue)),
      h("td", { class: "agent" }, call.agent === null ? "" : callmood.nameElement(call.agent)),
      h("td", { class: "duration number" }, callmood.clock(call.duration)),
      h("td", { class: "emotions" }, callmood.sparkline(call)),
      h("td", { class: "negative" }, call.negativity === null ? "–" : callmood.meter(call.negativity)),
      h("td", { class: "peak" }, h("span", { class: "moment" }, playButton(call), momentCell(state, call))),
      h("td", { class: "reason" }, call.attentionReason ?? "", reviewBadge(call)),
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
    updateReviews();
    fill(
      "#list tbody",
      onPage.map((call) => listRow(state, call)),
    );
    markPlaying();
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
