// Steers walls: what a wall shows is the item of its name in the collection “walls”.
'use strict';
const base = new URL('./', location.href);
const $ = (id) => document.getElementById(id);
const MODES = [['ordinary', '平时 Ordinary'], ['emergency', '战时 Emergency'], ['drill', '演练 Drill']];
const MARKS = ['○', '◆', '▲', '■', '●'];
const METRES_PER_DEGREE = 111320;
const walls = new Map();
const alarms = new Map();
let city = null;
let scenes = [];
let wall = new URLSearchParams(location.search).get('wall') || 'wall';

function said(text) { $('said').textContent = text; }

async function ask(path, options) {
  const answer = await fetch(new URL(path, base), options);
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail || body.title || `HTTP ${answer.status}`);
  return body;
}

async function write(collection, id, properties) {
  try {
    await ask(`collections/${collection}/items`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/geo+json' },
      body: JSON.stringify({ type: 'Feature', id, properties }),
    });
    said(`${new Date().toLocaleTimeString()} ✓`);
  } catch (error) { said(String(error.message)); }
}

// Changes the wall's drawings, whoever else draws in the same instant: the change is made to the item as it is
// now, and made again to what it has become if another was faster.
const TRIES_MAX = 20;
async function redraw(change) {
  const address = new URL(`collections/walls/items/${encodeURIComponent(wall)}`, base);
  try {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const seen = await fetch(address, { cache: 'no-store' });
      const item = await seen.json().catch(() => ({}));
      const isNew = seen.status === 404;
      if (!seen.ok && !isNew) throw new Error(item.detail || `HTTP ${seen.status}`);
      const drawings = change((item.properties || {}).drawings || []);
      const answer = await fetch(address, {
        method: isNew ? 'PUT' : 'PATCH',
        headers: isNew
          ? { 'Content-Type': 'application/geo+json', 'If-None-Match': '*' }
          : { 'Content-Type': 'application/merge-patch+json', 'If-Match': seen.headers.get('ETag') },
        body: JSON.stringify({ type: 'Feature', properties: { drawings } }),
      });
      if (answer.ok) { said(`${new Date().toLocaleTimeString()} ✓`); return; }
      const problem = await answer.json().catch(() => ({}));
      if (answer.status !== 412) throw new Error(problem.detail || problem.title || `HTTP ${answer.status}`);
    }
    throw new Error('别人一直在标绘 · others kept drawing: try again');
  } catch (error) { said(String(error.message)); }
}

// What is told is shown here once the server has it: the push brings it back.
const tell = (properties) => write('walls', wall, properties);
const told = () => walls.get(wall) || {};

function button(text, pressed, act) {
  const made = document.createElement('button');
  made.textContent = text;
  if (pressed !== null) made.setAttribute('aria-pressed', String(pressed));
  made.addEventListener('click', act);
  return made;
}

function camera() {
  const home = (city && city.home) || { longitude: 117.2, latitude: 39.13, zoom: 11 };
  return { longitude: home.longitude, latitude: home.latitude, distance: 20000, bearing: 0, pitch: 48, ...(told().camera || {}) };
}

function move(change) {
  const now = camera();
  const next = { ...now, ...change(now) };
  next.longitude = Math.max(-180, Math.min(180, next.longitude));
  next.latitude = Math.max(-85, Math.min(85, next.latitude));
  next.distance = Math.max(150, Math.min(600000, next.distance));
  next.pitch = Math.max(12, Math.min(89, next.pitch));
  next.bearing = ((next.bearing % 360) + 360) % 360;
  tell({ camera: next, playing: false });
}

function step(c, ahead, aside) {
  const turn = c.bearing * Math.PI / 180;
  const [east, north] = [Math.sin(turn) * ahead + Math.cos(turn) * aside, Math.cos(turn) * ahead - Math.sin(turn) * aside];
  const metres = c.distance * 0.25;
  const width = METRES_PER_DEGREE * Math.cos(c.latitude * Math.PI / 180);
  return { longitude: c.longitude + east * metres / width, latitude: c.latitude + north * metres / METRES_PER_DEGREE };
}

