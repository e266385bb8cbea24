/** Times as people say them, in the language of the browser. */

const time = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const short = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long' });
const shortDate = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });
const year = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

/** The day of a moment, here; the same number for two moments of one day. */
export function dayOf(at: number): number {
  const day = new Date(at);
  return Date.UTC(day.getFullYear(), day.getMonth(), day.getDate()) / 86_400_000;
}

/** "14:03"; nothing for what is no time. */
export function clockTime(at: number): string {
  return Number.isNaN(at) ? '' : time.format(at);
}

/** "Friday, 20 November 2026 at 14:03" */
export function fullTime(at: number): string {
  return Number.isNaN(at) ? '' : full.format(at);
}

/** "20 November 2026, 14:03" */
export function stampTime(at: number): string {
  return Number.isNaN(at) ? '' : `${year.format(at)}, ${time.format(at)}`;
}

/** For machines. */
export function isoTime(at: number): string {
  return Number.isNaN(at) ? '' : new Date(at).toISOString();
}

/** "Today", "Yesterday", "Tuesday", "3 October" */
export function dayName(at: number, now: number): string {
  if (Number.isNaN(at)) return '';
  const ago = dayOf(now) - dayOf(at);
  if (ago === 0 || ago === 1) return capital(relative.format(-ago, 'day'));
  if (ago > 1 && ago < 7) return weekday.format(at);
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? date.format(at) : year.format(at);
}

/** For the list of rooms: a time today, a weekday this week, else a date. */
export function briefTime(at: number, now: number): string {
  if (Number.isNaN(at)) return '';
  const ago = dayOf(now) - dayOf(at);
  if (ago <= 0) return time.format(at);
  return ago < 7 ? short.format(at) : shortDate.format(at);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
