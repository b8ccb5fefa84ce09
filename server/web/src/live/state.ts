// The open items as the server's messages make them: state × messages → state, and nothing else.
// It knows nothing of sockets, clocks or screens.
//
// Every message names the revision that it follows, so a gap shows at once; then `resync` says why
// and the connection asks for a new snapshot. Until that is complete the old items stay, so that a
// screen never goes blank in between.
import type { Item, LiveMessage } from '../api/types';
import { keyOf, liveItemOf, type LiveItem } from './item';

export interface LiveState {
  /** The revision of `items`; null before the first snapshot is complete. */
  revision: number | null;
  /** The open items by key. */
  items: ReadonlyMap<string, LiveItem>;
  /** A snapshot of which more parts follow. */
  incoming: { revision: number; items: Map<string, LiveItem> } | null;
  /** Layers that have changed since the page opened, with the revision of the change. */
  layers: ReadonlyMap<string, number>;
  /** How often the city's styles have changed since the page opened. */
  styles: number;
  /** How many snapshots were completed: after each, what is known of the city is to be asked again. */
  snapshots: number;
  /** The keys that the last messages brought, not counting a snapshot's. */
  arrived: readonly string[];
  /** What the last messages made, changed or took away, by key, as it was before them; null after a snapshot: all. */
  touched: ReadonlyMap<string, LiveItem | undefined> | null;
  /** Why a new snapshot is needed; null if none is. */
  resync: string | null;
  /** What the server last complained of. */
  error: string | null;
  /** A revision that a heartbeat named and that no message has reached yet. */
  ahead: number | null;
}

export const emptyState = (): LiveState => ({
  revision: null,
  items: new Map(),
  incoming: null,
  layers: new Map(),
  styles: 0,
  snapshots: 0,
  arrived: [],
  touched: null,
  resync: null,
  error: null,
  ahead: null,
});

/**
 * Applies messages in order. The given state is used up: its items are changed in place and belong to
 * the state that comes out, so that a change costs the same however many items there are. Linear in
 * the messages.
 */
export function reduce(state: LiveState, messages: readonly LiveMessage[]): LiveState {
  const draft: Draft = {
    ...state,
    items: state.items as Map<string, LiveItem>,
    layers: new Map(state.layers),
    arrived: [],
    touched: new Map(),
  };
  for (const message of messages) apply(draft, message);
  return draft;
}

type Draft = Omit<LiveState, 'items' | 'layers' | 'arrived' | 'touched'> & {
  items: Map<string, LiveItem>;
  layers: Map<string, number>;
  arrived: string[];
  touched: Map<string, LiveItem | undefined> | null;
};

function apply(draft: Draft, message: LiveMessage): void {
  switch (message.type) {
    case 'snapshot':
      return applySnapshot(draft, message);
    case 'delta':
      if (startsEmpty(draft, message)) return finishSnapshot(draft, message.revision, new Map());
      if (!follows(draft, message)) return;
      for (const change of message.changes) put(draft, change.collection, change.feature);
      for (const { collection, id } of message.gone ?? []) {
        touch(draft, keyOf(collection, id));
        draft.items.delete(keyOf(collection, id));
      }
      return;
    case 'layer_changed':
      if (!follows(draft, message)) return;
      draft.layers.set(message.collection, message.revision);
      return;
    case 'styles_changed':
      draft.styles += 1;
      return;
    case 'heartbeat':
      draft.error = null;
      return applyHeartbeat(draft, message.revision);
    case 'resync':
      draft.resync = message.reason;
      return;
    case 'error':
      draft.error = message.reason;
      return;
  }
}

function applySnapshot(draft: Draft, part: Extract<LiveMessage, { type: 'snapshot' }>): void {
  if (draft.incoming?.revision !== part.revision) {
    draft.incoming = { revision: part.revision, items: new Map() };
  }
  for (const feature of part.features) {
    const item = liveItemOf(part.collection, feature);
    if (item.status !== 'cleared') draft.incoming.items.set(item.key, item);
  }
  if (part.last) finishSnapshot(draft, part.revision, draft.incoming.items);
}

/** A city without live collections answers with a delta that changes nothing, to name its revision. */
function startsEmpty(draft: Draft, message: Extract<LiveMessage, { type: 'delta' }>): boolean {
  const awaited = draft.revision === null || draft.resync !== null;
  return awaited && message.after === message.revision && message.changes.length === 0;
}

function finishSnapshot(draft: Draft, revision: number, items: Map<string, LiveItem>): void {
  draft.items = items;
  draft.revision = revision;
  draft.incoming = null;
  draft.resync = null;
  draft.error = null;
  draft.ahead = null;
  draft.snapshots += 1;
  draft.arrived = [];
  draft.touched = null;
}

/** Whether a message continues what is known; it then counts as known. A gap asks for a resync. */
function follows(draft: Draft, message: { after: number; revision: number }): boolean {
  if (draft.resync !== null) return false;
  if (draft.incoming !== null || draft.revision === null) {
    draft.resync = 'a change arrived before the snapshot was complete';
    return false;
  }
  if (message.revision <= draft.revision) return false;
  if (message.after !== draft.revision) {
    draft.resync = `revision ${draft.revision} is known, but the next message follows ${message.after}`;
    return false;
  }
  draft.revision = message.revision;
  return true;
}

/** Keeps what an item was before these messages. */
function touch({ items, touched }: Draft, key: string): void {
  if (touched && !touched.has(key)) touched.set(key, items.get(key));
}

function put(draft: Draft, collection: string, feature: Item): void {
  const key = keyOf(collection, String(feature.id));
  const item = liveItemOf(collection, feature);
  touch(draft, key);
  if (item.status === 'cleared') {
    draft.items.delete(key);
    return;
  }
  if (!draft.items.has(key)) draft.arrived.push(key);
  draft.items.set(key, item);
}

/**
 * A heartbeat may overtake a delta that is still under way. But if a later heartbeat comes and the
 * revision of the earlier one has not been reached, a message was lost; and if the server's revision
 * is lower than the known one, it is not the city that it was.
 */
function applyHeartbeat(draft: Draft, revision: number): void {
  if (draft.revision === null || draft.incoming !== null || draft.resync !== null) return;
  if (revision < draft.revision) {
    draft.resync = `the server is at revision ${revision}, before ${draft.revision}`;
  } else if (draft.ahead !== null && draft.revision < draft.ahead) {
    draft.resync = `revision ${draft.ahead} was announced and never arrived`;
  } else {
    draft.ahead = revision > draft.revision ? revision : null;
  }
}
