"use strict";
let playing = null;
const stop = () => {
  if (!playing) return;
  playing.audio.pause();
  playing.button.setAttribute("aria-pressed", "false");
  playing = null;
};
for (const button of document.querySelectorAll(".plays button")) {
  button.addEventListener("click", () => {
    const own = playing && playing.button === button;
    stop();
    if (own) return;
    const audio = document.getElementById(button.dataset.plays);
    audio.currentTime = 0;
    audio.onended = stop;
    button.setAttribute("aria-pressed", "true");
    playing = { audio, button };
    audio.play();
  });
}
