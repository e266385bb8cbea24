/** What the browser says of the page: whether it is looked at, and whether there is a network. */

class Page {
  /** Visible and with the focus: somebody reads. */
  attended = $state(false);
  online = $state(true);

  /** Starts listening; `back` is called when network or page return. */
  listen(back: () => void, away: () => void, offline: () => void): () => void {
    const look = () => {
      this.attended = document.visibilityState === 'visible' && document.hasFocus();
    };
    const shown = () => {
      look();
      if (document.visibilityState === 'visible') back();
      else away();
    };
    const network = () => {
      this.online = navigator.onLine;
      if (this.online) back();
      else offline();
    };
    const stop = new AbortController();
    const { signal } = stop;
    document.addEventListener('visibilitychange', shown, { signal });
    window.addEventListener('pagehide', away, { signal });
    window.addEventListener('focus', look, { signal });
    window.addEventListener('blur', look, { signal });
    window.addEventListener('online', network, { signal });
    window.addEventListener('offline', network, { signal });
    look();
    this.online = navigator.onLine;
    return () => stop.abort();
  }
}

export const page = new Page();
