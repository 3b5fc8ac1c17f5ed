// The page of one call: summary, details, worst moments, charts, and keyboard shortcuts.
"use strict";

(() => {
  const { h, fill, clock, percent, plural, metrics, player, lanes } = callmood;
  let call = null;

  // --- navigation -------------------------------------------------------------------------------------------------

  async function load() {
    const { call: id, t } = callmood.state.read();
    if (call && call.id.startsWith(id)) return t ? player.seek(Number(t)) : undefined;
    try {
      return showCall(await callmood.data.readCall(id ?? ""));
    } catch {
      return showNotFound();
    }
  }

  function showNotFound() {
    document.body.dataset.state = "not-found";
    fill("h1", "Call not found");
  }

  function renderNavigation() {
    if (!call || !callmood.calls) return;
    const state = callmood.state.read();
    const calls = metrics.search(state, metrics.filterCalls(state));
    const index = calls.findIndex((other) => call.id.startsWith(other.id));
    const { call: _, t, ...filters } = state;
    document.querySelector("#back").href = `index.html${callmood.state.toHash(filters)}`;
    for (const [selector, neighbor] of [
      ["#previous-call", calls[index - 1]],
      ["#next-call", index < 0 ? undefined : calls[index + 1]],
    ]) {
      const link = document.querySelector(selector);
      link.hidden = !neighbor;
      if (neighbor) link.href = callmood.state.toHash({ ...filters, call: neighbor.id });
    }
    fill("#position", index < 0 ? "" : `${callmood.count(index + 1)} of ${plural(calls.length, "call")}`);
  }

  function showCall(payload) {
    call = callmood.decodeCall(payload);
    document.body.dataset.state = "loaded";
    document.title = `${call.name} – callmood`;
    fill("h1", "Call ", callmood.nameElement(call.name));
    renderNavigation();
    fill("#details", details());
    fill("#summary", summary());
    player.load(call);
    lanes.render(call);
    callmood.why.render(call);
    callmood.review.render(call);
    renderWorstMoments();
    drawCharts();
    renderSegmentTable();
    player.seek(Number(callmood.state.read().t ?? 0), playsNext);
    playsNext = false;
  }

  // --- summary and details ----------------------------------------------------------------------------------------

  function details() {
    const time = (seconds) =>
      seconds === null ? null : seconds > 0 && seconds < 10 ? `${callmood.number(seconds, 1)} s` : clock(seconds);
    const times = (n) => (n === null ? null : plural(n, "time"));
    const rows = [
      ["Queue", call.queue && callmood.nameElement(call.queue)],
      ["Agent", call.agent && callmood.nameElement(call.agent)],
      ["Customer", call.customer && callmood.nameElement(call.customer)],
      ["Direction", call.direction],
      ["Language", call.language],
      ["Labels", call.labels && callmood.nameElement(call.labels)],
      ["Duration", clock(call.duration)],
      ["Agent speech", time(call.agentTalk)],
      ["Customer speech", time(call.customerTalk)],
      ["Speech that could not be separated", time(call.mixedTalk)],
      ["Speech of unknown speakers", time(call.unknownTalk)],
      ["Silence", time(call.silence)],
      ["Longest silence", time(call.longestSilence)],
      ["Overlap", time(call.overlap)],
      ["Agent interrupts", times(call.interruptionsByAgent)],
      ["Customer interrupts", times(call.interruptionsByCustomer)],
      ["First anger", call.firstAnger === null ? null : `at ${clock(call.firstAnger)}`],
      ["Warnings", call.warnings],
      ["Model", call.modelVersion],
    ];
    const present = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
    return present.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value)));
  }

  function summary() {
    const badge = (text, tone) => h("span", { class: "badge", "data-tone": tone }, text);
    return [
      h("span", { class: "start" }, `${callmood.longDate(call.day)}, ${call.time}`),
      call.needsAttention ? badge("Needs review", "worse") : null,
      call.escalated ? badge("Escalated", "worse") : null,
      call.recovered ? badge("Recovered", "better") : null,
      call.attentionReason ? h("span", { class: "reason" }, call.attentionReason) : null,
      call.isSharedChannel ? badge("Speakers of one channel not separated: figures, if any, can include the agent") : null,
      call.isStartEstimated ? badge("Start unknown: the time is that of the upload") : null,
    ];
  }

  // --- worst moments ----------------------------------------------------------------------------------------------

  const MAX_RELIABLE = 3;

  // The view `worst_moments` orders them by reliability. Those with an uncertain label come after the others.
  function renderWorstMoments() {
    const segmentAt = (moment) => call.segments.find((segment) => segment.start === moment.start && segment.probabilities);
    const moments = call.worstMoments.map((moment) => ({ ...moment, segment: segmentAt(moment) }));
    const isUncertain = ({ segment }) => segment?.emotion === "uncertain";
    const ranked = [...moments.filter((moment) => !isUncertain(moment)), ...moments.filter(isUncertain)];
    const item = (moment) => {
      const { start, end, emotion, probability } = moment;
      const play = () => {
        player.seekMoment(start);
        if (moment.segment) callmood.review.select(moment.segment);
      };
      return h(
        "li",
        {},
        h(
          "button",
          { type: "button", onclick: play },
          h("span", { class: "number" }, clock(start)),
          callmood.dot(isUncertain(moment) ? "uncertain" : emotion),
          `${emotion} ${percent(probability)}${isUncertain(moment) ? ", uncertain" : ""}`,
          h("span", { class: "quiet" }, `${callmood.number(end - start, 1)} s`),
          moment.segment && lanes.voice(moment.segment)
            ? h("span", { class: "voice quiet" }, lanes.voice(moment.segment))
            : null,
        ),
      );
    };
    const isInferred = call.needsAttention !== null;
    const reason = isInferred ? "No moment with predominantly negative customer speech." : "No emotion was inferred in this call.";
    const none = h("li", { class: "quiet" }, reason);
    fill("#worst-moments", ranked.length ? ranked.slice(0, MAX_RELIABLE).map(item) : none);
    const rest = ranked.slice(MAX_RELIABLE).sort((a, b) => a.start - b.start);
    document.querySelector("#more-moments").hidden = !rest.length;
    fill("#more-moments ol", rest.map(item));
    fill("#more-moments summary", plural(rest.length, "more moment"));
    for (const id of ["#previous-moment", "#next-moment"]) {
      document.querySelector(id).disabled = !call.worstMoments.length;
    }
  }

  function seekWorstMoment(step) {
    const starts = call.worstMoments.map((moment) => moment.start).sort((a, b) => a - b);
    const after = starts.filter((start) => start > player.position + 3.05); // the run-up is before the moment
    const before = starts.filter((start) => start < player.position + 2);
    const target = step > 0 ? (after[0] ?? starts[0]) : (before.at(-1) ?? starts.at(-1));
    if (target !== undefined) player.seekMoment(target);
  }

  document.querySelector("#previous-moment").addEventListener("click", () => seekWorstMoment(-1));
  document.querySelector("#next-moment").addEventListener("click", () => seekWorstMoment(1));

  // --- next call --------------------------------------------------------------------------------------------------

  let playsNext = false;

  player.onNext = function (step) {
    const state = callmood.state.read();
    const next = callmood.calls && call ? metrics.nextMoment(state, call.id, step) : null;
    if (!next) return;
    playsNext = true;
    location.hash = callmood.state.toHash({ ...state, call: next.id, t: Math.max(0, next.peakStart - 3) });
  };

  player.addShortcuts({
    ".": () => seekWorstMoment(1),
    ",": () => seekWorstMoment(-1),
    j: () => openLink("#next-call"),
    k: () => openLink("#previous-call"),
  });

  function openLink(selector) {
    const link = document.querySelector(selector);
    if (!link.hidden) location.assign(link.href);
  }

  // --- charts and table -------------------------------------------------------------------------------------------

  function drawCharts() {
    const hasTimeline = call.timeline.some((value) => value !== null);
    document.querySelector("#timeline").hidden = !hasTimeline;
    if (hasTimeline) {
      callmood.callCharts.timeline(call.timeline, call.duration);
      callmood.callCharts.quarters(call.quarters);
    } else {
      fill("#quarters", h("p", { class: "quiet" }, "No emotion was inferred in this call."));
    }
    const change = call.negativityChange;
    const points = `${Math.abs(100 * change).toFixed(0)} points ${change > 0 ? "higher" : "lower"}`;
    fill("#negativity-change", change === null ? "" : `Negativity is ${points} at the end than at the start.`);
  }

  function renderSegmentTable() {
    const row = ({ start, end, role, emotion, probabilities }) =>
      h(
        "tr",
        {},
        h("td", {}, h("button", { type: "button", onclick: () => player.seek(start, true) }, clock(start))),
        h("td", { class: "number" }, `${callmood.number(end - start, 1)} s`),
        h("td", {}, lanes.ROLE_NAMES[role]),
        h("td", {}, emotion ? [callmood.dot(emotion), emotion] : "–"),
        callmood.EMOTIONS.map((_, i) => h("td", { class: "number" }, probabilities ? percent(probabilities[i]) : "")),
      );
    fill("#segments tbody", call.segments.map(row));
  }

  player.onMove = lanes.movePlayhead;
  lanes.onSeek(player.seek, callmood.review.select);
  callmood.firstNeededDay = (state) => metrics.period(state)[0]; // for the next and the previous call
  window.addEventListener("hashchange", load);
  window.addEventListener("callschange", renderNavigation);
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  load()
    .then(painted) // the call appears before the list of calls is read
    .then(callmood.reviews.load)
    .then(callmood.data.loadCalls);
})();
