"use strict";
/* Pictures and sounds, on the page of a report and in the app: layers, playhead, keys, regions.

   A report's page runs this once. In the app it runs once for the whole page and once for the box of results, which
   Gradio hands over as `element`; what is in that box is replaced with each result, so there all events are delegated. */

const within = (share) => Math.min(1, Math.max(0, share));
const percent = (share) => `${100 * share}%`;

function clockText(seconds) {
  const text = (seconds % 60).toFixed(1);
  return seconds < 100 ? seconds.toFixed(1) + " s" : Math.floor(seconds / 60) + ":" + text.padStart(4, "0");
}

/* One sound at a time, all over the page. */
function playOnlyOne(page) {
  page.addEventListener("play", (event) => {
    for (const sound of page.querySelectorAll("audio")) if (sound !== event.target) sound.pause();
  }, true);
}

/* Show one of the layers that lie over the spectrograms, and its legend; "none" shows none. */
function showLayer(root, key) {
  for (const image of root.querySelectorAll("[data-overlay]")) image.hidden = image.dataset.overlay !== key;
  for (const legend of root.querySelectorAll("[data-legend]")) legend.hidden = legend.dataset.legend !== key;
}

function fadeLayers(root, opacityPercent) {
  for (const image of root.querySelectorAll("[data-overlay]")) image.style.opacity = opacityPercent / 100;
}

/* Put the playhead at a time, on a picture that spans from the data-left to the data-right of `span`, seconds. */
function placeHead(head, span, seconds) {
  const left = Number(span.dataset.left), right = Number(span.dataset.right);
  head.style.left = percent(within((seconds - left) / (right - left)));
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
    placeHead(head, panel, now);
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
  show();
}

/* Which layer lies over the spectrogram, and how strongly. */
function makeTools(section) {
  const slider = section.querySelector(".opacity input");
  const fade = () => fadeLayers(section, slider.value);
  const choose = (key) => {
    showLayer(section, key);
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

  function follow() {
    placeHead(head, panel, audio.currentTime);
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

/* Shares of a picture (x from the left, y from the bottom) <-> seconds and Hz; rows may be of unequal width. */
function scaleOf(canvas) {
  const edges = JSON.parse(canvas.dataset.edges), rows = edges.length - 1;
  const left = Number(canvas.dataset.left), right = Number(canvas.dataset.right);
  return {
    seconds: (x) => left + x * (right - left),
    x: (seconds) => (seconds - left) / (right - left),
    hz: (y) => {
      const row = Math.min(rows - 1, Math.floor(y * rows));
      return edges[row] + (y * rows - row) * (edges[row + 1] - edges[row]);
    },
    y: (hz) => {
      let row = 0;
      while (row < rows - 1 && hz > edges[row + 1]) row += 1;
      return (row + (hz - edges[row]) / (edges[row + 1] - edges[row])) / rows;
    },
  };
}

/* Where a pointer is on a picture, as shares from the left and from the bottom. */
function pointOn(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [within((event.clientX - box.left) / box.width), within((box.bottom - event.clientY) / box.height)];
}

/* The app's results: layers, playheads, and a region that is dragged over any of the spectrograms. */
function makeResults(root, trigger, watch) {
  const state = { layer: "explanation", opacity: 85, region: null };
  let drag = null;

  function drawRegion() {
    for (const canvas of root.querySelectorAll(".ew-canvas")) {
      const box = canvas.querySelector(".ew-region"), scale = scaleOf(canvas);
      box.hidden = state.region === null;
      if (box.hidden) continue;
      const [first, last, lowest, highest] = state.region;
      const left = within(scale.x(first)), bottom = within(scale.y(lowest));
      box.style.left = percent(left);
      box.style.width = percent(within(scale.x(last)) - left);
      box.style.bottom = percent(bottom);
      box.style.height = percent(within(scale.y(highest)) - bottom);
    }
  }
  function apply() {
    const keys = [...root.querySelectorAll("[data-overlay]")].map((image) => image.dataset.overlay);
    const layer = keys.includes(state.layer) || state.layer === "none" ? state.layer : "explanation";
    showLayer(root, layer);
    fadeLayers(root, state.opacity);
    for (const button of root.querySelectorAll(".ew-layers button")) {
      button.setAttribute("aria-pressed", String(button.dataset.layer === layer));
    }
    for (const slider of root.querySelectorAll(".ew-opacity input")) slider.value = state.opacity;
    drawRegion();
  }
  function endDrag() {
    const digits = (number) => (number < 2 ? 3 : 1);
    if (drag && drag.moved) {
      const region = state.region.map((value, number) => Math.max(0, Number(value.toFixed(digits(number)))));
      trigger("select", { region });
    }
    drag = null;
  }

  root.addEventListener("click", (event) => {
    const button = event.target.closest(".ew-layers button");
    if (!button) return;
    state.layer = button.dataset.layer;
    apply();
  });
  root.addEventListener("input", (event) => {
    if (!event.target.closest(".ew-opacity")) return;
    state.opacity = Number(event.target.value);
    apply();
  });
  root.addEventListener("pointerdown", (event) => {
    const canvas = event.target.closest(".ew-canvas");
    if (!canvas || event.button !== 0) return;
    drag = { canvas, from: pointOn(canvas, event), moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  root.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [x0, y0] = drag.from, [x1, y1] = pointOn(drag.canvas, event), scale = scaleOf(drag.canvas);
    const distance = Math.abs(x1 - x0) * drag.canvas.clientWidth + Math.abs(y1 - y0) * drag.canvas.clientHeight;
    drag.moved = drag.moved || distance > 6;
    if (!drag.moved) return;
    state.region = [scale.seconds(Math.min(x0, x1)), scale.seconds(Math.max(x0, x1)),
      scale.hz(Math.min(y0, y1)), scale.hz(Math.max(y0, y1))];
    drawRegion();
  });
  root.addEventListener("pointerup", endDrag);
  root.addEventListener("pointercancel", () => { drag = null; });
  root.addEventListener("play", (event) => {
    const column = event.target.closest(".ew-column"), sound = event.target;
    const canvas = column && column.querySelector(".ew-canvas"), head = column && column.querySelector(".ew-playhead");
    function follow() {
      if (!head || !head.isConnected) return;
      head.hidden = sound.paused;
      if (sound.paused) return;
      placeHead(head, canvas, Number(canvas.dataset.start) + sound.currentTime);
      requestAnimationFrame(follow);
    }
    follow();
  }, true);

  window.earwitness = { ...window.earwitness, showRegion: (region) => {
    state.region = region.every((value) => typeof value === "number" && Number.isFinite(value)) ? region : null;
    drawRegion();
  } };
  watch("value", apply);
  apply();
}

function startPage(page) {
  playOnlyOne(page);
  page.querySelectorAll("audio[data-same-as]").forEach((audio) => {
    audio.src = page.querySelector("#" + audio.dataset.sameAs + " .panel-original audio").src;
  });
  page.querySelectorAll(".panel").forEach(makePlayer);
  page.querySelectorAll(".comparison").forEach(makeSwitch);
  page.querySelectorAll(".hear").forEach(makeRemote);
  page.querySelectorAll(".stretch, .comparison").forEach(makeTools);
  page.querySelectorAll(".copy").forEach((button) => button.addEventListener("click", () => copy(button)));
}

if (typeof element === "undefined") startPage(document);
else makeResults(element, trigger, watch);
