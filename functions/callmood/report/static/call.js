// The page of one call: which it is, what is known of it, its worst moments, and the keys.
"use strict";

(() => {
  const { h, fill, clock, percent, plural, figures, player, lanes } = callmood;
  let shown = null; // the call on the page, as calls/ID.js gave it

  // --- which call -------------------------------------------------------------------------------------------------

  function open() {
    const { call: id, t } = callmood.state.read();
    if (shown && shown.id === id) return t ? player.seek(Number(t)) : undefined;
    if (!callmood.calls.some((call) => call.id === id)) return missing();
    const script = h("script", { src: `calls/${id}.js`, onerror: missing, onload: () => script.remove() });
    return document.head.append(script);
  }

  function missing() {
    document.body.dataset.state = "missing";
    fill("h1", "No such call");
  }

  function neighbors() {
    const state = callmood.state.read();
    const calls = figures.listed(state, figures.filtered(state));
    const at = calls.findIndex((call) => call.id === shown.id);
    const { call, t, ...filters } = state;
    document.querySelector("#back").href = `index.html${callmood.state.hash(filters)}`;
    for (const [selector, other] of [
      ["#previous-call", calls[at - 1]],
      ["#next-call", at < 0 ? undefined : calls[at + 1]],
    ]) {
      const link = document.querySelector(selector);
      link.hidden = !other;
      if (other) link.href = callmood.state.hash({ ...filters, call: other.id });
    }
    fill("#position", at < 0 ? "" : `${callmood.count(at + 1)} of ${plural(calls.length, "call")}`);
  }

  callmood.show = function (call) {
    shown = call;
    call.segments = call.segments.map(([role, start, end, label, level, p, interrupts], number) => ({
      number,
      role,
      start: start / 1000,
      end: end / 1000,
      emotion: label === null ? null : callmood.LABELS[label],
      level,
      p: p && p.map((value) => value / 1000),
      interrupts,
    }));
    document.body.dataset.state = "shown";
    document.title = `${call.name} – callmood`;
    fill("h1", "Call ", callmood.name(call.name));
    neighbors();
    fill("#facts", facts(call));
    fill("#verdict", verdict(call));
    player.open(call);
    lanes.show(call);
    moments(call);
    charts(call);
    table(call);
    player.seek(Number(callmood.state.read().t ?? 0));
  };

  // --- words ------------------------------------------------------------------------------------------------------

  function facts(call) {
    const seconds = (value) => (value === null ? null : clock(value));
    const times = (n) => (n === null ? null : plural(n, "time"));
    const rows = [
      ["Queue", call.queue && callmood.name(call.queue)],
      ["Agent", call.agent && callmood.name(call.agent)],
      ["Customer", call.customer && callmood.name(call.customer)],
      ["Direction", call.direction],
      ["Language", call.language],
      ["Labels", call.labels && callmood.name(call.labels)],
      ["Length", clock(call.length)],
      ["Agent speaks", seconds(call.agentTalk)],
      ["Customer speaks", seconds(call.customerTalk)],
      ["Both, in one channel", seconds(call.mixedTalk)],
      ["Nobody speaks", seconds(call.silence)],
      ["Longest silence", seconds(call.longestSilence)],
      ["Both at once", seconds(call.overlap)],
      ["Agent interrupts", times(call.interruptionsByAgent)],
      ["Customer interrupts", times(call.interruptionsByCustomer)],
      ["First anger", call.firstAnger === null ? null : `at ${clock(call.firstAnger)}`],
      ["Warnings", call.warnings],
      ["Model", call.model],
    ];
    const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
    return known.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value)));
  }

  function verdict(call) {
    const when = `${callmood.longDay(call.day)}, ${call.time}`;
    const badge = (text, mood) => h("span", { class: "badge", "data-mood": mood }, text);
    return [
      h("span", { class: "when" }, when),
      call.attention ? badge("Worth hearing", "worse") : null,
      call.escalated ? badge("Escalated", "worse") : null,
      call.recovered ? badge("Recovered", "better") : null,
      call.reason ? h("span", { class: "reason" }, call.reason) : null,
    ];
  }

  // --- worst moments ----------------------------------------------------------------------------------------------

  function moments(call) {
    const item = ([start, end, label, p]) =>
      h(
        "li",
        {},
        h(
          "button",
          { type: "button", onclick: () => player.seek(start / 1000, true) },
          h("span", { class: "number" }, `${clock(start / 1000)}`),
          callmood.dot(callmood.LABELS[label]),
          `${callmood.LABELS[label]} ${percent(p / 1000)}`,
        ),
      );
    const none = h("li", { class: "quiet" }, "No moment in which the customer sounds more negative than not.");
    fill("#moments", call.moments.length ? call.moments.map(item) : none);
    for (const id of ["#previous-moment", "#next-moment"]) document.querySelector(id).disabled = !call.moments.length;
  }

  function moment(step) {
    const starts = shown.moments.map(([start]) => start / 1000);
    const { at } = player;
    const ahead = starts.filter((start) => start > at + 0.05);
    const behind = starts.filter((start) => start < at - 1);
    const to = step > 0 ? (ahead[0] ?? starts[0]) : (behind.at(-1) ?? starts.at(-1));
    if (to !== undefined) player.seek(to, true);
  }

  document.querySelector("#previous-moment").addEventListener("click", () => moment(-1));
  document.querySelector("#next-moment").addEventListener("click", () => moment(1));

  const KEYS = {
    n: () => moment(1),
    p: () => moment(-1),
    j: () => follow("#next-call"),
    k: () => follow("#previous-call"),
    " ": player.toggle,
  };

  function follow(selector) {
    const link = document.querySelector(selector);
    if (!link.hidden) location.assign(link.href);
  }

  document.addEventListener("keydown", (event) => {
    const typing =
      event.target.closest("input, select, textarea, audio") ||
      (event.key === " " && event.target.closest("button, a, summary"));
    const off = !document.querySelector("#keys").checked;
    if (!shown || off || typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  // --- charts and table -------------------------------------------------------------------------------------------

  function charts(call) {
    const share = (permille) => (permille === null ? null : permille / 1000);
    const heard = call.curve.some((value) => value !== null);
    document.querySelector("#curve").hidden = !heard;
    if (heard) {
      callmood.charts.curve("#curve", call.curve.map(share), call.length);
      callmood.charts.quarters("#quarters", call.quarters);
    } else {
      callmood.charts.none("#quarters", "No emotion was heard in this call.");
    }
    fill(
      "#change",
      call.change === null
        ? ""
        : `From its start to its end the customer’s voice grew ${Math.abs(100 * call.change).toFixed(0)} points ${call.change > 0 ? "more" : "less"} negative.`,
    );
  }

  function table(call) {
    const row = (segment) =>
      h(
        "tr",
        {},
        h(
          "td",
          {},
          h("button", { type: "button", onclick: () => player.seek(segment.start, true) }, clock(segment.start)),
        ),
        h("td", { class: "number" }, `${(segment.end - segment.start).toFixed(1)} s`),
        h("td", {}, lanes.NAMES[segment.role]),
        h("td", {}, segment.emotion ? [callmood.dot(segment.emotion), segment.emotion] : "–"),
        callmood.EMOTIONS.map((_, i) => h("td", { class: "number" }, segment.p ? percent(segment.p[i]) : "")),
      );
    fill("#segments tbody", call.segments.map(row));
  }

  player.onMove = lanes.move;
  lanes.onPick(player.seek);
  window.addEventListener("hashchange", open);
  window.addEventListener("callschange", () => shown && neighbors());
  open();
})();
