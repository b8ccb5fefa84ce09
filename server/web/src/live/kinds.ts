// What a live collection's items are on the map and in the lists.
import type { CollectionDocument } from '../api/types';

/** The sign of an item on the map: an event's level, an arrow, a device; null for what has no place there. */
export type Sign = 'event' | 'moving' | 'thing' | null;

export function signOf(collection: Pick<CollectionDocument, 'kind'> | undefined): Sign {
  switch (collection?.kind) {
    case undefined:
    case 'incidents':
    case 'alarms':
      return 'event';
    case 'moving_objects':
      return 'moving';
    case 'things':
    case 'datastreams':
      return 'thing';
    default:
      return null;
  }
}
