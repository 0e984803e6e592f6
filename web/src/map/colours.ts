/** The theme's colours, as numbers for the canvas. */
import { useSyncExternalStore } from 'react';
import { LOOKS } from './looks';
import type { Colour } from './painter';

/** The colour a custom property has now. */
export function colourOf(property: string): Colour {
  const probe = document.createElement('span');
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const text = getComputedStyle(probe).color;
  probe.remove();
  const [red = 0, green = 0, blue = 0] = (text.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue];
}

/** The colours of all looks. */
export function lookColours(): Colour[] {
  return LOOKS.map((look) => colourOf(look.colour));
}

const dark = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : undefined;

/** `light` or `dark`, whichever the visitor prefers now. */
export function useTheme(): string {
  return useSyncExternalStore(
    (changed) => {
      dark?.addEventListener('change', changed);
      return () => dark?.removeEventListener('change', changed);
    },
    () => (dark?.matches ? 'dark' : 'light'),
  );
}
