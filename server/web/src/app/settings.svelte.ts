// What a person has chosen: language, theme, hidden layers. Remembered in the browser.
import { preferredLanguage, type Language } from '../i18n/i18n';
import type { Theme } from '../map/palette';

const LANGUAGE_KEY = 'citywall.language';
const THEME_KEY = 'citywall.theme';
const HIDDEN_KEY = 'citywall.hidden';

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

export class Settings {
  language = $state<Language>('en');
  theme = $state<Theme>('dark');
  hidden = $state.raw<ReadonlySet<string>>(new Set());

  private readonly light = window.matchMedia('(prefers-color-scheme: light)');
  private themeChosen = false;

  constructor(hidden: string[] | null) {
    const language = remembered(LANGUAGE_KEY);
    this.language = language === 'zh' || language === 'en' ? language : preferredLanguage(navigator.languages);
    const theme = remembered(THEME_KEY);
    this.themeChosen = theme === 'dark' || theme === 'light';
    this.theme = theme === 'dark' || theme === 'light' ? theme : this.light.matches ? 'light' : 'dark';
    this.light.addEventListener('change', ({ matches }) => {
      if (!this.themeChosen) this.theme = matches ? 'light' : 'dark';
    });
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
