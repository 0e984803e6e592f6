import { useEffect } from 'react';

/** The tab's title, and with it what a screen reader says first. */
export function usePageTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Onsale`;
  }, [title]);
}
