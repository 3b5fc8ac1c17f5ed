// The sound of a call, and where in it one is. Works without sound too: then one moves through the lanes alone.
"use strict";

callmood.player = (() => {
  const { h, fill } = callmood;
  const audio = document.querySelector("audio");
  const note = document.querySelector("#no-sound");
  const player = { at: 0, length: 0, onMove: () => undefined };
  let playWhenReady = false;

  player.open = function ({ audio: address, noAudio, length }) {
    Object.assign(player, { at: 0, length });
    playWhenReady = false;
    audio.hidden = !address;
    note.hidden = Boolean(address);
    fill(note, noAudio ?? "");
    if (address) audio.src = address;
    else audio.removeAttribute("src");
  };

  // Goes to a second, and plays from there if asked to, else goes on as it was.
  player.seek = function (second, play = false) {
    player.at = Math.min(Math.max(0, second), player.length);
    playWhenReady = play;
    if (audio.readyState > 0) start();
    player.onMove(player.at, true);
  };

  player.toggle = () => (audio.paused ? audio.play().catch(() => undefined) : audio.pause());

  function start() {
    audio.currentTime = player.at;
    if (playWhenReady) audio.play().catch(() => undefined);
  }

  audio.addEventListener("loadedmetadata", start);
  audio.addEventListener("timeupdate", () => {
    if (audio.readyState === 0) return;
    player.at = audio.currentTime;
    player.onMove(player.at, !audio.paused);
  });
  audio.addEventListener("error", () => {
    if (!audio.getAttribute("src")) return;
    audio.hidden = true;
    note.hidden = false;
    const link = h("a", { href: audio.src }, "open the file");
    fill(note, "The recording is not where it was, or this browser cannot play it: ", link);
  });

  return player;
})();
