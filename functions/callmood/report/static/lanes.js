// The lanes of a call: its segments over time, the playhead, what a segment tells, and the ways through them by keyboard.
"use strict";

callmood.lanes = (() => {
  const { h, fill, clock, percent } = callmood;
  const NAMES = { agent: "Agent", customer: "Customer", mixed: "Both voices" };
  const track = document.querySelector("#track");
  const scroller = document.querySelector("#scroller");
  const playhead = document.querySelector("#playhead");
  const tooltip = document.querySelector("#tooltip");
  let call = null;

  function show(shown) {
    call = shown;

    const roles = Object.keys(NAMES).filter((role) => call.segments.some((segment) => segment.role === role));
    const lane = (role) =>
      h(
        "div",
        { class: "lane", role: "group", "aria-label": NAMES[role], "data-role": role },
        call.segments.filter((segment) => segment.role === role).map((segment) => segmentButton(segment)),
      );
    const curve = call.curve.some((value) => value !== null) ? h("div", { class: "curve" }, "Negative") : null;
    fill(
      "#lane-names",
      roles.map((role) => h("div", {}, NAMES[role])),
      curve,
    );
    const quiet = silences().map(([start, end]) => h("i", { style: place(start, end) }));
    fill("#lanes", roles.map(lane), h("div", { class: "silences", "aria-hidden": "true" }, quiet));
    const first = track.querySelector(".segment");
    if (first) first.tabIndex = 0;
    tooltip.hidden = true;
    zoom(1);
  }

  const place = (start, end) => ({
    left: `${(100 * start) / call.length}%`,
    width: `${(100 * (end - start)) / call.length}%`,
  });

  function silences() {
    const found = [];
    let quietFrom = 0;
    for (const { start, end } of [...call.segments, { start: call.length, end: call.length }]) {
      if (start - quietFrom >= 5) found.push([quietFrom, start]);
      quietFrom = Math.max(quietFrom, end);
    }
    return found;
  }

  const sounds = ({ emotion, p }) =>
    emotion === null ? "speaks" : emotion === "uncertain" ? "uncertain" : `${emotion} ${percent(Math.max(...p))}`;

  function segmentButton(segment) {
    const { number, role, start, end, emotion, interrupts } = segment;
    return h(
      "button",
      {
        type: "button",
        class: "segment",
        tabindex: -1,
        style: place(start, end),
        "data-number": number,
        "data-emotion": emotion ?? "talk",
        "data-interrupts": Boolean(interrupts),
        "aria-label": `${NAMES[role]}, ${clock(start)} to ${clock(end)}, ${sounds(segment)}${interrupts ? ", interrupts" : ""}`,
      },
      h("span", { "aria-hidden": "true" }, emotion ?? ""),
    );
  }

  // A click on a segment plays it; one beside goes there.
  function onPick(pick) {
    track.addEventListener("click", ({ target, clientX }) => {
      const button = target.closest(".segment");
      if (button) focusSegment(button);
      const box = track.getBoundingClientRect();
      const second = button
        ? call.segments[button.dataset.number].start
        : ((clientX - box.left) / box.width) * call.length;
      pick(second, Boolean(button));
    });
  }

  // One stop for the Tab key; arrows go from segment to segment, up and down from lane to lane.
  function focusSegment(button) {
    for (const other of track.querySelectorAll('.segment[tabindex="0"]')) other.tabIndex = -1;
    button.tabIndex = 0;
    button.focus({ preventScroll: false });
  }

  track.addEventListener("keydown", (event) => {
    const button = event.target.closest(".segment");
    if (!button) return;
    const lane = [...button.parentElement.children];
    const lanesThere = [...track.querySelectorAll(".lane")];
    const beside = () => {
      const { start } = call.segments[button.dataset.number];
      const other = lanesThere[lanesThere.indexOf(button.parentElement) + (event.key === "ArrowUp" ? -1 : 1)];
      const away = (b) => Math.abs(call.segments[b.dataset.number].start - start);
      return other && [...other.children].reduce((a, b) => (away(b) < away(a) ? b : a));
    };
    const to = {
      ArrowRight: () => lane[lane.indexOf(button) + 1],
      ArrowLeft: () => lane[lane.indexOf(button) - 1],
      Home: () => lane[0],
      End: () => lane.at(-1),
      ArrowUp: beside,
      ArrowDown: beside,
    }[event.key]?.();
    if (to === undefined) return;
    event.preventDefault();
    focusSegment(to);
  });

  function tell({ target }) {
    const button = target.closest?.(".segment");
    tooltip.hidden = !button;
    if (!button) return;
    const { start, end, emotion, p, level } = call.segments[button.dataset.number];
    const chances = (p ?? []).map((value, i) => [callmood.EMOTIONS[i], value]).sort((a, b) => b[1] - a[1]);
    fill(
      tooltip,
      h("b", {}, `${clock(start)} to ${clock(end)}`, emotion === "uncertain" ? ", uncertain" : ""),
      chances.map(([label, value]) =>
        h(
          "span",
          { class: "chance" },
          callmood.dot(label),
          label,
          h("i", { class: "part", style: { "--part": value } }),
          percent(value),
        ),
      ),
      h("span", { class: "quiet" }, p ? `${level} dBFS` : "Emotion is not inferred for this voice."),
    );
    const box = button.getBoundingClientRect();
    const left = Math.min(
      Math.max(8, box.left + box.width / 2 - tooltip.offsetWidth / 2),
      innerWidth - tooltip.offsetWidth - 8,
    );
    tooltip.style.left = `${left + scrollX}px`;
    tooltip.style.top = `${box.bottom + 8 + scrollY}px`;
  }

  for (const kind of ["mouseover", "focusin"]) track.addEventListener(kind, tell);
  for (const kind of ["mouseleave", "focusout"]) track.addEventListener(kind, () => (tooltip.hidden = true));

  // --- playhead ---------------------------------------------------------------------------------------------------

  let at = 0;

  function move(second, keepInView) {
    at = second;
    playhead.style.left = `${(100 * at) / call.length}%`;
    for (const button of track.querySelectorAll(".segment")) {
      const { start, end } = call.segments[button.dataset.number];
      button.toggleAttribute("data-now", at >= start && at < end);
    }
    if (keepInView) follow();
  }

  function follow() {
    const x = (at / call.length) * track.clientWidth;
    const visible = x > scroller.scrollLeft && x < scroller.scrollLeft + scroller.clientWidth;
    if (!visible) scroller.scrollLeft = x - scroller.clientWidth / 3;
  }

  // --- zoom -------------------------------------------------------------------------------------------------------

  let scale = 1;

  function zoom(wanted) {
    scale = Math.min(32, Math.max(1, wanted));
    track.style.width = `${100 * scale}%`;
    document.querySelector("#zoom-out").disabled = scale === 1;
    ruler();
    window.dispatchEvent(new Event("resize")); // the curve is as wide as the track
    follow();
  }

  function ruler() {
    const every =
      [5, 10, 15, 30, 60, 120, 300, 600, 1800].find((step) => (step / call.length) * track.clientWidth > 70) ?? 3600;
    const marks = Array.from({ length: Math.ceil(call.length / every) }, (_, i) => i * every);
    fill(
      "#ruler",
      marks.map((second) => h("span", { style: { left: `${(100 * second) / call.length}%` } }, clock(second))),
    );
  }

  document.querySelector("#zoom-in").addEventListener("click", () => zoom(scale * 2));
  document.querySelector("#zoom-out").addEventListener("click", () => zoom(scale / 2));
  window.addEventListener("resize", () => call && ruler());

  return { NAMES, show, move, onPick };
})();
