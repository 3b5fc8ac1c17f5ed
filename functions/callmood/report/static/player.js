// The audio player and the position in the call. Without audio, the position still moves through the lanes.
"use strict";

callmood.player = (() => {
  const { h, fill } = callmood;
  const audio = document.querySelector("audio");
  const message = document.querySelector("#audio-message");
  const player = { position: 0, duration: 0, onMove: () => undefined };
  let playWhenLoaded = false;

  player.load = function ({ audioUrl, audioMessage, duration }) {
    Object.assign(player, { position: 0, duration });
    playWhenLoaded = false;
    audio.hidden = !audioUrl;
    message.hidden = Boolean(audioUrl);
    fill(message, audioMessage);
    if (audioUrl) audio.src = audioUrl;
    else audio.removeAttribute("src");
  };

  // Moves to a second. If `play` is set, also starts playback.
  player.seek = function (second, play = false) {
    player.position = Math.min(Math.max(0, second), player.duration);
    playWhenLoaded = play;
    if (audio.readyState > 0) applyPosition();
    player.onMove(player.position, true);
  };

  player.toggle = () => (audio.paused ? audio.play().catch(() => undefined) : audio.pause());

  function applyPosition() {
    audio.currentTime = player.position;
    if (playWhenLoaded) audio.play().catch(() => undefined);
  }

  audio.addEventListener("loadedmetadata", applyPosition);
  audio.addEventListener("timeupdate", () => {
    if (audio.readyState === 0) return;
    player.position = audio.currentTime;
    player.onMove(player.position, !audio.paused);
  });
  audio.addEventListener("error", () => {
    if (!audio.getAttribute("src")) return;
    audio.hidden = true;
    message.hidden = false;
    const link = h("a", { href: audio.src }, "open the file");
    fill(message, "The recording was moved, or this browser cannot play it: ", link);
  });

  return player;
})();
