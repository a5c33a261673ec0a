// Layers, playhead and region of the spectrograms. Everything is delegated: the content is replaced with each result.
const all = (selector) => [...element.querySelectorAll(selector)];
const state = { layer: "explanation", opacity: 85, region: null };

const place = (canvas, name) => {  // share of the height from the bottom <-> Hz, along the rows of the picture
  const edges = JSON.parse(canvas.dataset.edges), n = edges.length - 1;
  const left = Number(canvas.dataset.left), right = Number(canvas.dataset.right);
  return {
    time: (x) => left + x * (right - left),
    x: (time) => (time - left) / (right - left),
    frequency: (y) => { const k = Math.min(n - 1, Math.floor(y * n)); return edges[k] + (y * n - k) * (edges[k + 1] - edges[k]); },
    y: (hz) => { let k = 0; while (k < n - 1 && hz > edges[k + 1]) k += 1; return (k + (hz - edges[k]) / (edges[k + 1] - edges[k])) / n; },
  };
};
const within = (share) => Math.min(1, Math.max(0, share));

const drawRegion = () => {
  for (const canvas of all(".ew-canvas")) {
    const box = canvas.querySelector(".ew-region"), at = place(canvas);
    box.hidden = state.region === null;
    if (box.hidden) continue;
    const [t0, t1, f0, f1] = state.region;
    const left = within(at.x(t0)), right = within(at.x(t1)), low = within(at.y(f0)), high = within(at.y(f1));
    Object.assign(box.style, { left: `${100 * left}%`, width: `${100 * (right - left)}%`, bottom: `${100 * low}%`, height: `${100 * (high - low)}%` });
  }
};
const apply = () => {
  const keys = new Set(all(".ew-overlay").map((image) => image.dataset.overlay));
  const layer = keys.has(state.layer) || state.layer === "none" ? state.layer : "explanation";
  for (const image of all(".ew-overlay")) { image.hidden = image.dataset.overlay !== layer; image.style.opacity = state.opacity / 100; }
  for (const legend of all(".ew-legend")) legend.hidden = legend.dataset.legend !== layer;
  for (const button of all(".ew-layers button")) button.setAttribute("aria-pressed", String(button.dataset.layer === layer));
  for (const slider of all(".ew-opacity input")) slider.value = state.opacity;
  drawRegion();
};

element.addEventListener("click", (event) => {
  const button = event.target.closest(".ew-layers button");
  if (button) { state.layer = button.dataset.layer; apply(); }
});
element.addEventListener("input", (event) => {
  if (event.target.closest(".ew-opacity")) { state.opacity = Number(event.target.value); apply(); }
});

let drag = null;
const corner = (canvas, event) => {
  const box = canvas.getBoundingClientRect();
  return [within((event.clientX - box.left) / box.width), within((box.bottom - event.clientY) / box.height)];
};
element.addEventListener("pointerdown", (event) => {
  const canvas = event.target.closest(".ew-canvas");
  if (!canvas || event.button !== 0) return;
  drag = { canvas, from: corner(canvas, event), moved: false };
  canvas.setPointerCapture(event.pointerId);
});
element.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const [x0, y0] = drag.from, [x1, y1] = corner(drag.canvas, event), at = place(drag.canvas);
  drag.moved = drag.moved || Math.abs(x1 - x0) * drag.canvas.clientWidth + Math.abs(y1 - y0) * drag.canvas.clientHeight > 6;
  if (!drag.moved) return;
  state.region = [at.time(Math.min(x0, x1)), at.time(Math.max(x0, x1)), at.frequency(Math.min(y0, y1)), at.frequency(Math.max(y0, y1))];
  drawRegion();
});
const endDrag = () => {
  if (drag && drag.moved) trigger("select", { region: state.region.map((value, k) => Math.max(0, Number(value.toFixed(k < 2 ? 3 : 1)))) });
  drag = null;
};
element.addEventListener("pointerup", endDrag);
element.addEventListener("pointercancel", () => { drag = null; });

element.addEventListener("play", (event) => {
  const column = event.target.closest(".ew-column");
  const canvas = column && column.querySelector(".ew-canvas"), head = column && column.querySelector(".ew-playhead");
  const move = () => {
    if (!head || !head.isConnected) return;
    head.hidden = event.target.paused;
    if (event.target.paused) return;
    head.style.left = `${100 * within(place(canvas).x(Number(canvas.dataset.start) + event.target.currentTime))}%`;
    requestAnimationFrame(move);
  };
  move();
}, true);

window.earwitness = { ...window.earwitness, showRegion: (region) => {
  state.region = region.every((value) => typeof value === "number" && Number.isFinite(value)) ? region : null;
  drawRegion();
} };
watch("value", apply);
apply();
