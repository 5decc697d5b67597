"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const RANGE = DATA.range;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// The bytes of a sound or a picture, which lie in the page with 7 bits a character
const FILES = document.querySelectorAll("script.file");
const SUBSTITUTED = {0xa1: 0, 0xa2: 13, 0xa3: 60};
function bytes(number) {
  const text = FILES[number].textContent;
  const found = new Uint8Array(Math.floor(text.length * 7 / 8));
  for (let i = 0, held = 0, bits = 0, place = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    held = ((held << 7) | (code > 127 ? SUBSTITUTED[code] : code)) & 0x7fff;
    bits += 7;
    if (bits >= 8) { bits -= 8; found[place++] = held >> bits; }
  }
  return found;
}

// One player for the page: all sounds of a clip run together, and one of them is let through.
class Player {
  constructor() {
    this.context = null;
    this.decoded = new Map();
    this.sources = [];
    this.gains = [];
    this.clip = null;
    this.offset = 0;
    this.began = 0;
    this.playing = false;
  }
  async load(files) {
    this.context ??= new AudioContext();
    return Promise.all(files.map((number) => {
      if (!this.decoded.has(number)) {
        this.decoded.set(number, this.context.decodeAudioData(bytes(number).buffer));
      }
      return this.decoded.get(number);
    }));
  }
  get position() {
    if (!this.playing) return this.offset;
    const heard = this.offset + this.context.currentTime - this.began;
    return Math.max(0, Math.min(heard, this.seconds));
  }
  async play(clip, files, chosen, position) {
    this.stop();
    const turn = (this.turn = {});
    const buffers = await this.load(files);
    await this.context.resume();
    if (this.turn !== turn) return;
    this.clip = clip;
    this.seconds = Math.max(...buffers.map((buffer) => buffer.duration));
    this.offset = position < this.seconds - 0.02 ? position : 0;
    this.gains = buffers.map(() => this.context.createGain());
    this.began = this.context.currentTime + 0.03;
    this.sources = buffers.map((buffer, i) => {
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.connect(this.gains[i]).connect(this.context.destination);
      source.start(this.began, this.offset);
      return source;
    });
    this.playing = true;
    this.choose(chosen, true);
    this.sources[0].onended = () => { if (this.turn === turn) { this.stop(); this.offset = 0; } };
  }
  choose(chosen, atOnce = false) {
    this.gains.forEach((gain, i) => {
      const level = i === chosen ? 1 : 0;
      if (atOnce) gain.gain.value = level;
      else gain.gain.setTargetAtTime(level, this.context.currentTime, 0.004);
    });
  }
  stop() {
    this.offset = this.playing ? this.position : this.offset;
    this.turn = null;
    this.playing = false;
    for (const source of this.sources) { source.onended = null; source.stop(); }
    this.sources = [];
  }
}
const player = new Player();

// Colours from black over violet and orange to white, and for differences blue, black and red
function heat(x) {
  return [255 * Math.min(1, 1.6 * x), 255 * Math.max(0, 1.8 * x - 0.8) ** 1.3,
    255 * (x < 0.5 ? 1.1 * x : Math.max(0.55 - 0.8 * (x - 0.5), 3.2 * x - 2.2))];
}
function difference(x) {
  const size = Math.min(1, Math.abs(x));
  return x > 0 ? [255 * size, 120 * size, 60 * size] : [60 * size, 140 * size, 255 * size];
}
async function grey(number) {
  const picture = await createImageBitmap(new Blob([bytes(number)], {type: "image/png"}));
  const canvas = element("canvas", {width: picture.width, height: picture.height});
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, picture.width, picture.height);
}
async function draw(canvas, sound, reference) {
  const shown = await grey(sound.picture);
  const beside = reference ? await grey(reference.picture) : null;
  canvas.width = shown.width;
  canvas.height = shown.height;
  for (let i = 0; i < shown.data.length; i += 4) {
    const value = shown.data[i] / 255;
    const colour = beside ? difference((value - beside.data[i] / 255) * RANGE / 20) : heat(value);
    for (let c = 0; c < 3; c++) shown.data[i + c] = colour[c];
  }
  canvas.getContext("2d").putImageData(shown, 0, 0);
}

