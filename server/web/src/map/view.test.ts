import { expect, test } from 'vitest';
import { formatHash, parseHash } from './view';

const view = { zoom: 15.2, latitude: 39.1, longitude: 117.2, bearing: -20, pitch: 55 };

test('a view survives the address', () => {
  const back = parseHash(formatHash(view, ['roads', 'grids']));
  expect(back.view).toEqual(view);
  expect(back.hidden).toEqual(['grids', 'roads']);
});

test('an address that is no view opens the city at home', () => {
  for (const hash of ['', '#', '#view=', '#view=a/b/c', '#view=12/91/0', '#view=12//3', '#view=99/1/1', '#x=1']) {
    expect(parseHash(hash).view, hash).toBeNull();
  }
});

test('an address without layers leaves them as they were', () => {
  expect(parseHash('#view=1/2/3').hidden).toBeNull();
  expect(parseHash('#view=1/2/3&off=').hidden).toEqual([]);
});
