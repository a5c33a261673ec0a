"use strict";
const players = [];

function clockText(seconds) {
  const text = (seconds % 60).toFixed(1);
  return seconds < 100 ? seconds.toFixed(1) + " s" : Math.floor(seconds / 60) + ":" + text.padStart(4, "0");
}

/* A picture and its sound: the playhead follows the sound, the sound follows clicks and keys. */
function makePlayer(panel) {
  const audio = panel.querySelector("audio"), button = panel.querySelector(".play");
  const canvas = panel.querySelector(".canvas"), head = panel.querySelector(".playhead");
  const clock = panel.querySelector(".clock");
  const left = Number(panel.dataset.left), right = Number(panel.dataset.right), start = Number(panel.dataset.start);
  const name = panel.querySelector(".panel-name b").textContent.toLowerCase();
  const length = () => (Number.isFinite(audio.duration) ? audio.duration : 0);
  let touched = false;

  function show() {
    const now = audio.currentTime;
    head.hidden = !touched;
    head.style.left = Math.min(100, Math.max(0, 100 * (now - left) / (right - left))) + "%";
    clock.textContent = touched ? clockText(start + now) + " / " + clockText(start + length()) : clockText(length());
    canvas.setAttribute("aria-valuemax", (start + length()).toFixed(2));
    canvas.setAttribute("aria-valuenow", (start + now).toFixed(2));
    canvas.setAttribute("aria-valuetext", clockText(start + now));
  }
  function follow() {
    show();
    if (!audio.paused) requestAnimationFrame(follow);
  }
  function seek(seconds) {
    touched = true;
    audio.currentTime = Math.min(length(), Math.max(0, seconds));
    show();
  }
  function seekTo(event) {
    const box = canvas.getBoundingClientRect();
    seek(left + (right - left) * (event.clientX - box.left) / box.width);
  }
  function toggle() {
    if (!audio.paused) return audio.pause();
    audio.play().catch(() => { clock.textContent = "cannot play"; });
  }

  audio.controls = false;
  button.hidden = false;
  button.addEventListener("click", toggle);
  audio.addEventListener("play", () => {
    touched = true;
    players.forEach((other) => other !== audio && other.pause());
    panel.classList.add("playing");
    button.setAttribute("aria-label", "Pause " + name);
    follow();
  });
  for (const event of ["pause", "ended"]) audio.addEventListener(event, () => {
    panel.classList.remove("playing");
    button.setAttribute("aria-label", "Play " + name);
    show();
  });
  for (const event of ["loadedmetadata", "seeked"]) audio.addEventListener(event, show);
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "slider");
  canvas.setAttribute("aria-label", "Position in the " + name + " sound");
  canvas.setAttribute("aria-valuemin", start.toFixed(2));
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    seekTo(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) seekTo(event);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 1 : 0.1;
    const moves = { ArrowLeft: audio.currentTime - step, ArrowRight: audio.currentTime + step, Home: 0, End: length() };
    if (event.key in moves) seek(moves[event.key]);
    else if (event.key === " " || event.key === "Enter") toggle();
    else return;
    event.preventDefault();
  });
  players.push(audio);
  show();
}

/* Which layer lies over the spectrogram, and how strongly. */
function makeTools(section) {
  const slider = section.querySelector(".opacity input");
  const overlays = section.querySelectorAll(".overlay"), legends = section.querySelectorAll("[data-legend]");
  const fade = () => overlays.forEach((image) => { image.style.opacity = slider.value / 100; });
  const choose = (key) => {
    overlays.forEach((image) => { image.hidden = image.dataset.overlay !== key; });
    legends.forEach((legend) => { legend.hidden = legend.dataset.legend !== key; });
    slider.disabled = key === "none";
  };
  slider.addEventListener("input", fade);
  section.querySelectorAll(".choice input").forEach((radio) => {
    radio.addEventListener("change", () => choose(radio.value));
    if (radio.checked) choose(radio.value);
  });
  fade();
}

/* A button of the comparison: it plays a sound of a method's own section; the picture above it shows where. */
function makeRemote(button) {
  const panel = document.querySelector("#" + button.dataset.section + " .panel-" + button.dataset.part);
  const audio = panel.querySelector("audio"), head = button.closest(".tile").querySelector(".playhead");
  const left = Number(panel.dataset.left), right = Number(panel.dataset.right);

  function follow() {
    head.style.left = Math.min(100, Math.max(0, 100 * (audio.currentTime - left) / (right - left))) + "%";
    if (!audio.paused) requestAnimationFrame(follow);
  }
  button.hidden = false;
  button.addEventListener("click", () => {
    if (audio.paused) audio.play().catch(() => { button.disabled = true; });
    else audio.pause();
  });
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, () => {
    button.setAttribute("aria-pressed", String(!audio.paused));
    head.hidden = false;
    follow();
  });
}

/* Of the sections below a comparison one is shown at a time; a link to another one shows that. */
function makeSwitch(comparison) {
  const sections = document.querySelectorAll(".of-" + comparison.id);
  function show(id) {
    if (![...sections].some((section) => section.id === id)) return;
    sections.forEach((section) => section.classList.toggle("folded", section.id !== id));
    comparison.querySelectorAll(".tile").forEach((tile) => tile.classList.toggle("chosen", tile.dataset.section === id));
    document.querySelectorAll("#" + id + " audio").forEach((audio) => { audio.preload = "auto"; });
  }
  if (sections.length) show(sections[0].id);
  show(location.hash.slice(1));
  comparison.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link) show(link.hash.slice(1));
  });
  window.addEventListener("hashchange", () => show(location.hash.slice(1)));
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copies);
  let done = true;
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    getSelection().selectAllChildren(source);
    done = document.execCommand("copy");
  }
  button.textContent = done ? "Copied" : "Press Ctrl+C";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

document.querySelectorAll("audio[data-same-as]").forEach((audio) => {
  audio.src = document.querySelector("#" + audio.dataset.sameAs + " .panel-original audio").src;
});
document.querySelectorAll(".panel").forEach(makePlayer);
document.querySelectorAll(".comparison").forEach(makeSwitch);
document.querySelectorAll(".hear").forEach(makeRemote);
document.querySelectorAll(".stretch, .comparison").forEach(makeTools);
document.querySelectorAll(".copy").forEach((button) => button.addEventListener("click", () => copy(button)));
