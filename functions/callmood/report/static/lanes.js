// One lane per role: segments over time, the playhead, tooltips, and keyboard navigation.
"use strict";

callmood.lanes = (() => {
  const { h, fill, clock, percent } = callmood;
  const ROLE_NAMES = { agent: "Agent", customer: "Customer", mixed: "Not separated", unknown: "Unknown speaker" };
  const MIN_SILENCE_S = 5;
  const MIN_WIDTH_PX = 8; // as in page.css
  const RULER_LABEL_PX = 44; // of 1:00:00
  const MAX_FIRST_SCALE = 8;
  const track = document.querySelector("#track");
  const scroller = document.querySelector("#scroller");
  const playhead = document.querySelector("#playhead");
  const tooltip = document.querySelector("#tooltip");
  let call = null;

  function render(newCall) {
    call = newCall;

    const roles = Object.keys(ROLE_NAMES).filter((role) => call.segments.some((segment) => segment.role === role));
    const lane = (role) =>
      h(
        "div",
        { class: "lane", role: "group", "aria-label": ROLE_NAMES[role], "data-role": role },
        call.segments.filter((segment) => segment.role === role).map((segment) => segmentButton(segment)),
      );
    const hasTimeline = call.timeline.some((value) => value !== null);
    fill(
      "#lane-names",
      roles.map((role) => h("div", {}, ROLE_NAMES[role])),
      hasTimeline ? h("div", { class: "timeline" }, "Negative") : null,
    );
    const marks = silences().map(([start, end]) => h("i", { style: position(start, end) }));
    fill("#lanes", roles.map(lane), h("div", { class: "silences", "aria-hidden": "true" }, marks));
    const first = track.querySelector(".segment");
    if (first) first.tabIndex = 0;
    tooltip.hidden = true;
    zoom(legibleScale());
  }

  // Returns the scale at which half of the segments have the minimum width, so that few segments overlap.
  function legibleScale() {
    const lengths = call.segments.map(({ start, end }) => end - start).sort((a, b) => a - b);
    const width = ((lengths[lengths.length >> 1] ?? call.duration) / call.duration) * scroller.clientWidth;
    return [1, 2, 4].find((candidate) => candidate * width >= MIN_WIDTH_PX) ?? MAX_FIRST_SCALE;
  }

  const position = (start, end) => ({
    left: `${(100 * start) / call.duration}%`,
    width: `${(100 * (end - start)) / call.duration}%`,
  });

  function silences() {
    const found = [];
    let silentFrom = 0;
    for (const { start, end } of [...call.segments, { start: call.duration, end: call.duration }]) {
      if (start - silentFrom >= MIN_SILENCE_S) found.push([silentFrom, start]);
      silentFrom = Math.max(silentFrom, end);
    }
    return found;
  }

  function describe({ emotion, probabilities }) {
    if (emotion === null) return "speech";
    return emotion === "uncertain" ? emotion : `${emotion} ${percent(Math.max(...probabilities))}`;
  }

  function segmentButton(segment) {
    const { index, role, start, end, emotion, interrupts } = segment;
    const times = `${clock(start)} to ${clock(end)}`;
    return h(
      "button",
      {
        type: "button",
        class: "segment",
        tabindex: -1,
        style: position(start, end),
        "data-index": index,
        "data-emotion": emotion ?? "talk",
        "data-interrupts": interrupts,
        "aria-label": `${ROLE_NAMES[role]}, ${times}, ${describe(segment)}${interrupts ? ", interrupts" : ""}`,
      },
      h("span", { "aria-hidden": "true" }, emotion ?? ""),
    );
  }

  const segmentOf = (button) => call.segments[button.dataset.index];

  // A click on a segment plays the segment. A click beside a segment moves the playhead.
  function onSeek(seek, select) {
    track.addEventListener("click", ({ target, clientX }) => {
      const button = target.closest(".segment");
      if (button) focusSegment(button);
      if (button) select(segmentOf(button));
      tooltip.hidden = true; // it would cover the panel of the selected segment
      const box = track.getBoundingClientRect();
      const second = button ? segmentOf(button).start : ((clientX - box.left) / box.width) * call.duration;
      seek(second, Boolean(button));
    });
  }

  // Roving tabindex: the lanes are one stop of the Tab key, and arrow keys move between segments and lanes.
  function focusSegment(button) {
    for (const other of track.querySelectorAll('.segment[tabindex="0"]')) other.tabIndex = -1;
    button.tabIndex = 0;
    button.focus({ preventScroll: false });
  }

  track.addEventListener("keydown", (event) => {
    const button = event.target.closest(".segment");
    if (!button) return;
    const lane = [...button.parentElement.children];
    const lanes = [...track.querySelectorAll(".lane")];
    const nearestInOtherLane = () => {
      const { start } = segmentOf(button);
      const otherLane = lanes[lanes.indexOf(button.parentElement) + (event.key === "ArrowUp" ? -1 : 1)];
      const distance = (other) => Math.abs(segmentOf(other).start - start);
      return otherLane && [...otherLane.children].reduce((a, b) => (distance(b) < distance(a) ? b : a));
    };
    const target = {
      ArrowRight: () => lane[lane.indexOf(button) + 1],
      ArrowLeft: () => lane[lane.indexOf(button) - 1],
      Home: () => lane[0],
      End: () => lane.at(-1),
      ArrowUp: nearestInOtherLane,
      ArrowDown: nearestInOtherLane,
    }[event.key]?.();
    if (target === undefined) return;
    event.preventDefault();
    focusSegment(target);
  });

  // --- tooltip ----------------------------------------------------------------------------------------------------

  // The voice relative to the speaker's own neutral speech, as in the column attention_reason.
  function voice({ loudness, pitch, rate }) {
    const parts = [];
    if (Math.abs(loudness) >= 3) parts.push(`${Math.abs(loudness).toFixed(0)} dB ${loudness > 0 ? "louder" : "quieter"}`);
    if (Math.abs(pitch) >= 2) parts.push(`pitch ${pitch > 0 ? "up" : "down"} ${Math.abs(pitch).toFixed(0)} semitones`);
    if (rate !== null && (rate >= 1.2 || rate <= 0.8)) {
      parts.push(`${Math.abs(100 * (rate - 1)).toFixed(0)}% ${rate > 1 ? "faster" : "slower"}`);
    }
    return parts.join(", ");
  }

  function showTooltip({ target }) {
    const button = target.closest?.(".segment");
    tooltip.hidden = !button;
    if (!button) return;
    const segment = segmentOf(button);
    const { start, end, emotion, probabilities, level } = segment;
    const ranked = (probabilities ?? []).map((value, i) => [callmood.EMOTIONS[i], value]).sort((a, b) => b[1] - a[1]);
    fill(
      tooltip,
      h("b", {}, `${clock(start)} to ${clock(end)}`, emotion === "uncertain" ? ", uncertain" : ""),
      ranked.map(([label, value]) =>
        h(
          "span",
          { class: "probability" },
          callmood.dot(label),
          label,
          h("i", { class: "ratio", style: { "--ratio": value } }),
          percent(value),
        ),
      ),
      h("span", { class: "quiet" }, probabilities ? `${level} dBFS` : "Emotion is not inferred for this speaker."),
      voice(segment) ? h("span", { class: "quiet" }, `Voice: ${voice(segment)}, relative to neutral speech`) : null,
    );
    const box = button.getBoundingClientRect();
    const left = Math.min(
      Math.max(8, box.left + box.width / 2 - tooltip.offsetWidth / 2),
      innerWidth - tooltip.offsetWidth - 8,
    );
    tooltip.style.left = `${left + scrollX}px`;
    tooltip.style.top = `${box.bottom + 8 + scrollY}px`;
  }

  for (const kind of ["mouseover", "focusin"]) track.addEventListener(kind, showTooltip);
  for (const kind of ["mouseleave", "focusout"]) track.addEventListener(kind, () => (tooltip.hidden = true));

  // --- playhead ---------------------------------------------------------------------------------------------------

  let playheadSecond = 0;

  function movePlayhead(second, keepInView) {
    playheadSecond = second;
    playhead.style.left = `${(100 * second) / call.duration}%`;
    for (const button of track.querySelectorAll(".segment")) {
      const { start, end } = segmentOf(button);
      button.toggleAttribute("data-current", second >= start && second < end);
    }
    if (keepInView) scrollToPlayhead();
  }

  function scrollToPlayhead() {
    const x = (playheadSecond / call.duration) * track.clientWidth;
    const visible = x > scroller.scrollLeft && x < scroller.scrollLeft + scroller.clientWidth;
    if (!visible) scroller.scrollLeft = x - scroller.clientWidth / 3;
  }

  // --- zoom -------------------------------------------------------------------------------------------------------

  let scale = 1;

  function zoom(newScale) {
    scale = Math.min(32, Math.max(1, newScale));
    track.style.width = `${100 * scale}%`;
    document.querySelector("#zoom-out").disabled = scale === 1;
    drawRuler();
    scrollToPlayhead();
  }

  function drawRuler() {
    const interval =
      [5, 10, 15, 30, 60, 120, 300, 600, 1800].find((step) => (step / call.duration) * track.clientWidth > 70) ?? 3600;
    const marks = Array.from({ length: Math.ceil(call.duration / interval) }, (_, i) => i * interval);
    const isCut = (second) => (1 - second / call.duration) * track.clientWidth < RULER_LABEL_PX;
    fill(
      "#ruler",
      marks.map((second) =>
        h("span", { style: { left: `${(100 * second) / call.duration}%` } }, isCut(second) ? "" : clock(second)),
      ),
    );
  }

  document.querySelector("#zoom-in").addEventListener("click", () => zoom(scale * 2));
  document.querySelector("#zoom-out").addEventListener("click", () => zoom(scale / 2));
  window.addEventListener("resize", () => call && drawRuler());

  return { ROLE_NAMES, render, movePlayhead, onSeek, voice };
})();
