const KEY = 'onsale.admin';

/** The token of this tab, if there is one. */
export function keptToken(): string | undefined {
  return sessionStorage.getItem(KEY) ?? undefined;
}

export function keepToken(token: string | undefined) {
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
}

/** What a token says it is for. The service checks the signature; this only spares a mistake. */
export function roleOf(token: string): string | undefined {
  try {
    const claims = token.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/');
    return JSON.parse(atob(claims ?? '')).role;
  } catch {
    return undefined;
  }
}
