// Two versions of one layer: which there are, which stand where, and what differs between them.
import type { Feature } from 'geojson';
import { ApiError, fetchChanges, fetchVersions } from '../api/client';
import type { LayerChanges, LayerVersion } from '../api/types';
import type { Layer } from '../layers/catalogue';
import { mark } from './features';

/** Most differing items that are marked on the map. */
export const MARKED_MAX = 5_000;

export class VersionChoice {
  layer = $state('');
  /** The kept versions, the oldest first, and the current one last. */
  known = $state.raw<LayerVersion[]>([]);
  /** The revision of the version on the left and of the one on the right. */
  left = $state(0);
  right = $state(0);
  difference = $state.raw<LayerChanges | null>(null);
  failure = $state<string | null>(null);
  private asked = 0;

  /** Takes a layer, with its current version on the right and the one before on the left. */
  async choose(layer: string): Promise<void> {
    this.layer = layer;
    this.known = [];
    this.difference = null;
    await this.try(async () => {
      const versions = await fetchVersions(layer);
      return () => {
        this.known = versions;
        this.right = versions.at(-1)?.revision ?? 0;
        this.left = versions.at(-2)?.revision ?? this.right;
      };
    });
    await this.compare();
  }

  /** Asks what differs between the two sides, whichever of them is the earlier one. */
  async compare(): Promise<void> {
    this.difference = null;
    if (this.left === this.right) return;
    const [since, asOf] = [Math.min(this.left, this.right), Math.max(this.left, this.right)];
    await this.try(async () => {
      const difference = await fetchChanges(this.layer, since, asOf, MARKED_MAX);
      return () => (this.difference = difference);
    });
  }

  /** The version in which a layer is drawn on a side; null for the current one. */
  of(layer: Layer, side: 'left' | 'right'): number | null {
    return layer.id === this.layer && this.known.length > 1 ? this[side] : null;
  }

  /** What differs, as it is on a side: what is only in the other version is not there. */
  marks(side: 'left' | 'right'): Feature[] {
    const isEarlier = this[side] === Math.min(this.left, this.right);
    const absent = isEarlier ? 'added' : 'removed';
    return (this.difference?.features ?? []).filter(({ change }) => change !== absent)
      .flatMap(({ geometry, change }) => (geometry ? [mark(change, geometry)] : []));
  }

  /** Applies what came of a question, unless another was asked since. */
  private async try(ask: () => Promise<() => void>): Promise<void> {
    this.failure = null;
    this.asked += 1;
    const asked = this.asked;
    try {
      const apply = await ask();
      if (asked === this.asked) apply();
    } catch (cause) {
      if (asked === this.asked) this.failure = cause instanceof ApiError ? cause.message : String(cause);
    }
  }
}
