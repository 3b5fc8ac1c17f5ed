// The player at the bottom of each page. It keeps playing while the list changes. Without audio, the position still moves.
"use strict";

callmood.player = (() => {
  const { h, fill, clock } = callmood;
  const RUN_UP_S = 3; // a moment is easier to judge with what precedes it
  const STEP_S = 10;
  const bar = document.querySelector("#player");
  const audio = bar.querySelector("audio");
  const message = bar.querySelector("#audio-message");
  const player = { position: 0, duration: 0, call: null, onMove: () => undefined, onNext: () => undefined };
  let clip = null; // the clip that plays, if the recording is not available
  let useClips = false;
  let playWhenLoaded = false;

  // Loads the audio of a decoded call.
  player.load = function (call) {
    audio.pause();
    Object.assign(player, { call, position: 0, duration: call.duration });
    playWhenLoaded = false;
    clip = null;
    useClips = !call.audioUrl;
    bar.hidden = false;
    document.body.dataset.player = "";
    fill("#player-call", h("a", {}, callmood.nameElement(call.name)));
    const isPlayable = Boolean(call.audioUrl) || call.clips.length > 0;
    showMessage(isPlayable ? "" : call.audioMessage);
    if (call.audioUrl) audio.src = call.audioUrl;
    else audio.removeAttribute("src");
    showPosition();
  };

  function showMessage(...content) {
    message.hidden = content.every((part) => part === "");
    audio.hidden = !message.hidden;
    fill(message, content);
  }

  // Moves to a second. If `play` is set, also starts playback.
  player.seek = function (second, play = false) {
    player.position = Math.min(Math.max(0, second), player.duration);
    playWhenLoaded = play;
    if (useClips) loadClip();
    if (audio.readyState > 0) applyPosition();
    player.onMove(player.position, true);
    showPosition();
  };

  player.seekMoment = (second, play = true) => player.seek(second - RUN_UP_S, play);
  player.skip = (seconds) => player.seek(player.position + seconds, !audio.paused);
  player.toggle = () => (audio.paused ? audio.play().catch(() => undefined) : audio.pause());

  // Chooses the clip at the position, otherwise the next one.
  function loadClip() {
    const clips = player.call.clips;
    if (!clips.length) return;
    const next = clips.find(({ end }) => end > player.position) ?? clips.at(-1);
    if (player.position < next.start || player.position > next.end) player.position = next.start;
    if (clip === next) return;
    clip = next;
    audio.src = clip.url;
  }

  function applyPosition() {
    audio.currentTime = player.position - (clip?.start ?? 0);
    audio.playbackRate = Number(speed.value);
    if (playWhenLoaded) audio.play().catch(() => undefined);
  }

  // Returns the address of the page that shows this call, at the current second.
  player.link = function () {
    const state = { ...callmood.state.read(), call: player.call.id, t: player.position.toFixed(1) };
    return `call.html${callmood.state.toHash(state)}`;
  };

  function showPosition() {
    fill("#copy-link", `Copy link to ${clock(player.position)}`);
    bar.querySelector("#player-call a").href = player.link();
  }

  audio.addEventListener("loadedmetadata", applyPosition);
  audio.addEventListener("timeupdate", () => {
    if (audio.readyState === 0) return;
    player.position = audio.currentTime + (clip?.start ?? 0);
    player.onMove(player.position, !audio.paused);
    showPosition();
  });
  audio.addEventListener("error", () => {
    if (!audio.getAttribute("src")) return;
    if (!useClips && player.call.clips.length) {
      useClips = true;
      return player.seek(player.position, playWhenLoaded);
    }
    const link = h("a", { href: audio.src }, "open the file");
    return showMessage("The recording was moved, or this browser cannot play it: ", link);
  });

  // --- controls ---------------------------------------------------------------------------------------------------

  const speed = bar.querySelector("#speed");
  speed.addEventListener("change", () => (audio.playbackRate = Number(speed.value)));
  bar.querySelector("#rewind").addEventListener("click", () => player.skip(-STEP_S));
  bar.querySelector("#forward").addEventListener("click", () => player.skip(STEP_S));
  bar.querySelector("#next-call-moment").addEventListener("click", () => player.onNext(1));
  bar.querySelector("#copy-link").addEventListener("click", async ({ currentTarget: button }) => {
    const url = new URL(player.link(), location.href).href;
    const isCopied = await copy(url);
    fill(button, isCopied ? "Link copied" : "Cannot copy; the link is in the address bar");
    if (!isCopied) history.replaceState(null, "", url);
    setTimeout(showPosition, 2000);
  });

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const field = h("textarea", { "aria-hidden": "true", style: { position: "fixed", opacity: "0" } }, text);
      document.body.append(field);
      field.select();
      const isCopied = document.execCommand("copy"); // a page without permission to the clipboard
      field.remove();
      return isCopied;
    }
  }

  // --- keyboard shortcuts -----------------------------------------------------------------------------------------

  const shortcuts = {
    n: () => player.onNext(1),
    p: () => player.onNext(-1),
    " ": player.toggle,
    ArrowLeft: () => player.skip(-STEP_S),
    ArrowRight: () => player.skip(STEP_S),
  };

  // Adds shortcuts of a page.
  player.addShortcuts = (more) => Object.assign(shortcuts, more);

  document.addEventListener("keydown", (event) => {
    const isForElement =
      event.target.closest("input, select, textarea, audio, [role=slider]") ||
      (event.key === " " && event.target.closest("button, a, summary")) ||
      (event.key.startsWith("Arrow") && event.target.closest(".segment, .scroll"));
    const isEnabled = document.querySelector("#shortcuts")?.checked ?? true;
    const action = shortcuts[event.key];
    if (!isEnabled || isForElement || event.ctrlKey || event.metaKey || event.altKey || !action) return;
    if (!player.call && event.key !== "n") return;
    event.preventDefault();
    action();
  });

  return player;
})();
