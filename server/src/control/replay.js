// The time machine: a past window on the whole wall. Who steers writes where the replay is (“at”) and when it was there
// (“since”), so that every wall and every console knows where it is by now, whenever it joins.
'use strict';
const Replay = (() => {
  // Between two looks at the clock.
  const PERIOD_MS = 500;
  // A key goes over this share of the window.
  const STEP = 0.05;
  const SLIDER = 1000;
  const $ = (id) => document.getElementById(id);
  let host = null;
  let isDragged = false;

  // The first and last instant in milliseconds, and where it is by now.
  function state() {
    const replay = host.replay();
    if (!replay) return null;
    const from = Date.parse(replay.from);
    const to = replay.to ? Date.parse(replay.to) : Date.now();
    const at = replay.at ? Date.parse(replay.at) : from;
    const passed = replay.paused || !replay.since ? 0 : Math.max(0, Date.now() - Date.parse(replay.since)) * (replay.speed || 1);
    return { replay, from, to, at: Math.min(to, at + passed) };
  }

  const iso = (ms) => new Date(Math.round(ms)).toISOString();

  // Goes on from an instant, or from where it is.
  function steer(change, at) {
    const now = state();
    if (!now) return;
    const wanted = Math.max(now.from, Math.min(now.to, at === undefined ? now.at : at));
    host.tell({ ...now.replay, ...change, at: iso(wanted), since: iso(Date.now()) });
  }

  function play() {
    const instant = (id) => ($(id).value ? iso(new Date($(id).value)) : null);
    const from = instant('from');
    if (!from) { host.said('先选开始时间 · choose a start'); return; }
    // Without an end it is now: the window is the same for every wall, whenever it joins.
    const to = instant('to') || iso(Date.now());
    if (from >= to) { host.said('开始须早于结束 · the start must be before the end'); return; }
    host.tell({ from, to, speed: Number($('speed').value), paused: false, at: from, since: iso(Date.now()) });
  }

  function pause() {
    const now = state();
    if (!now) return;
    // At its end it begins again.
    if (now.at >= now.to) steer({ paused: false }, now.from);
    else steer({ paused: !now.replay.paused });
  }

  function tick() {
    const now = state();
    $('playing').hidden = !now;
    if (!now) return;
    const isOver = now.at >= now.to;
    const at = isDragged ? now.from + (now.to - now.from) * $('replay-at').value / SLIDER : now.at;
    if (!isDragged) $('replay-at').value = String(Math.round((now.at - now.from) / Math.max(1, now.to - now.from) * SLIDER));
    const words = new Date(at).toLocaleString();
    $('replay-at').setAttribute('aria-valuetext', words);
    $('replay-time').textContent = `${words}　${isOver ? '已到末尾 ended' : now.replay.paused ? '暂停 paused' : `${now.replay.speed}×`}`;
  }

  function show() {
    const now = state();
    $('replay-pause').setAttribute('aria-pressed', String(Boolean(now && now.replay.paused)));
    if (now && document.activeElement !== $('speed')) $('speed').value = String(now.replay.speed);
    tick();
  }

  function start(given) {
    host = given;
    $('replay').addEventListener('click', play);
    $('now').addEventListener('click', () => host.tell(null));
    $('replay-pause').addEventListener('click', pause);
    const step = (by) => { const now = state(); if (now) steer({}, now.at + (now.to - now.from) * STEP * by); };
    $('replay-back').addEventListener('click', () => step(-1));
    $('replay-on').addEventListener('click', () => step(1));
    $('speed').addEventListener('change', () => steer({ speed: Number($('speed').value) }));
    $('replay-at').addEventListener('input', () => { isDragged = true; tick(); });
    $('replay-at').addEventListener('change', () => {
      isDragged = false;
      const now = state();
      if (now) steer({}, now.from + (now.to - now.from) * $('replay-at').value / SLIDER);
    });
    setInterval(tick, PERIOD_MS);
  }

  return { start, show };
})();
