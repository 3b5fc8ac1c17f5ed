// Plays clips, takes labels, keeps them in the browser, and saves them as CSV. It asks the network for nothing, and does
// not show what the model heard: people who see it tend to agree.
"use strict";

const KEYS = { anger: "A", disgust: "D", fear: "F", happiness: "H", neutral: "N", sadness: "S", surprise: "U", boredom: "B" };
const UNCLEAR = "cannot tell"; // is not saved: it would teach nothing

const $ = (id) => document.getElementById(id);

// clips.js, the next script, hands the clips over.
function load(data) {
  const answers = [...data.emotions, "surprise", "boredom", UNCLEAR];
  const keyOf = (answer) => KEYS[answer] ?? "X";
  const kept = memory(`callmood-labels-${data.name}`);
  let at = Math.max(0, firstOpen());

  function firstOpen(from = 0) {
    const order = data.clips.map((_, i) => (from + i) % data.clips.length);
    return order.find((i) => !kept.labels[data.clips[i].path]) ?? -1;
  }

  // --- one clip ---------------------------------------------------------------------------------------------------

  for (const answer of answers) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.answer = answer;
    button.append(answer, Object.assign(document.createElement("kbd"), { textContent: keyOf(answer) }));
    button.addEventListener("click", () => label(answer));
    $("answers").append(button);
  }

  function show(play) {
    const clip = data.clips[at];
    const given = kept.labels[clip.path];
    $("clip-title").textContent = `Clip ${at + 1} of ${data.clips.length}`;
    $("given").textContent = given ? `You said: ${given}` : "";
    for (const button of $("answers").children) button.setAttribute("aria-pressed", button.dataset.answer === given);
    $("back").disabled = at === 0;
    $("next").disabled = at === data.clips.length - 1;
    $("no-sound").hidden = true;
    if ($("sound").getAttribute("src") !== clip.path) $("sound").src = clip.path;
    if (play) $("sound").play().catch(() => {}); // browsers let no page sound before its first click or key
    progress();
  }

  function progress() {
    const count = Object.keys(kept.labels).length;
    Object.assign($("progress"), { value: count, max: data.clips.length });
    $("done").textContent = `${count} of ${data.clips.length} labeled`;
    $("open").disabled = firstOpen() < 0;
  }

  function label(answer) {
    kept.labels[data.clips[at].path] = answer;
    keep();
    const next = firstOpen(at);
    if (next >= 0) go(next);
    else show(false);
  }

  function go(to) {
    if (to < 0 || to >= data.clips.length) return;
    at = to;
    show(true);
  }

  function replay() {
    $("sound").currentTime = 0;
    $("sound").play().catch(() => {});
  }

  // --- controls ---------------------------------------------------------------------------------------------------

  const actions = {
    " ": replay,
    arrowleft: () => go(at - 1),
    arrowright: () => go(at + 1),
    o: () => go(firstOpen(at + 1)),
    ...Object.fromEntries(answers.map((answer) => [keyOf(answer).toLowerCase(), () => label(answer)])),
  };
  document.addEventListener("keydown", (event) => {
    const within = event.target.closest?.("input, audio") || (event.key === " " && event.target.closest?.("button"));
    const action = actions[event.key.toLowerCase()];
    if (within || !action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  $("back").addEventListener("click", () => go(at - 1));
  $("next").addEventListener("click", () => go(at + 1));
  $("open").addEventListener("click", () => go(firstOpen(at + 1)));
  $("sound").addEventListener("error", () => ($("no-sound").hidden = false));
  $("by").value = kept.by;
  $("by").addEventListener("input", () => {
    kept.by = $("by").value.trim();
    keep();
  });
  $("forget").addEventListener("click", () => {
    if (!confirm("Forget all answers of this set in this browser?")) return;
    kept.labels = {};
    keep();
    at = 0;
    show(false);
  });

  function keep() {
    $("saved").textContent = "";
    $("memory").hidden = kept.write();
  }

  // --- saving -----------------------------------------------------------------------------------------------------

  $("save").addEventListener("click", () => {
    const said = (clip) => kept.labels[clip.path];
    const rows = data.clips.filter((clip) => said(clip) && said(clip) !== UNCLEAR);
    const cells = rows.map((clip) => ({ ...clip, emotion: said(clip), annotated_by: kept.by }));
    const lines = [data.columns, ...cells.map((row) => data.columns.map((column) => row[column]))];
    const text = lines.map((line) => line.map(csvCell).join(",")).join("\r\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${text}\r\n`], { type: "text/csv" }));
    link.download = "labels.csv";
    link.click();
    URL.revokeObjectURL(link.href);
    $("saved").textContent = `${rows.length} labels saved.`;
  });

  show(false);
}

function csvCell(value) {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// What is kept in the browser: labels by clip, and by whom. A browser may keep nothing for pages from the disk.
function memory(name) {
  const read = () => {
    try {
      return JSON.parse(localStorage.getItem(name));
    } catch {
      return null;
    }
  };
  return {
    labels: {},
    by: "",
    ...read(),
    write() {
      try {
        localStorage.setItem(name, JSON.stringify({ labels: this.labels, by: this.by }));
        return true;
      } catch {
        return false;
      }
    },
  };
}
