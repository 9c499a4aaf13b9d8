// Marking the product in a photo: drag a box, touch for points. The number fields beside the photo hold what is sent;
// this file draws what they say and writes into them, so keyboard and touch can be mixed. Without it they still work.

"use strict";

for (const form of document.querySelectorAll("[data-marks]")) mark(form);

function mark(form) {
  const find = (name) => form.querySelector(`[data-${name}]`);
  const canvas = find("canvas");
  const frame = find("box");
  const list = find("points");
  const blank = find("point");
  const sides = ["left", "top", "right", "bottom"].map((name) => form.elements[name]);
  // How near to a corner a finger takes hold of it, and how far it must move to mean a box (CSS pixels).
  const REACH = 24;
  const STIR = 6;
  let start = null;

  // -- the fields are the truth ------------------------------------------------------------------------------------

  const box = () => {
    const at = sides.map((field) => (field.value === "" ? NaN : Number(field.value)));
    return at.every(Number.isFinite) && at[0] < at[2] && at[1] < at[3] ? at : null;
  };

  const points = () => [...list.children];

  function setBox(at) {
    sides.forEach((field, n) => (field.value = at ? at[n].toFixed(1) : ""));
    draw();
  }

  function addPoint(x, y, kind) {
    const row = blank.content.cloneNode(true).firstElementChild;
    row.querySelector("[name=x]").value = x.toFixed(1);
    row.querySelector("[name=y]").value = y.toFixed(1);
    row.querySelector("[name=kind]").value = kind;
    row.querySelector("[data-drop]").hidden = false;
    list.append(row);
    draw();
    return row;
  }

  // -- drawing -----------------------------------------------------------------------------------------------------

  function draw() {
    const at = box();
    frame.hidden = !at;
    if (at) {
      frame.style.left = `${at[0]}%`;
      frame.style.top = `${at[1]}%`;
      frame.style.width = `${at[2] - at[0]}%`;
      frame.style.height = `${at[3] - at[1]}%`;
    }
    find("drop-box").hidden = sides.every((field) => field.value === "");
    canvas.querySelectorAll(".dot").forEach((dot) => dot.remove());
    for (const row of points()) {
      const [x, y] = ["x", "y"].map((name) => row.querySelector(`[name=${name}]`).value);
      if (x === "" || y === "") continue;
      const dot = document.createElement("i");
      dot.className = `dot ${row.querySelector("[name=kind]").value}`;
      dot.style.left = `${x}%`;
      dot.style.top = `${y}%`;
      canvas.append(dot);
    }
  }

  function tell() {
    const count = points().length;
    const drawn = box() ? "A box is drawn" : "No box";
    find("told").textContent = `${drawn}, ${count} ${count === 1 ? "point" : "points"}.`;
  }

  // -- touch and mouse ---------------------------------------------------------------------------------------------

  function place(event) {
    const seen = canvas.getBoundingClientRect();
    const share = (at, from, size) => Math.min(100, Math.max(0, ((at - from) / size) * 100));
    return [share(event.clientX, seen.left, seen.width), share(event.clientY, seen.top, seen.height)];
  }

  // The corner opposite to the one that was taken hold of; else a new box begins where the finger is.
  function anchor(event) {
    const at = box();
    const seen = canvas.getBoundingClientRect();
    for (const [x, y, otherX, otherY] of at ? [[0, 1, 2, 3], [2, 1, 0, 3], [0, 3, 2, 1], [2, 3, 0, 1]] : []) {
      const far = Math.hypot(
        event.clientX - seen.left - (at[x] / 100) * seen.width,
        event.clientY - seen.top - (at[y] / 100) * seen.height,
      );
      if (far <= REACH) return [at[otherX], at[otherY]];
    }
    return place(event);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    const tool = form.elements.tool.value;
    start = { tool, x: event.clientX, y: event.clientY, from: tool === "box" ? anchor(event) : null, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!start) return;
    start.moved ||= Math.hypot(event.clientX - start.x, event.clientY - start.y) > STIR;
    if (start.tool !== "box" || !start.moved) return;
    const [x, y] = place(event);
    const [otherX, otherY] = start.from;
    setBox([Math.min(x, otherX), Math.min(y, otherY), Math.max(x, otherX), Math.max(y, otherY)]);
  });

  canvas.addEventListener("pointerup", (event) => {
    if (!start) return;
    if (start.tool !== "box") addPoint(...place(event), start.tool);
    start = null;
    tell();
  });

  canvas.addEventListener("pointercancel", () => (start = null));

  // -- fields and buttons ------------------------------------------------------------------------------------------

  form.addEventListener("input", draw);

  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[type=button]");
    if (!button) return;
    if (button.matches("[data-drop-box]")) {
      setBox(null);
      sides[0].focus();
    } else if (button.matches("[data-add]")) {
      addPoint(50, 50, form.elements.tool.value === "off" ? "off" : "on").querySelector("[name=x]").focus();
    } else if (button.matches("[data-drop]")) {
      button.closest("li").remove();
      find("add").focus();
      draw();
    }
    tell();
  });

  // -- at the start: what works only with this file is shown, empty rows are not needed ----------------------------

  for (const row of points()) {
    if (!row.querySelector("[name=x]").value && !row.querySelector("[name=y]").value) row.remove();
    else row.querySelector("[data-drop]").hidden = false;
  }
  find("tools").hidden = find("add").hidden = false;
  canvas.classList.add("live");
  draw();
}
