import { diff, validateStyleMin } from '@maplibre/maplibre-gl-style-spec';
import { beforeAll, expect, test, vi } from 'vitest';
import type { CollectionDocument } from '../../api/types';
import { layersOf } from '../../layers/catalogue';
import { PLAIN } from '../../layers/presentation';
import { START, styleOf } from '../../styling/recipe';
import { buildStyle, type StyleInput } from './build';

const collection = (id: string, geometry_type: string, fields: string[]): CollectionDocument => ({
  id, title: { zh: id, en: id }, kind: id === 'events' ? 'incidents' : 'layer', category: 'spatiotemporal_base', generated: true, source: '',
  geometry_type, extent: [116, 38, 118, 40], count: 5000, open: null, open_by_level: null, revision: 7, fields: fields.map((name) => [name, 'text']),
});
const layers = layersOf({
  name: { zh: '', en: '' }, time_zone: 'UTC', extent: null, home: null, notice: null, revision: 1, version: '', area_levels: [],
  collections: [
    collection('districts', 'POLYGON', ['name']), collection('streets', 'POLYGON', ['name']),
    collection('communities', 'POLYGON', ['name']), collection('grids', 'POLYGON', ['name']),
    collection('roads', 'LINESTRING', ['fclass', 'name']), collection('lanes', 'LINESTRING', []),
    collection('highways', 'LINESTRING', []), collection('water', 'POLYGON', []), collection('green', 'POLYGON', []),
    collection('buildings', 'POLYGON', ['height', 'floors', 'name', 'min_height']), collection('building_huts', 'POLYGON', []),
    collection('components', 'POINT', []), collection('cameras', 'POINT', ['heading']), collection('sensors', 'POINT', []),
    collection('institutions', 'POINT', ['name']), collection('live', 'GEOMETRY', ['name']), collection('events', 'GEOMETRY', []),
  ],
});
const input = (more: Partial<StyleInput> = {}): StyleInput => ({
  layers, theme: 'dark', language: 'zh', hidden: new Set(), revisionOf: (layer) => layer.document.revision, asOf: () => null, presentationOf: () => PLAIN,
  styleOf: () => null, scene: { exaggeration: null, relief: false, sun: null }, fenceTitles: new Map(), scale: 1, ...more,
});

beforeAll(() => {
  vi.stubGlobal('location', { origin: 'http://127.0.0.1:8080', pathname: '/map/' });
});

test('the style is valid in both themes, both languages and on a wall', () => {
  for (const more of [{}, { theme: 'light', language: 'en' }, { scale: 1.6 }] as Partial<StyleInput>[]) {
    expect(validateStyleMin(buildStyle(input(more)))).toEqual([]);
  }
});

test('no address outside the server is in the style, and letters need no glyph server', () => {
  const style = buildStyle(input());
  expect(style.glyphs).toBeUndefined();
  expect(style.sprite).toBeUndefined();
  for (const address of JSON.stringify(style).match(/https?:\/\/[^"]*/g) ?? []) {
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:8080\//);
  }
});

test('a hidden collection’s layers are all hidden, and no other', () => {
  const style = buildStyle(input({ hidden: new Set(['buildings']) }));
  for (const layer of style.layers) {
    const visibility = 'layout' in layer ? layer.layout?.visibility : undefined;
    expect(visibility === 'none', layer.id).toBe(layer.id.startsWith('buildings:'));
  }
});

test('opacity, a filter, a style of the city and the sun keep the style valid', () => {
  const kept = styleOf('buildings', 'polygon', { ...START, kind: 'graduated', field: 'height' }, [1, 2, 3, 4, 5, 6], 'x');
  const style = buildStyle(input({
    presentationOf: () => ({ opacity: 0.4, filter: "name LIKE '%a%'", style: null }),
    styleOf: (layer) => (layer.id === 'buildings' ? kept : null),
    scene: { exaggeration: 1.5, relief: true, sun: { azimuth: 180, altitude: 20 } },
  }));
  expect(validateStyleMin(style)).toEqual([]);
  const roads = style.sources['roads'];
  expect(roads?.type === 'vector' && roads.tiles?.[0]).toContain("&filter=name%20LIKE%20'%25a%25'");
  expect(style.layers.filter(({ id }) => id.startsWith('buildings:kept-'))).toHaveLength(2);
});

test('a new revision is a new address', () => {
  const style = buildStyle(input({ revisionOf: () => 8 }));
  const roads = style.sources['roads'];
  expect(roads?.type === 'vector' && roads.tiles).toEqual([
    'http://127.0.0.1:8080/collections/roads/tiles/WebMercatorQuad/{z}/{y}/{x}?v=8',
  ]);
});

test('buildings are drawn at every zoom again after an earlier version of them was', () => {
  const [now, before] = [buildStyle(input()), buildStyle(input({ asOf: ({ id }) => (id === 'buildings' ? 5 : null) }))];
  // The map keeps a source while the layers change; it leaves an end of the zooms as it is where a change says none.
  const ranges = diff({ ...before, sources: now.sources }, now).filter(({ command }) => command === 'setLayerZoomRange').map(({ args }) => args);
  expect(ranges).toEqual([['buildings:flat', 11, 24]]);
});
