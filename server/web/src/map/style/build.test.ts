import { validateStyleMin } from '@maplibre/maplibre-gl-style-spec';
import { beforeAll, expect, test, vi } from 'vitest';
import type { CollectionDocument } from '../../api/types';
import { layersOf } from '../../layers/catalogue';
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
  layers, theme: 'dark', language: 'zh', hidden: new Set(), revisionOf: (layer) => layer.document.revision, scale: 1, ...more,
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

test('a new revision is a new address', () => {
  const style = buildStyle(input({ revisionOf: () => 8 }));
  const roads = style.sources['roads'];
  expect(roads?.type === 'vector' && roads.tiles).toEqual([
    'http://127.0.0.1:8080/collections/roads/tiles/WebMercatorQuad/{z}/{y}/{x}?v=8',
  ]);
});
