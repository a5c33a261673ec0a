"use strict";
const player = document.getElementById("player");
const song = document.getElementById("song");
const now = document.getElementById("now");
const duration = Number(song.dataset.duration);
if (player) {
  const show = () => { now.style.left = `${100 * Math.min(1, player.currentTime / duration)}%`; };
  const listen = (at) => { player.currentTime = Math.max(0, Math.min(at, duration)); player.play().catch(() => {}); show(); };
  player.addEventListener("timeupdate", show);
  player.addEventListener("seeked", show);
  song.addEventListener("click", (event) => {
    const box = song.getBoundingClientRect();
    listen((event.clientX - box.left) / box.width * duration);
  });
  for (const button of document.querySelectorAll("button[data-at]")) {
    button.addEventListener("click", () => listen(Number(button.dataset.at)));
  }
}