class ClipView {
  constructor(section, number) {
    this.number = number;
    this.clip = DATA.clips[number];
    this.chosen = 0;
    this.zoom = 1;
    this.offset = 0;
    this.section = section;
    this.about = section.querySelector(".about");
    this.buttons = this.clip.sounds.map((sound, i) => element("button", {
      type: "button", role: "radio", "aria-checked": i === 0 ? "true" : "false",
      tabindex: i === 0 ? "0" : "-1", text: sound.method, onclick: () => this.choose(i),
      onkeydown: (event) => this.arrows(event),
    }));
    section.querySelector(".methods").append(...this.buttons);
    this.button = element("button", {type: "button", text: "Play", onclick: () => this.toggle()});
    this.slider = element("input", {
      type: "range", min: 0, max: this.clip.seconds, step: 0.01, value: 0,
      "aria-label": `Position in ${this.clip.name} in seconds`,
      oninput: () => this.seek(Number(this.slider.value)),
    });
    this.clock = element("span", {class: "clock", text: "0.0 s"});
    section.querySelector(".transport").append(this.button, this.slider, this.clock);
    this.canvas = element("canvas", {role: "img"});
    this.cursor = element("div", {class: "cursor"});
    this.inner = element("div", {}, this.canvas, this.cursor);
    this.inner.style.position = "relative";
    this.view = element("div", {
      class: "view", tabindex: 0, role: "region", "aria-label": `Spectrogram of ${this.clip.name}`,
      onclick: (event) => {
        const box = this.inner.getBoundingClientRect();
        this.seek((event.clientX - box.left) / box.width * this.clip.seconds);
      },
    }, this.inner);
    const first = this.clip.sounds[0].method;
    this.beside = `ifference to ${first === "reference" ? "the reference" : first}`;
    this.differs = element("button", {
      type: "button", "aria-pressed": "false", text: `D${this.beside}`,
      onclick: () => {
        const on = this.differs.getAttribute("aria-pressed") !== "true";
        this.differs.setAttribute("aria-pressed", String(on));
        this.paint();
      },
    });
    const tools = element("div", {class: "transport"}, this.differs,
      element("button", {type: "button", text: "Zoom in", onclick: () => this.enlarge(2)}),
      element("button", {type: "button", text: "Zoom out", onclick: () => this.enlarge(0.5)}));
    section.querySelector(".pictures").append(this.view, tools);
    const curves = convergence(this.clip);
    if (curves) section.querySelector(".pictures").append(curves);
    new IntersectionObserver((seen, observer) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      observer.disconnect();
      this.painted = true;
      this.paint();
    }, {rootMargin: "300px"}).observe(section);
    this.tell();
  }
  get active() { return player.clip === this.number && player.playing; }
  arrows(event) {
    const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    this.choose((this.chosen + step + this.buttons.length) % this.buttons.length);
    this.buttons[this.chosen].focus();
  }
  async toggle() {
    if (this.active) { player.stop(); this.offset = player.offset; }
    else {
      const files = this.clip.sounds.map((sound) => sound.audio);
      await player.play(this.number, files, this.chosen, this.offset);
    }
  }
  choose(i) {
    this.chosen = i;
    this.buttons.forEach((button, j) => {
      button.setAttribute("aria-checked", String(i === j));
      button.tabIndex = i === j ? 0 : -1;
    });
    if (this.active) player.choose(i);
    if (this.painted) this.paint();
    this.tell();
    const sound = this.clip.sounds[i].method;
    const link = new URLSearchParams({clip: this.clip.name, method: sound});
    history.replaceState(null, "", `#${link}`);
  }
  seek(seconds) {
    this.offset = Math.max(0, Math.min(seconds, this.clip.seconds));
    if (this.active) {
      player.offset = this.offset;
      player.playing = false;
      this.toggle();
    }
    this.tick();
  }
  enlarge(factor) {
    this.zoom = Math.max(1, Math.min(this.zoom * factor, 16));
    this.inner.style.width = `${100 * this.zoom}%`;
    this.follow();
  }
  follow() {
    if (this.zoom > 1) {
      const place = this.offset / this.clip.seconds * this.inner.clientWidth;
      this.view.scrollLeft = place - this.view.clientWidth / 2;
    }
  }
  paint() {
    const sound = this.clip.sounds[this.chosen];
    const differs = this.differs.getAttribute("aria-pressed") === "true" && this.chosen > 0;
    const what = differs ? `d${this.beside}` : "spectrogram";
    this.canvas.setAttribute("aria-label", `${what}: ${sound.method}`);
    draw(this.canvas, sound, differs ? this.clip.sounds[0] : null);
  }
  tell() {
    const sound = this.clip.sounds[this.chosen];
    const values = DATA.columns.filter((column) => column.key in sound.values).map((column) =>
      `${column.label}: ${sound.values[column.key] ?? "not measured"}`);
    const gain = `played at ${sound.gain_db >= 0 ? "+" : ""}${sound.gain_db.toFixed(1)} dB`;
    this.about.textContent = [sound.method, ...values, gain, sound.note].filter(Boolean).join("; ");
  }
  tick() {
    if (this.active) this.offset = player.position;
    const label = this.active ? "Pause" : "Play";
    if (this.button.textContent !== label) this.button.textContent = label;
    this.slider.value = this.offset;
    this.clock.textContent = `${this.offset.toFixed(1)} s of ${this.clip.seconds.toFixed(1)} s`;
    this.cursor.style.left = `${100 * this.offset / this.clip.seconds}%`;
    if (this.active) this.follow();
  }
}