const PAD = [
  ['↺', '左转 turn left', (c) => ({ bearing: c.bearing - 15 })], ['▲', '前 ahead', (c) => step(c, 1, 0)], ['↻', '右转 turn right', (c) => ({ bearing: c.bearing + 15 })],
  ['＋', '近 nearer', (c) => ({ distance: c.distance / 1.6 })], ['⤒', '俯视 tilt down', (c) => ({ pitch: c.pitch + 8 })],
  ['◀', '左 left', (c) => step(c, 0, -1)], ['▼', '后 back', (c) => step(c, -1, 0)], ['▶', '右 right', (c) => step(c, 0, 1)],
  ['－', '远 farther', (c) => ({ distance: c.distance * 1.6 })], ['⤓', '平视 tilt up', (c) => ({ pitch: c.pitch - 8 })],
];

function show() {
  const state = told();
  $('wall').replaceChildren(...[...new Set([wall, ...walls.keys()])].sort().map((id) => new Option(id, id, false, id === wall)));
  $('modes').replaceChildren(...MODES.map(([id, name]) => button(name, state.mode === id, () => tell({ mode: id }))));
  $('scenes').replaceChildren(...scenes.map(({ id, title, error }) => {
    const key = button(title || id, state.scene === id, () => tell({ scene: id, mode: null, camera: null, highlight: null }));
    key.disabled = Boolean(error);
    key.title = error || '';
    return key;
  }));
  $('tour').setAttribute('aria-pressed', String(state.playing === true));
  Draw.show();
  Replay.show();
  const hidden = new Set(state.hidden || []);
  // What lies on the ground, and what is marked on it; an alarm is never hidden.
  const shown = ['layer', 'elevation', 'imagery', 'incidents', 'moving_objects', 'things'];
  const layers = ((city && city.collections) || []).filter((c) => shown.includes(c.kind) && c.id !== 'walls');
  $('layers').replaceChildren(...layers.map((c) => {
    const label = document.createElement('label');
    label.className = 'box';
    const box = document.createElement('input');
    box.type = 'checkbox';
    box.checked = !hidden.has(c.id);
    box.addEventListener('change', () => {
      if (box.checked) hidden.delete(c.id); else hidden.add(c.id);
      tell({ hidden: [...hidden] });
    });
    label.append(box, c.title.zh || c.title.en || c.id);
    return label;
  }));
}

function showAlarms() {
  const open = [...alarms.values()].filter((a) => a.properties.status === 'raised')
    .sort((a, b) => (a.properties.level || 5) - (b.properties.level || 5) || String(a.properties.time).localeCompare(String(b.properties.time)));
  $('calm').hidden = open.length > 0;
  $('alarms').replaceChildren(...open.slice(0, 50).map((alarm) => {
    const line = document.createElement('li');
    const level = alarm.properties.level || 0;
    const mark = document.createElement('span');
    mark.className = `mark l${level}`;
    mark.textContent = MARKS[level] || MARKS[0];
    const text = document.createElement('span');
    text.textContent = alarm.properties.title || alarm.id;
    const when = document.createElement('small');
    when.textContent = new Date(alarm.properties.time).toLocaleString();
    text.append(when);
    line.append(mark, text, button('确认 Ack', null, () => write('alarms', alarm.id, { status: 'acknowledged' })));
    return line;
  }));
}

function take(collection, feature) {
  const gone = ['removed', 'closed', 'cleared'].includes(feature.properties.status);
  const book = collection === 'walls' ? walls : alarms;
  if (gone) book.delete(feature.id); else book.set(feature.id, collection === 'walls' ? feature.properties : feature);
}

