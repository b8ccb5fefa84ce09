import { expect, test } from 'vitest';
import type { CityDocument, CollectionDocument } from '../api/types';
import { groupsOf, layersOf } from './catalogue';
import { drawnHeight, roleOf } from './roles';

const collection = (id: string, geometry_type: string, fields: string[] = [], more: Partial<CollectionDocument> = {}): CollectionDocument => ({
  id, title: { zh: id, en: id }, kind: 'layer', category: 'spatiotemporal_base', generated: false, source: '', geometry_type,
  extent: null, count: 10, open: null, open_by_level: null, revision: 1, fields: fields.map((name) => [name, 'text']), ...more,
});
const city = (collections: CollectionDocument[]): CityDocument => ({
  name: { zh: '', en: '' }, time_zone: 'UTC', extent: null, home: null, notice: null, revision: 1, version: '', collections,
  area_levels: [{ collection: 'wards', title: { zh: '', en: '' }, name_field: 'ward', code_field: 'code' }],
});

test('a foreign city’s layers are recognised by what they hold', () => {
  const role = (document: CollectionDocument): string => roleOf(document, city([]).area_levels).kind;
  expect(role(collection('bag_pand', 'MULTIPOLYGON', ['height']))).toBe('buildings');
  expect(role(collection('wegen', 'LINESTRING', ['fclass']))).toBe('roads');
  expect(role(collection('streets', 'LINESTRING', ['name']))).toBe('roads');
  expect(role(collection('streets', 'POLYGON', ['name']))).toBe('area');
  expect(role(collection('wards', 'POLYGON'))).toBe('area');
  expect(role(collection('rivers', 'MULTILINESTRING'))).toBe('water');
  expect(role(collection('whatever', 'GEOMETRY'))).toBe('plain');
  expect(role(collection('alarms', 'POINT', [], { kind: 'incidents' }))).toBe('live');
});

test('a layer keeps its place: land below roads below buildings below live items', () => {
  const layers = layersOf(city([
    collection('events', 'GEOMETRY', [], { kind: 'incidents' }), collection('buildings', 'POLYGON'),
    collection('roads', 'LINESTRING'), collection('districts', 'POLYGON'),
  ]));
  expect(layers.map(({ id }) => id)).toEqual(['districts', 'roads', 'buildings', 'events']);
});

test('the tree has the catalogue’s order, and an unknown category is not lost', () => {
  const groups = groupsOf(layersOf(city([
    collection('a', 'POINT', [], { category: 'iot_sensing' }), collection('b', 'POINT', [], { category: 'tomorrow' }),
    collection('grids', 'POLYGON'), collection('districts', 'POLYGON'), collection('roads', 'LINESTRING'),
  ])));
  expect(groups.map(({ category }) => category)).toEqual(['spatiotemporal_base', 'iot_sensing', 'other']);
  expect(groups[0]?.layers.map(({ id }) => id)).toEqual(['roads', 'districts', 'grids']);
});

test('a building is as high as it says, or as its floors, or modest', () => {
  const role = roleOf(collection('buildings', 'POLYGON', ['height', 'floors']), []);
  expect(drawnHeight(role, { height: 42, floors: 3 })).toBe(42);
  expect(drawnHeight(role, { height: null, floors: 3 })).toBe(9);
  expect(drawnHeight(role, { height: 'tall' })).toBe(7);
  expect(drawnHeight({ kind: 'water' }, { height: 5 })).toBeNull();
});
