"use strict";
/* One player for every page and for the app. What an element does stands in its attributes:
 *   data-player    a picture with its sounds. data-left, data-right: seconds at the picture's edges, counted from the
 *                  beginning of the sound; data-start: where that is in the recording; data-name: for screen readers.
 *                  Inside: audio, data-playhead and, where wanted, data-play (a button) and data-clock
 *   data-seeks     a picture: clicks, drags and keys move in the sound; with the value "play" a click plays, too
 *   data-layers    what is switched together: data-layer (radios or buttons), data-overlay, data-legend, data-opacity
 *   data-section, data-part  a button that plays a sound of that section; the picture of its figure shows where
 *   data-at, data-of         a button that plays the player of that id from that second on
 *   data-same-as   an audio that repeats the original of that section
 *   data-compares  a comparison: of the sections with data-method-of its id one is shown at a time
 *   data-copies    a button that copies the text of the element of that id
 * All is delegated to one root, because the app replaces what is inside with every result. */
const soundsPlayed = new WeakMap();  // player -> the sound that was played or moved last
const layersChosen = new Map();  // data-layers -> layer and opacity; outlives a result of the app
let root;

function each(selector, action) {
  for (const element of root.querySelectorAll(selector)) action(element);
}

function within(share) {
  return Math.min(1, Math.max(0, share));
}

/* ---- Sound and playhead ---- */

function clockText(seconds) {
  const text = (seconds % 60).toFixed(1);
  return seconds < 100 ? seconds.toFixed(1) + " s" : Math.floor(seconds / 60) + ":" + text.padStart(4, "0");
}

function currentSound(player) {
  return soundsPlayed.get(player) || player.querySelector("audio");
}

function soundLength(player) {
  const audio = currentSound(player);
  return Number.isFinite(audio.duration) ? audio.duration : Number(player.dataset.right);
}

function timeAt(player, share) {
  return Number(player.dataset.left) + share * (player.dataset.right - player.dataset.left);
}

function shareAt(player, seconds) {
  return (seconds - player.dataset.left) / (player.dataset.right - player.dataset.left);
}

function remoteSound(button) {
  return root.querySelector("#" + button.dataset.section + " audio[data-part=" + button.dataset.part + "]");
}

function remotesOf(audio) {
  const parts = root.querySelectorAll("button[data-section][data-part='" + audio.dataset.part + "']");
  return [...parts].filter((button) => remoteSound(button) === audio);
}

function movePlayhead(head, player) {
  head.hidden = !soundsPlayed.has(player);
  head.style.left = 100 * within(shareAt(player, currentSound(player).currentTime)) + "%";
}

function showPosition(player) {
  const now = currentSound(player).currentTime, length = soundLength(player), start = Number(player.dataset.start);
  const slider = player.querySelector("[data-seeks]"), clock = player.querySelector("[data-clock]");
  movePlayhead(player.querySelector("[data-playhead]"), player);
  if (clock) {
    const touched = soundsPlayed.has(player);
    clock.textContent = touched ? clockText(start + now) + " / " + clockText(start + length) : clockText(length);
  }
  if (!slider) return;
  slider.setAttribute("aria-valuemax", (start + length).toFixed(2));
  slider.setAttribute("aria-valuenow", (start + now).toFixed(2));
  slider.setAttribute("aria-valuetext", clockText(start + now));
}

function showPlaying(player) {
  const playing = [...player.querySelectorAll("audio")].some((audio) => !audio.paused);
  const button = player.querySelector("[data-play]");
  player.classList.toggle("playing", playing);
  if (button) button.setAttribute("aria-label", (playing ? "Pause " : "Play ") + player.dataset.name);
  for (const audio of player.querySelectorAll("audio")) {
    for (const remote of remotesOf(audio)) remote.setAttribute("aria-pressed", String(!audio.paused));
  }
}

function follow(audio, player, heads) {
  showPosition(player);
  for (const head of heads) movePlayhead(head, player);
  if (!audio.paused && audio.isConnected) requestAnimationFrame(() => follow(audio, player, heads));
}

async function play(audio) {
  try {
    await audio.play();
  } catch {
    if (audio.error === null) return;  // paused again before it began
    const clock = audio.closest("[data-player]").querySelector("[data-clock]");
    if (clock) clock.textContent = "cannot play";
    for (const remote of remotesOf(audio)) remote.disabled = true;
  }
}

function toggle(audio) {
  if (audio.paused) play(audio);
  else audio.pause();
}

function seek(player, seconds) {
  const audio = currentSound(player);
  soundsPlayed.set(player, audio);
  audio.currentTime = Math.min(soundLength(player), Math.max(0, seconds));
  showPosition(player);
}

function whenPlaying(event) {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
  const player = event.target.closest("[data-player]");
  if (!player || !root.contains(player)) return;
  soundsPlayed.set(player, event.target);
  showPlaying(player);
  follow(event.target, player, remotesOf(event.target).map((button) =>
    button.closest("figure").querySelector("[data-playhead]")));
}

function whenSoundChanged(event) {
  const player = event.target.closest("[data-player]");
  if (!player) return;
  showPlaying(player);
  showPosition(player);
}

/* ---- Layers over the pictures ---- */

function layerChoice(group) {
  const name = group.dataset.layers, checked = group.querySelector("[data-layer]:checked");
  if (!layersChosen.has(name)) {
    const layer = checked ? checked.dataset.layer : "explanation";
    layersChosen.set(name, { layer, opacity: group.querySelector("[data-opacity]").value });
  }
  return layersChosen.get(name);
}

