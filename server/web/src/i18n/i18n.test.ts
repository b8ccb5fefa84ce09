import { expect, test } from 'vitest';
import { ago, duration, fieldTitle, fill, layerTitle, local, localSource, preferredLanguage, texts, valueTitle } from './i18n';

const sources = import.meta.glob('../**/*.{ts,svelte}', { query: '?raw', import: 'default', eager: true });

test('both languages have every text, and none is empty', () => {
  expect(Object.keys(texts.en).sort()).toEqual(Object.keys(texts.zh).sort());
  for (const text of [...Object.values(texts.zh), ...Object.values(texts.en)]) expect(text).not.toBe('');
});

test('a text names the same values in both languages', () => {
  const names = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const key of Object.keys(texts.zh) as (keyof typeof texts.zh)[]) {
    expect(names(texts.en[key]), key).toEqual(names(texts.zh[key]));
  }
});

test('every text is used somewhere', () => {
  const code = Object.entries(sources)
    .filter(([path]) => !path.includes('/zh.ts') && !path.includes('/en.ts') && !path.includes('.test.'))
    .map(([, text]) => text as string)
    .join('\n');
  // Keys that are put together from a prefix and a value.
  const composed = /^(export|compare|category|level|value|tools|select|measure|edit|style|line\.(live|connecting|lost))(\.|$)/;
  const unused = Object.keys(texts.zh).filter((key) => !composed.test(key) && !code.includes(`'${key}'`));
  expect(unused).toEqual([]);
});

test('no Chinese is written outside the dictionaries', () => {
  const strays = Object.entries(sources)
    .filter(([path]) => !/\/(zh|en|fields|roles)\.ts$|\.test\.ts$/.test(path))
    .filter(([, text]) => /[\u4e00-\u9fff]/.test((text as string).replace(/\/\/.*$|\/\*[\s\S]*?\*\/|<!--[\s\S]*?-->/gm, '')))
    .map(([path]) => path);
  expect(strays).toEqual([]);
});

test('the browser’s languages choose the page’s', () => {
  expect(preferredLanguage(['zh-TW', 'en'])).toBe('zh');
  expect(preferredLanguage(['fr', 'zh-CN'])).toBe('zh');
  expect(preferredLanguage(['en-US', 'zh'])).toBe('en');
  expect(preferredLanguage(['fr'])).toBe('en');
});

test('values are filled in and a missing one stays visible', () => {
  expect(fill('{a} and {b}', { a: 1 })).toBe('1 and {b}');
});

test('a text that one language lacks comes from the other', () => {
  expect(local('en', { zh: '天津', en: '' })).toBe('天津');
  expect(local('zh', null)).toBe('');
});

test('durations are told in their largest whole unit', () => {
  expect(duration('en', 59_999)).toBe('59 s');
  expect(duration('zh', 3_600_000)).toBe('1 小时');
  expect(duration('en', 200_000_000)).toBe('2 d');
  expect(ago('zh', 1_000)).toBe('刚刚');
  expect(ago('en', 120_000)).toBe('2 min ago');
});

test('known attributes have titles, others keep their names', () => {
  expect(fieldTitle('zh', 'height')).toBe('高度');
  expect(fieldTitle('en', 'sort_rank')).toBe('sort_rank');
  expect(fieldTitle('en', 'constructor')).toBe('constructor');
  expect(valueTitle('zh', 'use', 'office')).toBe('办公');
  expect(valueTitle('zh', 'use', 'toString')).toBe('toString');
  expect(valueTitle('zh', 'valueOf', 'office')).toBe('office');
});

test('that a layer is generated is said once', () => {
  const layer = { id: 'roads', title: { zh: '道路（生成）', en: 'Roads (generated)' }, generated: true };
  expect(layerTitle('zh', layer)).toBe('道路');
  expect(layerTitle('en', layer)).toBe('Roads');
  expect(layerTitle('en', { ...layer, generated: false })).toBe('Roads (generated)');
  expect(layerTitle('en', { id: 'x', title: { zh: '', en: '' }, generated: true })).toBe('x');
});

test('a source in both languages is shown in one, any other as it is', () => {
  expect(localSource('zh', '天地图 / Tianditu')).toBe('天地图');
  expect(localSource('en', '天地图（MIT）/ Tianditu (MIT)')).toBe('Tianditu (MIT)');
  expect(localSource('en', '© OpenStreetMap contributors, ODbL')).toBe('© OpenStreetMap contributors, ODbL');
  expect(localSource('zh', 'a / b')).toBe('a / b');
});
