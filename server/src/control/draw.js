// Drawing on walls: lines, areas, arrows, notes and circles, drawn on a map of the city. They are the property
// “drawings” of the wall's item, so that a wall that joins late has them as well.
'use strict';
const Draw = (() => {
  const KINDS = [['line', '线 Line', 2], ['area', '面 Area', 3], ['arrow', '箭头 Arrow', 2], ['note', '文字 Note', 1], ['circle', '圆 Circle', 2]];
  // As the wall has them.
  const DRAWINGS_MAX = 100;
  const POINTS_MAX = 200;
  const SIZE = [640, 420];
  const SVG = 'http://www.w3.org/2000/svg';
  const EARTH_M = 6378137;
  let host = null;
  let tool = 'line';
  let points = [];
  let cursor = [SIZE[0] / 2, SIZE[1] / 2];
  // The middle in degrees, pixels per degree of latitude.
  let view = null;
  let ground = [];
  const $ = (id) => document.getElementById(id);

  const east = () => Math.cos(view.latitude * Math.PI / 180);
  const toScreen = ([x, y]) => [SIZE[0] / 2 + (x - view.longitude) * east() * view.scale, SIZE[1] / 2 - (y - view.latitude) * view.scale];
  const toPlace = ([x, y]) => [view.longitude + (x - SIZE[0] / 2) / east() / view.scale, view.latitude - (y - SIZE[1] / 2) / view.scale];
  const round = (place) => place.map((n) => Math.round(n * 1e6) / 1e6);

  // Metres between two places on the sphere (haversine).
  function metres([ax, ay], [bx, by]) {
    const r = Math.PI / 180;
    const h = Math.sin((by - ay) * r / 2) ** 2 + Math.cos(ay * r) * Math.cos(by * r) * Math.sin((bx - ax) * r / 2) ** 2;
    return 2 * EARTH_M * Math.asin(Math.sqrt(h));
  }

  function element(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    if (text) made.textContent = text;
    return made;
  }

  const path = (places, closed) => places.map((p, i) => `${i ? 'L' : 'M'}${toScreen(p).map((n) => n.toFixed(1)).join(' ')}`).join('') + (closed ? 'Z' : '');

  function shape(drawing, className) {
    const at = drawing.points.map(toScreen);
    const [first, last] = [at[0], at[at.length - 1]];
    const group = element('g', { class: className });
    if (drawing.kind === 'circle') {
      group.append(element('circle', { cx: first[0], cy: first[1], r: drawing.radius_m / EARTH_M * 180 / Math.PI * view.scale }));
      group.append(element('text', { x: first[0] + 6, y: first[1] - 6 }, `${(drawing.radius_m / 1000).toFixed(2)} km`));
    } else if (drawing.kind === 'note') {
      group.append(element('circle', { cx: first[0], cy: first[1], r: 4 }), element('text', { x: first[0] + 8, y: first[1] + 5 }, drawing.text || '…'));
    } else {
      group.append(element('path', { d: path(drawing.points, drawing.kind === 'area') }));
      if (drawing.kind === 'arrow' && at.length > 1) {
        const before = at[at.length - 2];
        const turn = Math.atan2(last[1] - before[1], last[0] - before[0]);
        const wing = (by) => `L${(last[0] - 14 * Math.cos(turn + by)).toFixed(1)} ${(last[1] - 14 * Math.sin(turn + by)).toFixed(1)}`;
        group.append(element('path', { d: `M${last.join(' ')}${wing(0.45)}M${last.join(' ')}${wing(-0.45)}` }));
      }
    }
    return group;
  }

  function drawing() {
    const made = { id: crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}`, kind: tool, points: points.map(round) };
    const text = $('draw-text').value.trim();
    if (text) made.text = text;
    if (tool === 'circle') {
      made.radius_m = Math.max(1, Math.round(metres(points[0], points[1] || toPlace(cursor))));
      made.points.length = 1;
    }
    return made;
  }

  const least = () => KINDS.find(([kind]) => kind === tool)[2];

  // Buttons are made anew only when they are others, so that the keyboard's focus stays.
  let listed = null;
  function list(shown) {
    const now = JSON.stringify([tool, shown]);
    if (now === listed) return;
    listed = now;
    $('draw-tools').replaceChildren(...KINDS.map(([kind, name]) => host.button(name, tool === kind, () => { tool = kind; points = []; show(); $('draw-map').focus(); })));
    $('draw-list').replaceChildren(...shown.map((one) => {
      const line = document.createElement('li');
      const name = document.createElement('span');
      name.textContent = `${KINDS.find(([kind]) => kind === one.kind)?.[1] || one.kind} ${one.text || ''}`;
      const key = host.button('清除 Clear', null, () => host.change((now) => now.filter((other) => other.id !== one.id)));
      key.setAttribute('aria-label', `清除 Clear ${name.textContent}`);
      line.append(name, key);
      return line;
    }));
  }

  function show() {
    const shown = host.drawings();
    list(shown);
    $('draw-done').disabled = points.length < least() || (tool === 'note' && !$('draw-text').value.trim());
    $('draw-back').disabled = points.length === 0;
    $('draw-clear').disabled = shown.length === 0;
    if (!view) return;
    const map = $('draw-map');
    map.replaceChildren(...ground.map(({ name, rings, middle }) => {
      const group = element('g', { class: 'ground' });
      group.append(element('path', { d: rings.map((ring) => path(ring, true)).join('') }));
      if (name && middle) group.append(element('text', { x: toScreen(middle)[0], y: toScreen(middle)[1] }, name));
      return group;
    }), ...shown.map((one) => shape(one, 'drawn')));
    if (points.length) {
      const open = [...points, toPlace(cursor)].slice(0, tool === 'note' ? 1 : tool === 'circle' ? 2 : POINTS_MAX);
      map.append(shape({ ...drawing(), points: open }, 'drawing'));
    }
    const [x, y] = cursor;
    map.append(element('path', { class: 'cursor', d: `M${x - 12} ${y}H${x - 3}M${x + 3} ${y}H${x + 12}M${x} ${y - 12}V${y - 3}M${x} ${y + 3}V${y + 12}` }));
  }

  function done() {
    if ($('draw-done').disabled) return;
    const full = `最多 ${DRAWINGS_MAX} 个标绘 · at most ${DRAWINGS_MAX} drawings`;
    if (host.drawings().length >= DRAWINGS_MAX) { host.said(full); return; }
    const made = drawing();
    host.change((now) => {
      if (now.length >= DRAWINGS_MAX) throw new Error(full);
      return [...now, made];
    });
    points = [];
    $('draw-text').value = '';
    show();
  }

  function point() {
    if (points.length >= POINTS_MAX) return;
    points.push(toPlace(cursor));
    const whole = { note: 1, circle: 2 }[tool];
    if (points.length > (whole || POINTS_MAX)) points = points.slice(-whole);
    show();
    if (tool === 'note') $('draw-text').focus();
  }

  function zoom(by) {
    const under = toPlace(cursor);
    view.scale = Math.max(50, Math.min(2e6, view.scale * by));
    const now = toPlace(cursor);
    view.longitude += under[0] - now[0];
    view.latitude += under[1] - now[1];
    show();
  }

  const KEYS = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  };
  function key(event) {
    if (!view || event.ctrlKey || event.altKey || event.metaKey) return;
    const move = KEYS[event.key];
    if (move) {
      const step = event.shiftKey ? 60 : 12;
      cursor = cursor.map((n, k) => n + move[k] * step);
      // At the edge the map moves under the cursor.
      const inside = cursor.map((n, k) => Math.max(16, Math.min(SIZE[k] - 16, n)));
      const [over, at] = [toPlace(cursor), toPlace(inside)];
      view.longitude += over[0] - at[0];
      view.latitude += over[1] - at[1];
      cursor = inside;
      show();
    } else if (event.key === 'Enter' || event.key === ' ') point();
    else if (event.key === 'Backspace') { points.pop(); show(); }
    else if (event.key === 'Escape') { points = []; show(); }
    else if (event.key === '+' || event.key === '=') zoom(1.5);
    else if (event.key === '-') zoom(1 / 1.5);
    else if (event.key.toLowerCase() === 'f') done();
    else return;
    event.preventDefault();
  }

  const at = (event) => {
    const box = $('draw-map').getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * SIZE[0], (event.clientY - box.top) / box.height * SIZE[1]];
  };

  // The city's largest areas are the map.
  async function read(city) {
    const level = (city.area_levels || [])[0];
    const extent = city.extent || (city.collections.find((c) => c.extent) || {}).extent || [117, 39, 117.4, 39.3];
    const home = city.home || { longitude: (extent[0] + extent[2]) / 2, latitude: (extent[1] + extent[3]) / 2 };
    view = { longitude: home.longitude, latitude: home.latitude, scale: SIZE[1] / 0.3 };
    show();
    if (!level) return;
    const page = await host.ask(`collections/${encodeURIComponent(level.collection)}/items?limit=200`);
    ground = page.features.filter((f) => f.geometry).map((f) => {
      const polygons = f.geometry.type === 'Polygon' ? [f.geometry.coordinates] : f.geometry.type === 'MultiPolygon' ? f.geometry.coordinates : [];
      return { name: f.properties[level.name_field], rings: polygons.flat(), middle: host.middle(f.geometry) };
    });
    show();
  }

  function start(given) {
    host = given;
    const map = $('draw-map');
    map.setAttribute('viewBox', `0 0 ${SIZE[0]} ${SIZE[1]}`);
    map.addEventListener('keydown', key);
    map.addEventListener('mousemove', (event) => { if (view) { cursor = at(event); show(); } });
    map.addEventListener('click', (event) => { if (view) { cursor = at(event); point(); } });
    map.addEventListener('wheel', (event) => { if (view) { cursor = at(event); zoom(event.deltaY < 0 ? 1.25 : 0.8); event.preventDefault(); } }, { passive: false });
    $('draw-done').addEventListener('click', done);
    $('draw-back').addEventListener('click', () => { points.pop(); show(); });
    $('draw-clear').addEventListener('click', () => host.change(() => []));
    $('draw-near').addEventListener('click', () => zoom(1.5));
    $('draw-far').addEventListener('click', () => zoom(1 / 1.5));
    $('draw-text').addEventListener('input', show);
    $('draw-text').addEventListener('keydown', (event) => { if (event.key === 'Enter') done(); });
    show();
  }

  return { start, read, show };
})();