let fresh = null;
function hear(message) {
  if (message.type === 'snapshot') {
    if (fresh === null) { walls.clear(); alarms.clear(); fresh = true; }
    message.features.forEach((f) => take(message.collection, f));
    if (message.last) fresh = null;
  } else if (message.type === 'delta') {
    message.changes.forEach((c) => take(c.collection, c.feature));
    (message.gone || []).forEach((g) => (g.collection === 'walls' ? walls : alarms).delete(g.id));
  } else if (message.type === 'resync') {
    listen();
    return;
  } else { return; }
  show();
  showAlarms();
}

let line = null;
function listen() {
  if (line) line.close();
  line = new EventSource(new URL('live/sse?collections=walls,alarms', base));
  const on = (event) => { try { hear(JSON.parse(event.data)); } catch (error) { said(String(error)); } };
  ['message', 'snapshot', 'delta', 'resync'].forEach((name) => line.addEventListener(name, on));
  line.onopen = () => said('已连接 connected');
  line.onerror = () => said('连接中断，正在重连 · reconnecting');
}

function middle(geometry) {
  let [x, y, n] = [0, 0, 0];
  const walk = (c) => { if (typeof c[0] === 'number') { x += c[0]; y += c[1]; n += 1; } else c.forEach(walk); };
  if (geometry && geometry.coordinates) walk(geometry.coordinates);
  return n ? [x / n, y / n] : null;
}

let asked = 0;
async function find(text) {
  const number = ++asked;
  if (!text.trim()) { $('found').replaceChildren(); return; }
  const places = ((city && city.collections) || []).filter((c) => ['layer', 'incidents'].includes(c.kind) && (c.kind === 'incidents' || c.fields.some(([name]) => name === 'name')));
  const answers = await Promise.all(places.map((c) => ask(`collections/${encodeURIComponent(c.id)}/items?limit=4&q=${encodeURIComponent(text)}`)
    .then((page) => page.features.map((f) => [c, f])).catch(() => [])));
  if (number !== asked) return;
  const lines = answers.flat().slice(0, 12).map(([c, f]) => {
    const entry = document.createElement('li');
    const name = document.createElement('span');
    name.textContent = f.properties.name || f.properties.title || f.id;
    const kind = document.createElement('small');
    kind.textContent = c.title.zh || c.title.en;
    name.append(kind);
    const place = middle(f.geometry);
    entry.append(name, button('飞到 Fly', null, () => place && tell({
      camera: { ...camera(), longitude: place[0], latitude: place[1], distance: 2200, pitch: 42 },
      highlight: { collection: c.id, id: f.id }, playing: false,
    })));
    return entry;
  });
  $('found').replaceChildren(...lines);
}

$('pad').replaceChildren(...PAD.map(([sign, title, change]) => {
  const key = button(sign, null, () => move(change));
  key.title = title;
  key.setAttribute('aria-label', title);
  return key;
}));
$('tour').addEventListener('click', () => tell({ playing: told().playing !== true }));
$('home').addEventListener('click', () => tell({ camera: null, highlight: null, playing: false }));
$('plain').addEventListener('click', () => tell({ highlight: null }));
$('wall').addEventListener('change', () => { wall = $('wall').value; show(); });
$('add').addEventListener('click', () => { wall = $('name').value.trim() || wall; tell({ playing: false }); show(); });
let pause = 0;
$('find').addEventListener('input', () => { clearTimeout(pause); pause = setTimeout(() => find($('find').value), 250); });
Replay.start({ said, replay: () => told().replay, tell: (replay) => tell({ replay }) });
Draw.start({ ask, button, middle, said, drawings: () => told().drawings || [], change: redraw });
ask('city').then((document) => { city = document; show(); return Draw.read(city); }).catch((error) => said(String(error.message)));
ask('control/scenes').then((answer) => { scenes = answer.scenes; show(); }).catch((error) => said(String(error.message)));
show();
listen();
