/** Light, dark, or what the system says. `public/theme.js` applies it before the first paint. */

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'tidings.theme';
const ORDER: readonly Theme[] = ['system', 'light', 'dark'];

class ThemeChoice {
  chosen = $state<Theme>((localStorage.getItem(KEY) as Theme | null) ?? 'system');

  next(): void {
    this.chosen = ORDER[(ORDER.indexOf(this.chosen) + 1) % ORDER.length] ?? 'system';
    if (this.chosen === 'system') {
      localStorage.removeItem(KEY);
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem(KEY, this.chosen);
      document.documentElement.dataset.theme = this.chosen;
    }
  }
}

export const theme = new ThemeChoice();
