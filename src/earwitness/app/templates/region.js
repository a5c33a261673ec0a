/* After player.js, in the app: a drag over a picture with data-selects chooses a region of all pictures.
 * data-edges: Hz between the rows of the picture; inside it: data-region, the rectangle. Heights are shares, from
 * below; rows are equally high, but not equally wide in Hz. */
let drag = null, region = null;

function frequencyAt(canvas, height) {
  const edges = JSON.parse(canvas.dataset.edges), rows = edges.length - 1;
  const row = Math.min(rows - 1, Math.floor(height * rows));
  return edges[row] + (height * rows - row) * (edges[row + 1] - edges[row]);
}

function heightAt(canvas, frequencyHz) {
  const edges = JSON.parse(canvas.dataset.edges), rows = edges.length - 1;
  const above = edges.findIndex((edge) => edge >= frequencyHz);
  const row = above < 0 ? rows - 1 : Math.max(0, above - 1);
  return (row + (frequencyHz - edges[row]) / (edges[row + 1] - edges[row])) / rows;
}

function drawRegion() {
  each("[data-selects]", (canvas) => {
    const box = canvas.querySelector("[data-region]"), player = canvas.closest("[data-player]");
    box.hidden = region === null;
    if (region === null) return;
    const [left, right] = region.slice(0, 2).map((time) => 100 * within(shareAt(player, time - player.dataset.start)));
    const [low, high] = region.slice(2).map((frequencyHz) => 100 * within(heightAt(canvas, frequencyHz)));
    box.style.left = left + "%";
    box.style.width = right - left + "%";
    box.style.bottom = low + "%";
    box.style.height = high - low + "%";
  });
}

/* What a drag triggers comes back as numbers of the form, and from there to here. */
function showRegion(values) {
  region = values.every(Number.isFinite) ? values : null;
  drawRegion();
}

function pointOf(event, canvas) {
  const box = canvas.getBoundingClientRect();
  return { x: within((event.clientX - box.left) / box.width), y: within((box.bottom - event.clientY) / box.height) };
}

function whenDragBegins(event) {
  const canvas = event.target.closest("[data-selects]");
  if (!canvas || event.button !== 0) return;
  drag = { canvas, from: pointOf(event, canvas), moved: false };
  canvas.setPointerCapture(event.pointerId);
}

function whenDragged(event) {
  if (!drag) return;
  const { canvas, from } = drag, to = pointOf(event, canvas), player = canvas.closest("[data-player]");
  const pixels = Math.abs(to.x - from.x) * canvas.clientWidth + Math.abs(to.y - from.y) * canvas.clientHeight;
  drag.moved = drag.moved || pixels > 6;
  if (!drag.moved) return;
  const times = [from.x, to.x].map((x) => Number(player.dataset.start) + timeAt(player, x));
  const frequencies = [from.y, to.y].map((y) => frequencyAt(canvas, y));
  region = [Math.min(...times), Math.max(...times), Math.min(...frequencies), Math.max(...frequencies)];
  drawRegion();
}

function whenDragEnds() {
  const digits = [3, 3, 1, 1];
  if (drag && drag.moved) {
    trigger("select", { region: region.map((value, k) => Math.max(0, Number(value.toFixed(digits[k])))) });
  }
  drag = null;
}

element.addEventListener("pointerdown", whenDragBegins);
element.addEventListener("pointermove", whenDragged);
element.addEventListener("pointerup", whenDragEnds);
element.addEventListener("pointercancel", () => { drag = null; });
window.earwitness = { showRegion };
watch("value", () => {
  prepare();
  drawRegion();
});
