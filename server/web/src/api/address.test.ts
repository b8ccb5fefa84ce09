import { expect, test } from 'vitest';
import { rootOf } from './address';

test('the server is found from the page, with and without a prefix and a trailing slash', () => {
  expect(rootOf('/map')).toBe('/');
  expect(rootOf('/map/')).toBe('/');
  expect(rootOf('/map/index.html')).toBe('/');
  expect(rootOf('/city-7/map/')).toBe('/city-7/');
  expect(rootOf('/map/map/')).toBe('/map/');
  expect(rootOf('/')).toBe('/');
});