function showLayers(group) {
  const choice = layerChoice(group), slider = group.querySelector("[data-opacity]");
  const offered = [...group.querySelectorAll("[data-layer]")];
  const layer = offered.some((control) => control.dataset.layer === choice.layer) ? choice.layer : "explanation";
  for (const control of offered) {
    if (control.type === "radio") control.checked = control.dataset.layer === layer;
    else control.setAttribute("aria-pressed", String(control.dataset.layer === layer));
  }
  for (const image of group.querySelectorAll("[data-overlay]")) {
    image.hidden = image.dataset.overlay !== layer;
    image.style.opacity = choice.opacity / 100;
  }
  for (const legend of group.querySelectorAll("[data-legend]")) legend.hidden = legend.dataset.legend !== layer;
  slider.value = choice.opacity;
  slider.disabled = layer === "none";
}

function whenInput(event) {
  const control = event.target.closest("[data-layer], [data-opacity]");
  if (!control) return;
  const group = control.closest("[data-layers]"), choice = layerChoice(group);
  if (control.dataset.layer) choice.layer = control.dataset.layer;
  else choice.opacity = control.value;
  showLayers(group);
}

/* ---- Moving in the sound ---- */

function seekTo(event, canvas) {
  const box = canvas.getBoundingClientRect(), player = canvas.closest("[data-player]");
  seek(player, timeAt(player, (event.clientX - box.left) / box.width));
}

function whenPointerDown(event) {
  const canvas = event.target.closest("[data-seeks]");
  if (!canvas || event.button !== 0) return;
  canvas.setPointerCapture(event.pointerId);
  seekTo(event, canvas);
  if (canvas.dataset.seeks === "play") play(currentSound(canvas.closest("[data-player]")));
}

function whenPointerMoved(event) {
  const canvas = event.target.closest("[data-seeks]");
  if (canvas && canvas.hasPointerCapture(event.pointerId)) seekTo(event, canvas);
}

function whenKeyPressed(event) {
  const canvas = event.target.closest("[data-seeks]");
  if (!canvas) return;
  const player = canvas.closest("[data-player]"), audio = currentSound(player), step = event.shiftKey ? 1 : 0.1;
  const moves = { ArrowLeft: audio.currentTime - step, ArrowRight: audio.currentTime + step,
    Home: 0, End: soundLength(player) };
  if (event.key in moves) seek(player, moves[event.key]);
  else if (event.key === " " || event.key === "Enter") toggle(audio);
  else return;
  event.preventDefault();
}

/* ---- Buttons and links ---- */

function playFrom(button) {
  const player = document.getElementById(button.dataset.of);
  seek(player, Number(button.dataset.at));
  play(currentSound(player));
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

/* Of the sections below a comparison one is shown at a time; a link to another one shows that. */
function showSection(id) {
  const section = document.getElementById(id), comparison = section && section.dataset.methodOf;
  if (!comparison) return;
  each("[data-method-of='" + comparison + "']", (other) => other.classList.toggle("folded", other !== section));
  each("#" + comparison + " figure[data-section]", (tile) =>
    tile.classList.toggle("chosen", tile.dataset.section === id));
  for (const audio of section.querySelectorAll("audio")) audio.preload = "auto";
}

function whenClicked(event) {
  const button = event.target.closest("button"), link = event.target.closest("[data-compares] a[href^='#']");
  if (link) showSection(link.hash.slice(1));
  if (!button) return;
  if ("play" in button.dataset) toggle(currentSound(button.closest("[data-player]")));
  else if ("part" in button.dataset) toggle(remoteSound(button));
  else if ("at" in button.dataset) playFrom(button);
  else if ("copies" in button.dataset) copy(button);
  else whenInput(event);
}

/* ---- The beginning, and after each result of the app ---- */

function preparePlayer(player) {
  const slider = player.querySelector("[data-seeks]"), button = player.querySelector("[data-play]");
  if (button) {  // without this script the browser's own controls are there instead
    player.querySelector("audio").controls = false;
    button.hidden = false;
  }
  if (slider) {
    slider.tabIndex = 0;
    slider.setAttribute("role", "slider");
    slider.setAttribute("aria-label", "Position in the " + player.dataset.name + " sound");
    slider.setAttribute("aria-valuemin", Number(player.dataset.start).toFixed(2));
  }
  showPosition(player);
}

function prepare() {
  each("audio[data-same-as]", (audio) => {
    audio.src = root.querySelector("#" + audio.dataset.sameAs + " audio[data-part=original]").src;
  });
  each("[data-player]", preparePlayer);
  each("[data-layers]", showLayers);
  each("button[data-section]", (button) => { button.hidden = false; });
  each("[data-compares]", (comparison) => {
    const first = root.querySelector("[data-method-of='" + comparison.id + "']");
    if (first) showSection(first.id);
  });
  showSection(location.hash.slice(1));
}

function start(element) {
  root = element;
  document.addEventListener("play", whenPlaying, true);  // events of sounds do not bubble
  for (const name of ["pause", "ended", "loadedmetadata", "seeked"]) {
    root.addEventListener(name, whenSoundChanged, true);
  }
  root.addEventListener("click", whenClicked);
  root.addEventListener("input", whenInput);
  root.addEventListener("keydown", whenKeyPressed);
  root.addEventListener("pointerdown", whenPointerDown);
  root.addEventListener("pointermove", whenPointerMoved);
  window.addEventListener("hashchange", () => showSection(location.hash.slice(1)));
  prepare();
}

start(typeof element === "undefined" ? document : element);  // in the app Gradio gives us the element of the result
