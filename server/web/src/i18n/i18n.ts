// Texts, numbers and times in the language of the page. Pure: the language is an argument.
import type { LocalText } from '../api/types';
import { en } from './en';
import { fieldTitles, valueTitles } from './fields';
import { zh, type TextKey, type Texts } from './zh';

export type Language = 'zh' | 'en';

export const texts: Record<Language, Texts> = { zh, en };

/** The tag that the browser's own formatting knows a language by. */
export const localeOf = (language: Language): string => (language === 'zh' ? 'zh-CN' : 'en-GB');

/** The page's language for a browser's list of preferred ones: Chinese if any of them is. */
export function preferredLanguage(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    if (tag.toLowerCase().startsWith('zh')) return 'zh';
    if (tag.toLowerCase().startsWith('en')) return 'en';
  }
  return 'en';
}

/** Fills `{name}` in a text. */
export function fill(text: string, values: Record<string, string | number> = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The text in the language, or in the other one if it is empty. */
export function local(language: Language, text: LocalText | null | undefined): string {
  if (!text) return '';
  return text[language] || text.zh || text.en;
}

/** A duration in its largest whole unit. */
export function duration(language: Language, milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const units: [number, TextKey][] = [
    [86_400, 'time.days'],
    [3_600, 'time.hours'],
    [60, 'time.minutes'],
    [1, 'time.seconds'],
  ];
  const [size, key] = units.find(([size]) => seconds >= size) ?? units[3]!;
  return fill(texts[language][key], { n: Math.floor(seconds / size) });
}

/** How long ago an instant was. */
export function ago(language: Language, milliseconds: number): string {
  if (milliseconds < 5_000) return texts[language]['time.now'];
  return fill(texts[language]['time.ago'], { age: duration(language, milliseconds) });
}

/** The title of an attribute: the shared one, or its own name. */
export const fieldTitle = (language: Language, field: string): string =>
  Object.hasOwn(fieldTitles, field) ? local(language, fieldTitles[field]) : field;

/** What a value of an attribute means, where that is known; else the value itself. */
export function valueTitle(language: Language, field: string, value: string): string {
  const titles = Object.hasOwn(valueTitles, field) ? valueTitles[field] : undefined;
  return titles && Object.hasOwn(titles, value) ? local(language, titles[value]) : value;
}

/** A layer's title. That it is generated is said by a badge beside it, so once is enough. */
export function layerTitle(language: Language, layer: { id: string; title: LocalText; generated: boolean }): string {
  const title = local(language, layer.title) || layer.id;
  return layer.generated ? title.replace(GENERATED_SUFFIX, '') : title;
}

const GENERATED_SUFFIX = /\s*[(\uff08](?:generated|\u751f\u6210)[)\uff09]$/i;
const HAN = /\p{Script=Han}/u;

/** The half of a source line that is in the page's language, if it is given in both: “Chinese / English”. */
export function localSource(language: Language, source: string): string {
  const parts = source.split(/\s*\/\s+/);
  const [first = '', second = ''] = parts;
  if (parts.length !== 2 || HAN.test(first) === HAN.test(second)) return source;
  return HAN.test(first) === (language === 'zh') ? first : second;
}
