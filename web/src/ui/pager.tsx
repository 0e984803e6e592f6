import { Button } from './button';

interface Pages {
  page: number;
  limit: number;
  total: number;
}

/** Previous and next, where there is more than one page. */
export function Pager({ pages, go }: { pages: Pages; go: (page: number) => void }) {
  const last = Math.max(1, Math.ceil(pages.total / pages.limit));
  if (last === 1) return null;
  return (
    <nav aria-label="Pages" className="mt-6 flex items-center justify-center gap-4">
      <Button isOff={pages.page <= 1} onClick={() => go(pages.page - 1)}>
        Previous
      </Button>
      <span>
        Page {pages.page} of {last}
      </span>
      <Button isOff={pages.page >= last} onClick={() => go(pages.page + 1)}>
        Next
      </Button>
    </nav>
  );
}
