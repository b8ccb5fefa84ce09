// Takes a shape from a person, click by click or key by key. A click adds a corner; a double click,
// Enter on the last corner or a click on the first one ends the shape; Backspace takes the last corner
// back; Escape gives up. On the keyboard Enter sets a corner in the middle of the map.
import type { Position } from 'geojson';
import type { Map as MapLibre, MapMouseEvent } from 'maplibre-gl';
import { clicksOf, leastOf, type SketchKind } from '../geo/shape';

export interface SketchListener {
  /** The corners so far, with where the pointer is as the last of them. */
  change(corners: Position[]): void;
  done(corners: Position[]): void;
  cancel(): void;
}

/** Pixels within which a click means a corner that is there. */
const REACH = 9;

export class Sketcher {
  /** How many are at work on any map: only without one may a double click zoom. */
  private static atWork = 0;
  private stopped = false;

  private corners: Position[] = [];
  private lastClick = 0;

  constructor(private readonly map: MapLibre, private readonly kind: SketchKind, private readonly listener: SketchListener) {
    Sketcher.atWork += 1;
    map.doubleClickZoom.disable();
    map.getCanvas().classList.add('sketching');
    map.on('click', this.click);
    map.on('mousemove', this.move);
    window.addEventListener('keydown', this.key, true);
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    Sketcher.atWork -= 1;
    this.map.off('click', this.click);
    this.map.off('mousemove', this.move);
    window.removeEventListener('keydown', this.key, true);
    this.map.getCanvas().classList.remove('sketching');
    // The second click of a double click must not zoom either.
    setTimeout(() => {
      if (Sketcher.atWork === 0) this.map.doubleClickZoom.enable();
    }, 400);
  }

  private readonly click = (event: MapMouseEvent): void => {
    const now = event.originalEvent.timeStamp;
    const isSecond = now - this.lastClick < 350 && this.isNear(this.corners.at(-1), event.point);
    this.lastClick = now;
    const closes = this.kind === 'polygon' && this.corners.length >= 3 && this.isNear(this.corners[0], event.point);
    if (isSecond || closes) this.finish();
    else this.add([event.lngLat.lng, event.lngLat.lat]);
  };

  private readonly move = (event: MapMouseEvent): void => {
    if (this.corners.length > 0) this.listener.change([...this.corners, [event.lngLat.lng, event.lngLat.lat]]);
  };

  private readonly key = (event: KeyboardEvent): void => {
    const onMap = event.target === this.map.getCanvas() || event.target === document.body;
    if (event.key === 'Escape') {
      event.stopPropagation();
      this.listener.cancel();
    } else if (onMap && event.key === 'Backspace' && this.corners.length > 0) {
      event.preventDefault();
      this.corners.pop();
      this.listener.change([...this.corners]);
    } else if (onMap && event.key === 'Enter') {
      event.preventDefault();
      event.stopPropagation();
      const { lng, lat } = this.map.getCenter();
      if (this.isNear(this.corners.at(-1), this.map.project([lng, lat]))) this.finish();
      else this.add([lng, lat]);
    }
  };

  private add(corner: Position): void {
    this.corners.push(corner);
    this.listener.change([...this.corners]);
    if (this.corners.length === clicksOf(this.kind)) this.finish();
  }

  private finish(): void {
    if (this.corners.length < leastOf(this.kind)) return;
    this.listener.done(this.corners);
    this.corners = [];
  }

  private isNear(corner: Position | undefined, { x, y }: { x: number; y: number }): boolean {
    if (!corner) return false;
    const at = this.map.project(corner as [number, number]);
    return Math.hypot(at.x - x, at.y - y) <= REACH;
  }
}
