// What a person has chosen: language, theme, hidden layers. Remembered in the browser.
import { preferredLanguage, type Language } from '../i18n/i18n';
import { isPlain, PLAIN, type Presentation } from '../layers/presentation';
import type { Theme } from '../map/palette';
import type { Shared } from '../map/view';

const LANGUAGE_KEY = 'citywall.language';
const THEME_KEY = 'citywall.theme';
const HIDDEN_KEY = 'citywall.hidden';
const LAYERS_KEY = 'citywall.layers';
const ORDER_KEY = 'citywall.order';

// A browser may refuse storage altogether; the page then forgets, and works.
function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing to do: it holds until the page is closed.
  }
}

function rememberedJson<T>(key: string, otherwise: T): T {
  try {
    return (JSON.parse(remembered(key) ?? 'null') as T | null) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export { remember, rememberedJson };

export class Settings {
  language = $state<Language>('en');
  theme = $state<Theme>('dark');
  hidden = $state.raw<ReadonlySet<string>>(new Set());

  /** How layers are seen, where a person has changed it. */
  presentations = $state.raw<Readonly<Record<string, Presentation>>>({});
  /** Layers from the ground up, where a person has moved one. */
  order = $state.raw<readonly string[]>([]);

  private readonly light = window.matchMedia('(prefers-color-scheme: light)');
  private themeChosen = false;

  constructor(hidden: string[] | null, shared: Shared) {
    const language = remembered(LANGUAGE_KEY);
    this.language = language === 'zh' || language === 'en' ? language : preferredLanguage(navigator.languages);
    const theme = remembered(THEME_KEY);
    this.themeChosen = theme === 'dark' || theme === 'light';
    this.theme = theme === 'dark' || theme === 'light' ? theme : this.light.matches ? 'light' : 'dark';
    this.light.addEventListener('change', ({ matches }) => {
      if (!this.themeChosen) this.theme = matches ? 'light' : 'dark';
    });
    const layers = shared.layers ?? (hidden === null ? rememberedJson<Record<string, Partial<Presentation>>>(LAYERS_KEY, {}) : {});
    this.presentations = Object.fromEntries(Object.entries(layers).map(([id, value]) => [id, { ...PLAIN, ...value }]));
    this.order = shared.order ?? rememberedJson<string[]>(ORDER_KEY, []);
    this.hidden = new Set(hidden ?? (remembered(HIDDEN_KEY) ?? '').split(',').filter((id) => id !== ''));
  }

  toggleLanguage(): void {
    this.language = this.language === 'zh' ? 'en' : 'zh';
    remember(LANGUAGE_KEY, this.language);
  }

  toggleTheme(): void {
    this.theme = this.theme === 'dark' ? 'light' : 'dark';
    this.themeChosen = true;
    remember(THEME_KEY, this.theme);
  }

  presentationOf(id: string): Presentation {
    return this.presentations[id] ?? PLAIN;
  }

  present(id: string, change: Partial<Presentation>): void {
    const next = { ...this.presentations, [id]: { ...this.presentationOf(id), ...change } };
    if (isPlain(next[id]!)) delete next[id];
    this.presentations = next;
    remember(LAYERS_KEY, JSON.stringify(next));
  }

  setOrder(order: readonly string[]): void {
    this.order = order;
    remember(ORDER_KEY, JSON.stringify(order));
  }

  setHidden(ids: readonly string[], hidden: boolean): void {
    const next = new Set(this.hidden);
    for (const id of ids) {
      if (hidden) next.add(id);
      else next.delete(id);
    }
    this.hidden = next;
    remember(HIDDEN_KEY, [...next].join(','));
  }
}
