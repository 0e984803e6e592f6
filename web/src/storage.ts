/** What the browser keeps for us. Where it keeps nothing (blocked, full), everything works as long as the page is open. */
const fallback = new Map<string, string>();

export function recall(key: string): string | undefined {
  try {
    // What could not be kept is newer than what is kept there.
    return fallback.get(key) ?? localStorage.getItem(key) ?? undefined;
  } catch {
    return fallback.get(key);
  }
}

export function remember(key: string, value: string) {
  try {
    localStorage.setItem(key, value);
    fallback.delete(key);
  } catch {
    fallback.set(key, value);
  }
}

export function forget(key: string) {
  fallback.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // It was never kept there.
  }
}
