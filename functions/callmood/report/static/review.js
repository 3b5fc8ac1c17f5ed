// The review of one call: a verdict, a note, and labels of its segments.
"use strict";

callmood.review = (() => {
  const { h, fill, clock, percent, reviews } = callmood;
  const form = document.querySelector("#review");
  const panel = document.querySelector("#segment-panel");
  const status = document.querySelector("#review-status");
  let call = null;
  let segment = null;
  let last = null;

  const SAVED = callmood.data.isServed
    ? "Saved in the store."
    : "Saved in this browser. To keep or share it, use Export my reviews on the page of all calls.";

  // Changes are saved one after the other: only the end of the last one means that all are saved.
  async function report(saving) {
    last = saving;
    fill(status, "Saving");
    try {
      await saving;
      if (saving === last) fill(status, SAVED);
    } catch (error) {
      fill(status, `Not saved: ${error.message}`);
    }
  }

  function render(newCall) {
    const isOther = call?.id !== newCall.id;
    if (call && isOther) saveTyped();
    call = newCall;
    segment = null;
    fill(status, "");
    form.elements.reviewer.value = reviews.reviewer();
    renderForm(isOther);
    renderSegment();
  }

  // The browser can go back to another call while the form has the focus, without an event of the form.
  function saveTyped() {
    const { verdict = "", note = "" } = reviews.review(call.id) ?? {};
    const typed = form.elements.note.value.trim();
    if (form.elements.verdict.value === (verdict ?? "") && typed === (note ?? "")) return;
    report(reviews.setReview(call, form.elements.verdict.value, typed));
  }

  function renderForm(isOther = false) {
    if (!call || (!isOther && form.contains(document.activeElement))) return;
    const { verdict, note } = reviews.review(call.id) ?? {};
    for (const input of form.elements.verdict) input.checked = input.value === verdict;
    form.elements.note.value = note ?? "";
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", ({ target }) => {
    if (target.name === "reviewer") return reviews.reviewer(target.value.trim());
    return report(reviews.setReview(call, form.elements.verdict.value, form.elements.note.value.trim()));
  });

  // --- the label of a segment -------------------------------------------------------------------------------------

  function select(newSegment) {
    segment = newSegment;
    renderSegment();
  }

  const label = ({ emotion, probabilities }) =>
    emotion === "uncertain" ? "uncertain" : `${emotion} ${percent(Math.max(...probabilities))}`;

  function renderSegment() {
    panel.hidden = !segment;
    if (!segment) return;
    const { start, end, role, probabilities } = segment;
    const title = `${callmood.lanes.ROLE_NAMES[role]}, ${clock(start)} to ${clock(end)}`;
    const children = [h("b", {}, title), " "];
    if (probabilities) {
      const annotated = reviews.label(call, segment)?.emotion;
      const predicted = reviews.predicted(segment);
      const state = annotated && (annotated === predicted ? "you confirmed it" : `you labeled it ${annotated}`);
      const choose = h(
        "select",
        { "aria-label": "Correct label", onchange: ({ target }) => target.value && save(target.value) },
        h("option", { value: "" }, "Wrong label: choose"),
        callmood.EMOTIONS.filter((emotion) => emotion !== predicted).map((emotion) =>
          h("option", { value: emotion, selected: emotion === annotated }, emotion),
        ),
      );
      const right = h(
        "button",
        { type: "button", "aria-pressed": String(annotated === predicted), onclick: () => save(predicted) },
        `Right: ${predicted}`,
      );
      children.push(h("span", {}, callmood.dot(segment.emotion), [label(segment), callmood.lanes.voice(segment)].filter(Boolean).join(", ")), right, choose, h("span", { class: "quiet", role: "status" }, state ?? ""));
    } else {
      children.push(h("span", { class: "quiet" }, "Emotion is not inferred for this speaker."));
    }
    fill(panel, children);
  }

  const save = (emotion) => report(reviews.setLabel(call, segment, emotion)).then(renderSegment);

  window.addEventListener("reviewschange", () => {
    renderForm();
    renderSegment();
  });

  return { render, select };
})();