const COLOURS = ["#1f6fd0", "#c2410c", "#15803d", "#a21caf", "#b45309", "#0e7490", "#be123c", "#4d7c0f"];
function convergence(clip) {
  const curves = clip.sounds.filter((sound) => sound.curve.length > 1);
  if (!curves.length) return null;
  const points = curves.flatMap((sound) => sound.curve);
  const far = Math.max(...points.map(([step]) => step));
  const low = Math.min(...points.map(([, value]) => value));
  const high = Math.max(...points.map(([, value]) => value));
  const place = ([step, value]) =>
    `${50 + 440 * step / far},${15 + 180 * (high - value) / Math.max(high - low, 1e-9)}`;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 640 230");
  svg.setAttribute("class", "curves");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "Spectral convergence in dB against iterations");
  const add = (tag, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    svg.append(made);
  };
  curves.forEach((sound, i) => {
    const stroke = COLOURS[i % COLOURS.length];
    add("polyline", {points: sound.curve.map(place).join(" "), fill: "none", stroke, "stroke-width": 2});
    add("rect", {x: 505, y: 15 + 18 * i, width: 12, height: 4, fill: stroke});
    add("text", {x: 522, y: 21 + 18 * i}, sound.method);
  });
  add("text", {x: 0, y: 20}, `${high.toFixed(1)}`);
  add("text", {x: 0, y: 198}, `${low.toFixed(1)}`);
  add("text", {x: 0, y: 110}, "SC, dB");
  add("text", {x: 50, y: 215}, "0");
  add("text", {x: 250, y: 225}, "iterations");
  add("text", {x: 470, y: 215}, String(far));
  return svg;
}

// The table of means
function sortable(table) {
  const heads = [...table.querySelectorAll("thead th")];
  heads.forEach((head, number) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    const key = (row) => number === 0 ? row.cells[0].textContent : row.cells[number].dataset.value;
    rows.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (number === 0) return x.localeCompare(y);
      if (x === "" || y === "") return (x === "") - (y === "");
      return (Number(x) - Number(y)) * (down ? -1 : 1);
    });
    if (number === 0 && down) rows.reverse();
    table.tBodies[0].append(...rows);
  }));
}

