// Plays clips, stores their labels in the browser, and saves them as CSV, without network requests. The page does not
// show predictions, because annotators tend to agree with them.
"use strict";

const UNCLEAR = "unclear"; // not saved: it has no training value
const KEYS = {
  anger: "A",
  disgust: "D",
  fear: "F",
  happiness: "H",
  neutral: "N",
  sadness: "S",
  surprise: "U",
  boredom: "B",
  [UNCLEAR]: "X",
};

const byId = (id) => document.getElementById(id);

// The next script, clips.js, calls this function with the clips.
function loadClips({ name, columns, emotions, clips }) {
  const labels = [...emotions, "surprise", "boredom", UNCLEAR];
  const stored = openStorage(`callmood-labels-${name}`);
  let current = Math.max(0, findUnlabeled());

  function findUnlabeled(from = 0) {
    const order = clips.map((_, i) => (from + i) % clips.length);
    return order.find((i) => !stored.labels[clips[i].path]) ?? -1;
  }

  // --- one clip ---------------------------------------------------------------------------------------------------

  for (const label of labels) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.label = label;
    button.append(label, Object.assign(document.createElement("kbd"), { textContent: KEYS[label] }));
    button.addEventListener("click", () => setLabel(label));
    byId("labels").append(button);
  }

  function showClip(play) {
    const { path } = clips[current];
    const currentLabel = stored.labels[path];
    byId("clip-title").textContent = `Clip ${current + 1} of ${clips.length}`;
    byId("current-label").textContent = currentLabel ? `Your label: ${currentLabel}` : "";
    for (const button of byId("labels").children) {
      button.setAttribute("aria-pressed", button.dataset.label === currentLabel);
    }
    byId("previous").disabled = current === 0;
    byId("next").disabled = current === clips.length - 1;
    byId("audio-error").hidden = true;
    if (byId("audio").getAttribute("src") !== path) byId("audio").src = path;
    if (play) byId("audio").play().catch(() => {}); // browsers block audio before the first click or key
    showProgress();
  }

  function showProgress() {
    const count = Object.keys(stored.labels).length;
    Object.assign(byId("progress"), { value: count, max: clips.length });
    byId("progress-text").textContent = `${count} of ${clips.length} labeled`;
    byId("next-unlabeled").disabled = findUnlabeled() < 0;
  }

  function setLabel(label) {
    stored.labels[clips[current].path] = label;
    store();
    const next = findUnlabeled(current);
    if (next >= 0) goTo(next);
    else showClip(false);
  }

  function goTo(index) {
    if (index < 0 || index >= clips.length) return;
    current = index;
    showClip(true);
  }

  function replay() {
    byId("audio").currentTime = 0;
    byId("audio").play().catch(() => {});
  }

  // --- controls ---------------------------------------------------------------------------------------------------

  const shortcuts = {
    " ": replay,
    arrowleft: () => goTo(current - 1),
    arrowright: () => goTo(current + 1),
    o: () => goTo(findUnlabeled(current + 1)),
    ...Object.fromEntries(labels.map((label) => [KEYS[label].toLowerCase(), () => setLabel(label)])),
  };
  document.addEventListener("keydown", (event) => {
    const isForElement =
      event.target.closest?.("input, audio") || (event.key === " " && event.target.closest?.("button"));
    const action = shortcuts[event.key.toLowerCase()];
    if (isForElement || !action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  byId("previous").addEventListener("click", () => goTo(current - 1));
  byId("next").addEventListener("click", () => goTo(current + 1));
  byId("next-unlabeled").addEventListener("click", () => goTo(findUnlabeled(current + 1)));
  byId("audio").addEventListener("error", () => (byId("audio-error").hidden = false));
  byId("annotator").value = stored.annotator;
  byId("annotator").addEventListener("input", () => {
    stored.annotator = byId("annotator").value.trim();
    store();
  });
  byId("delete").addEventListener("click", () => {
    if (!confirm("Delete all labels of these clips in this browser?")) return;
    stored.labels = {};
    store();
    current = 0;
    showClip(false);
  });

  function store() {
    byId("save-result").textContent = "";
    byId("storage-error").hidden = stored.write();
  }

  // --- saving -----------------------------------------------------------------------------------------------------

  byId("save").addEventListener("click", () => {
    const rows = clips
      .map((clip) => ({ ...clip, emotion: stored.labels[clip.path], annotated_by: stored.annotator }))
      .filter(({ emotion }) => emotion && emotion !== UNCLEAR);
    const lines = [columns, ...rows.map((row) => columns.map((column) => row[column]))];
    const csv = lines.map((line) => line.map(csvCell).join(",")).join("\r\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${csv}\r\n`], { type: "text/csv" }));
    link.download = "labels.csv";
    link.click();
    URL.revokeObjectURL(link.href);
    byId("save-result").textContent = `${rows.length} labels saved.`;
  });

  showClip(false);
}

function csvCell(value) {
  const text = String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// Labels by clip, and the annotator, in localStorage. Some browsers do not provide localStorage to local pages.
function openStorage(key) {
  const read = () => {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  };
  return {
    labels: {},
    annotator: "",
    ...read(),
    write() {
      try {
        localStorage.setItem(key, JSON.stringify({ labels: this.labels, annotator: this.annotator }));
        return true;
      } catch {
        return false;
      }
    },
  };
}