// Blind tests
function shuffled(items) {
  const found = [...items];
  for (let i = found.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [found[i], found[j]] = [found[j], found[i]];
  }
  return found;
}
function download(name, rows) {
  const cell = (value) => /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : value;
  const text = rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";
  const address = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
  element("a", {href: address, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
const rater = crypto.randomUUID ? crypto.randomUUID().slice(0, 8) : String(Math.random()).slice(2, 10);
const switchers = [];
function switcher(key, files, labels) {
  const state = {key, chosen: 0, update: () => {
    const active = player.clip === key && player.playing;
    play.textContent = active ? "Stop" : "Play";
  }};
  const play = element("button", {type: "button", text: "Play", onclick: () => {
    if (player.clip === key && player.playing) player.stop();
    else player.play(key, files, state.chosen, 0);
  }});
  const buttons = labels.map((label, i) => element("button", {
    type: "button", "aria-pressed": String(i === 0), text: label, onclick: () => {
      state.chosen = i;
      buttons.forEach((button, j) => button.setAttribute("aria-pressed", String(i === j)));
      if (player.clip === key && player.playing) player.choose(i);
      else player.play(key, files, i, 0);
    },
  }));
  switchers.push(state);
  return {play, buttons};
}
function mushra(root) {
  const trials = shuffled(DATA.clips.map((clip, i) => [clip, i]).filter(([clip]) => clip.anchor !== null));
  const results = [];
  root.append(element("h2", {text: "Rate the sounds"}), element("p", {text:
    "Rate how near each sound is to the reference: 100 is the same, 0 is bad. The reference is " +
    "hidden among them, and a sound through a low pass. Headphones, please."}));
  const place = element("div");
  root.append(place);
  const next = (number) => {
    player.stop();
    if (number === trials.length) {
      place.replaceChildren(element("p", {text: "Thank you. All clips are rated."}),
        element("button", {type: "button", text: "Download ratings as CSV", onclick: () =>
          download(`ratings-${rater}.csv`, [["test", "rater", "clip", "method", "rating"], ...results])}));
      return;
    }
    const [clip, index] = trials[number];
    const stimuli = shuffled([...clip.sounds.map((sound) => [sound.method, sound.audio]),
      ["anchor", clip.anchor]]);
    const files = [clip.sounds[0].audio, ...stimuli.map(([, audio]) => audio)];
    const labels = ["Reference", ...stimuli.map((_, i) => `Sound ${i + 1}`)];
    const {play, buttons} = switcher(`mushra-${index}-${number}`, files, labels);
    const touched = new Set();
    const done = element("button", {type: "button", disabled: true, text: "Next", onclick: () => {
      stimuli.forEach(([method], i) =>
        results.push(["mushra", rater, clip.name, method, sliders[i].value]));
      next(number + 1);
    }});
    const sliders = stimuli.map((_, i) => element("input", {type: "range", min: 0, max: 100, value: 50,
      "aria-label": `Rating of sound ${i + 1}`, oninput: () => {
        outputs[i].textContent = sliders[i].value;
        touched.add(i);
        done.disabled = touched.size < stimuli.length;
      }}));
    const outputs = stimuli.map(() => element("output", {text: "–"}));
    place.replaceChildren(element("div", {class: "trial"},
      element("h3", {text: `Clip ${number + 1} of ${trials.length}`}),
      element("div", {class: "row"}, play, buttons[0]),
      ...stimuli.map((_, i) => element("div", {class: "row"}, buttons[i + 1], sliders[i], outputs[i])),
      element("p", {class: "note", text: "Move every slider, then go on."}), done));
  };
  next(0);
}
function abx(root) {
  root.append(element("h2", {text: "Tell two apart"}), element("p", {text:
    "X is either A or B, chosen at random each time. Which one?"}));
  const names = [...new Set(DATA.clips.flatMap((clip) => clip.sounds.map((sound) => sound.method)))];
  const select = (label, start) => element("select", {"aria-label": label},
    ...names.map((name, i) => element("option", {value: name, text: name, selected: i === start})));
  const [first, second] = [select("A", 0), select("B", Math.min(1, names.length - 1))];
  const place = element("div");
  const results = [];
  const trial = () => {
    player.stop();
    const clips = DATA.clips.filter((clip) => [first.value, second.value].every((name) =>
      clip.sounds.some((sound) => sound.method === name)));
    if (!clips.length || first.value === second.value) {
      place.replaceChildren(element("p", {text: "Choose two different methods of the same clip."}));
      return;
    }
    const clip = clips[Math.floor(Math.random() * clips.length)];
    const audio = (name) => clip.sounds.find((sound) => sound.method === name).audio;
    const truth = Math.random() < 0.5 ? "A" : "B";
    const files = [audio(first.value), audio(second.value),
      audio(truth === "A" ? first.value : second.value)];
    const {play, buttons} = switcher(`abx-${results.length}`, files, ["A", "B", "X"]);
    const answer = (letter) => element("button", {type: "button", text: `X is ${letter}`, onclick: () => {
      results.push(["abx", rater, clip.name, `${first.value} or ${second.value}`, Number(letter === truth)]);
      trial();
    }});
    const right = results.filter((row) => row[4]).length;
    place.replaceChildren(element("div", {class: "trial"},
      element("h3", {text: `Trial ${results.length + 1}`}),
      element("div", {class: "row"}, play, ...buttons),
      element("div", {class: "row"}, answer("A"), answer("B")),
      element("p", {class: "note", "aria-live": "polite",
        text: `${results.length} trials done, ${right} right.`}),
      element("button", {type: "button", disabled: !results.length, text: "Download answers as CSV",
        onclick: () => download(`abx-${rater}.csv`, [["test", "rater", "clip", "method", "rating"], ...results])})));
  };
  root.append(element("div", {class: "row"}, first, second,
    element("button", {type: "button", text: "Start", onclick: trial})), place);
}

const views = [...document.querySelectorAll("section.clip")].map((section, i) => new ClipView(section, i));
document.querySelectorAll("#means").forEach(sortable);
const starts = {mushra, abx};
document.querySelectorAll("nav button").forEach((button) => button.addEventListener("click", () => {
  player.stop();
  document.querySelectorAll("nav button").forEach((other) => {
    other.setAttribute("aria-pressed", String(other === button));
    document.getElementById(other.dataset.view).hidden = other !== button;
  });
  const name = button.dataset.view;
  if (starts[name]) { starts[name](document.getElementById(name)); delete starts[name]; }
}));
let current = views[0];
views.forEach((view) => view.section.addEventListener("pointerdown", () => { current = view; }));
views.forEach((view) => view.section.addEventListener("focusin", () => { current = view; }));
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, button, textarea") && event.key === " ") return;
  if (event.target.matches("input, select, textarea") || document.getElementById("compare").hidden) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const number = Number(event.key);
  if (event.key === " ") { event.preventDefault(); current.toggle(); }
  else if (number >= 1 && number <= current.buttons.length) current.choose(number - 1);
  else if (event.key === "ArrowRight") current.seek(current.offset + 1);
  else if (event.key === "ArrowLeft") current.seek(current.offset - 1);
});
function follow() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const view = views.find((one) => one.clip.name === wanted.get("clip"));
  if (!view) return;
  const chosen = view.clip.sounds.findIndex((sound) => sound.method === wanted.get("method"));
  if (chosen >= 0) view.choose(chosen);
  current = view;
  view.section.scrollIntoView();
}
window.addEventListener("hashchange", follow);
follow();
function frame() {
  for (const view of views) view.tick();
  for (const state of switchers) state.update();
  requestAnimationFrame(frame);
}
frame();
